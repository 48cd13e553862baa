"""What tells "none of these": what is read of features, the score, and which inputs are known."""

from __future__ import annotations

import math

import pytest
import torch

from fusion.config import OpenSetConfig
from fusion.evaluation import rejection
from fusion.heads.open_set import OpenSet, OutlierHead, given_parts, known_by, statistics_of
from fusion.model import FusionModel
from fusion.strategies import Unimodal
from fusion.training.open_set import Statistics, fit_head, together
from fusion.types import Features

ONE = (("image", "text"),)
TWO = (("image",), ("text", "audio"))


def test_statistics_of_real_tokens_only() -> None:
    tokens = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [99.0, 99.0]]])
    mask = torch.tensor([[True, True, False]])
    found = statistics_of(Features(tokens, mask, torch.tensor([[7.0, 8.0]]), mask / 2))
    torch.testing.assert_close(found, torch.tensor([[7.0, 8.0, 2.0, 4.0, 1.0, 2.0, 3.0, 6.0]]))


def test_confidence_is_the_log_odds_of_the_likeliest_label() -> None:
    head = OutlierHead(embed_dim=2, hidden=2, num_classes=3)
    head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    statistics = torch.zeros(1, 8)
    statistics[0, :2] = torch.tensor([3.0, 1.0])
    p = torch.tensor([3.0, 1.0, 0.0]).softmax(-1).max().item()
    assert head.confidence(statistics).item() == pytest.approx(math.log(p / (1 - p)), abs=1e-5)
    head.shares.copy_(torch.tensor([0.0, 2.0]))
    assert head(statistics).item() == pytest.approx(2 * math.log(p / (1 - p)), abs=1e-5)


def test_one_known_modality_is_enough_within_a_part() -> None:
    thresholds = {"image": 0.0, "text": 0.0, "image+text": 1.0}
    scores = {"image": torch.tensor([2.0, 0.5, -1.0]), "text": torch.tensor([-9.0, 0.5, 3.0])}
    assert known_by(scores, ONE, thresholds).tolist() == [True, False, True]
    assert known_by({"image": scores["image"]}, ONE, thresholds).tolist() == [True, True, False]


def test_every_part_has_to_be_known() -> None:
    thresholds = dict.fromkeys(("image", "text", "audio", "text+audio"), 0.0)
    scores = {"image": torch.tensor([1.0, 1.0, -1.0]), "text": torch.tensor([1.0, -1.0, 1.0])}
    assert known_by(scores, TWO, thresholds).tolist() == [True, False, False]
    assert given_parts(TWO, ("audio",)) == [("audio",)] and given_parts(TWO, ("image", "audio")) == [("image",), ("audio",)]


def test_a_network_learns_what_lies_apart_and_every_kind_counts_the_same() -> None:
    """Known media around 0, others far along one axis, the rare kind on the other side: both are noticed."""
    torch.manual_seed(0)

    def blob(count: int, place: float) -> torch.Tensor:
        x = torch.randn(count, 16)
        x[:, 3] += place
        return x

    train = Statistics({"samples": blob(300, 0)}, {"often": blob(900, 6), "seldom": blob(20, -6), "more": blob(50, 7)})
    val = Statistics({"samples": blob(200, 0)}, {"often": blob(100, 6), "seldom": blob(100, -6), "more": blob(50, 7)})
    head = fit_head(FusionModel({}, Unimodal(("image",), 4, 3)), train, val)
    with torch.inference_mode():
        threshold = head(val.known["samples"]).quantile(0.05)
        assert all((head(x) < threshold).float().mean() > 0.9 for x in val.other.values())
    rows, weights = together(train.other)
    assert len(rows) == 970 and weights[900:920].sum().item() == pytest.approx(970 / 3, rel=1e-4)


def test_thresholds_lie_at_five_percent_or_halfway() -> None:
    known = {"image": {"samples": torch.linspace(0, 1, 2001)}}
    overlapping = {"image": {"photos": torch.linspace(-1, 0.5, 2001)}}
    apart = {"image": {"photos": torch.linspace(-1, -0.5, 2001)}}
    assert rejection.threshold_of(("image",), known, overlapping, 0.05) == pytest.approx(0.05, abs=0.02)
    assert rejection.threshold_of(("image",), known, apart, 0.05) == pytest.approx((0.05 - 0.525) / 2, abs=0.02)


def test_figures_of_what_is_measured() -> None:
    found = rejection.by_kind({"a": torch.ones(10), "b": torch.zeros(10)}, {"c": -torch.ones(10), "d": torch.full((10,), 0.7)}, 0.5)
    assert (found["accepted"], found["noticed"]) == (0.5, 0.5) and found["noticed_by_kind"] == {"c": 1.0, "d": 0.0}
    config = OpenSetConfig("digits-find", ("image", "text"), ("image", "text"), {"image": 0.0, "text": 0.0}, 10)
    ones = {m: {"k": torch.ones(50)} for m in ("image", "text")}
    low = {m: {"k": -torch.ones(50)} for m in ("image", "text")}
    row = rejection.by_subset(OpenSet(config), ("image", "text"), ones, low)
    assert row == {"accepted": 1.0, "noticed": 1.0, "accepted_with_one_known": 1.0}
