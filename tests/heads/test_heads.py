"""Heads by hand: what a left-out modality changes, and when an answer counts as known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion.config import StrategyConfig
from fusion.heads.classification import contributions, vote_head
from fusion.heads.open_set import OpenSetThresholds


def test_contribution_is_the_fall_of_the_answer_and_against_chance_alone() -> None:
    subsets = {("image", "text"): np.array([0.7, 0.3]), ("image",): np.array([0.6, 0.4]), ("text",): np.array([0.2, 0.8])}
    assert contributions(subsets, ("image", "text")) == pytest.approx({"image": 0.5, "text": 0.1})
    assert contributions(subsets, ("text",)) == pytest.approx({"text": 0.3}), "with nothing left every label is as likely"


def test_vote_head_begins_with_the_votes() -> None:
    head = vote_head(5, 3)
    x = torch.zeros(2, 5)
    x[:, -3:] = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    torch.testing.assert_close(head(x) - head.bias, x[:, -3:])


def test_known_by_all_together_or_by_one_alone() -> None:
    thresholds = OpenSetThresholds({"image+text": 0.5, "image": 0.4, "text": 0.4}, {"image": 0.8})
    both = {("image", "text"): [0.6, 0.1, 0.1], ("image",): [0.1, 0.9, 0.1], ("text",): [0.1, 0.1, 0.9]}
    confidences = {given: torch.tensor(values) for given, values in both.items()}
    assert thresholds.known(confidences, ("image", "text")).tolist() == [True, True, False], "text has no threshold of its own"
    assert thresholds.known(confidences, ("text",)).tolist() == [False, False, True]


def test_a_closed_set_has_no_thresholds() -> None:
    assert OpenSetThresholds.of(StrategyConfig("late", "digits", 10)) is None
    assert OpenSetThresholds.of(StrategyConfig("late", "scenes", 11, thresholds={"image": 0.5})) == OpenSetThresholds({"image": 0.5}, {})
