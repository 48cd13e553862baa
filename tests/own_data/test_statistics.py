"""Intervals, Holm's correction, and the sentence on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from fusion.own_data.bootstrap import Bootstrap, Difference, holm
from fusion.own_data.results import interaction, shapley
from fusion.own_data.verdict import judge
from tests.own_data import simulation


def test_the_interval_of_a_share_is_the_textbook_one() -> None:
    x = np.zeros((1, 400), np.float32)
    x[:, :280] = 1  # 0.7, standard error 0.0229
    found = Bootstrap(np.ones((1, 400), bool)).estimate(x)
    assert (
        found.mean == pytest.approx(0.7) and found.low == pytest.approx(0.655, abs=0.006) and found.high == pytest.approx(0.745, abs=0.006)
    )


def test_groups_widen_the_interval() -> None:
    groups = np.repeat(np.arange(40), 10)
    x = (np.arange(40) % 2)[groups][None].astype(np.float32)  # all samples of a group are alike: 40 observations, not 400
    alone, grouped = (Bootstrap(np.ones((1, 400), bool), g).estimate(x) for g in (None, groups))
    assert grouped.high - grouped.low == pytest.approx(2 * 1.96 * 0.5 / 40**0.5, rel=0.1)
    assert (grouped.high - grouped.low) > 2.5 * (alone.high - alone.low)


def test_folds_and_seeds_are_read_where_they_were_tested() -> None:
    tested = np.zeros((2, 100), bool)
    tested[0, :50] = tested[1, 50:] = True
    x = np.where(tested, 1.0, 99.0)
    draws = Bootstrap(tested)
    assert draws.mean(x) == 1 and draws.estimate(x).high == pytest.approx(1)


def test_a_paired_difference_is_narrower_than_two_intervals() -> None:
    rng = np.random.default_rng(0)
    a = (rng.random((1, 300)) < 0.7).astype(np.float32)
    b = a.copy()
    b[0, np.flatnonzero(a[0])[:12]] = 0
    draws = Bootstrap(np.ones((1, 300), bool))
    found = draws.difference(a, b)
    assert found.mean == pytest.approx(0.04) and found.low > 0 and found.p < 0.01
    assert draws.estimate(a).low < draws.estimate(b).high, "the intervals overlap"


def test_holm_by_hand() -> None:
    found = holm({name: Difference(1, 0, 2, p, p) for name, p in (("a", 0.01), ("b", 0.04), ("c", 0.03))})
    assert {name: round(d.p_holm, 4) for name, d in found.items()} == {"a": 0.03, "b": 0.06, "c": 0.06}


def test_the_cheapest_that_is_not_worse() -> None:
    rng = np.random.default_rng(0)
    good = (rng.random((1, 500)) < 0.8).astype(np.float32)
    bad = (rng.random((1, 500)) < 0.5).astype(np.float32)
    scores = {"a_only": bad, "late": good, "tensor": np.maximum(good, rng.random((1, 500)) < 0.01).astype(np.float32)}
    found = judge(
        scores, {"a_only": 0.5, "late": 0.8, "tensor": 0.81}, ["a_only"], {"a_only": 1, "late": 2, "tensor": 3}, Bootstrap(good > -1)
    )
    assert found.helps and found.recommended == "late" and found.strategy == "tensor"
    assert str(found.sentence).startswith("Fusion helps: +") and str(found.sentence).endswith("over a alone.")


def test_shares_of_two_modalities() -> None:
    xor = {"a+b": 1.0, "a": 0.5, "b": 0.5}
    assert shapley(xor, 0.5) == {"a": 0.25, "b": 0.25} and interaction(xor, 0.5) == {"redundant": 0, "unique": 0, "synergy": 0.5}
    copies = {"a+b": 0.9, "a": 0.9, "b": 0.9}
    assert interaction(copies, 0.5) == {"redundant": 0.4, "unique": 0, "synergy": 0}


@pytest.mark.parametrize("kind", simulation.HELPS)
def test_the_sentence_is_right_on_data_with_a_known_answer(kind: str) -> None:
    """One run each; `python -m tests.own_data.simulation 100` counts a hundred."""
    found = simulation.verdict_of(simulation.make(kind, 1, 300), "early", 2)
    assert found.helps == simulation.HELPS[kind], found.sentence
