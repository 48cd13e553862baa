"""Heads by hand: what a left-out modality changes, and how votes begin."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fusion.heads.classification import contributions, vote_head


def test_contribution_is_the_fall_of_the_answer_and_against_chance_alone() -> None:
    subsets = {("image", "text"): np.array([0.7, 0.3]), ("image",): np.array([0.6, 0.4]), ("text",): np.array([0.2, 0.8])}
    assert contributions(subsets, ("image", "text")) == pytest.approx({"image": 0.5, "text": 0.1})
    assert contributions(subsets, ("text",)) == pytest.approx({"text": 0.3}), "with nothing left every label is as likely"


def test_vote_head_begins_with_the_votes() -> None:
    head = vote_head(5, 3)
    x = torch.zeros(2, 5)
    x[:, -3:] = torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.5]])
    torch.testing.assert_close(head(x) - head.bias, x[:, -3:])
