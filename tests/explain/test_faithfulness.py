"""Deletion and insertion of an additive function, whose areas have a closed form and whose best order is known."""

from itertools import permutations

import numpy as np
import pytest

from fusion.explain import deletion_insertion
from fusion.types import FusionError

WORTH = np.array([0.3, -0.1, 0.4, 0.0, 0.2])


def additive(kept: np.ndarray) -> np.ndarray:
    return 0.1 + kept @ WORTH


def test_areas_of_an_additive_function_in_closed_form() -> None:
    """A token of rank r (from 0) is there for r + 1/2 of T steps when it is deleted, and for the rest when it is inserted."""
    found = deletion_insertion(additive, WORTH)
    rank = np.argsort(np.argsort(-WORTH))
    assert found.deletion == pytest.approx(0.1 + (WORTH * (rank + 0.5)).sum() / 5)
    assert found.insertion == pytest.approx(0.1 + (WORTH * (4.5 - rank)).sum() / 5)
    np.testing.assert_allclose(found.deletion_curve, 0.1 + 0.8 - np.cumsum([0, 0.4, 0.3, 0.2, 0.0, -0.1]), atol=1e-12)
    np.testing.assert_allclose(found.insertion_curve, 0.1 + np.cumsum([0, 0.4, 0.3, 0.2, 0.0, -0.1]))
    np.testing.assert_allclose(found.shares, np.arange(6) / 5)


def test_no_order_is_better_than_the_true_one() -> None:
    best = deletion_insertion(additive, WORTH, orders=1)
    for order in permutations(range(5)):
        other = deletion_insertion(additive, np.array(order), orders=1)
        assert other.deletion >= best.deletion - 1e-12 and other.insertion <= best.insertion + 1e-12
    worst = deletion_insertion(additive, -WORTH)
    assert worst.deletion == pytest.approx(best.insertion), "for an additive function deletion from behind is insertion"
    assert worst.deletion_gain < 0 < best.deletion_gain and worst.insertion_gain < 0 < best.insertion_gain


def test_chance_is_the_middle() -> None:
    found = deletion_insertion(additive, WORTH, orders=3000)
    assert found.random_deletion == pytest.approx(0.1 + 0.4, abs=0.01) == found.random_insertion
    assert found.deletion_gain == found.random_deletion - found.deletion
    assert found.insertion_gain == found.insertion - found.random_insertion
    blind = [deletion_insertion(additive, np.zeros(5), orders=1, seed=s).deletion for s in range(3000)]
    assert np.mean(blind) == pytest.approx(0.5, abs=0.01), "equal scores are ordered by chance"


def test_same_seed_same_numbers_and_each_set_is_asked_once() -> None:
    asked = []

    def predict(kept: np.ndarray) -> np.ndarray:
        asked.append(kept)
        return additive(kept)

    one, two, other = (deletion_insertion(predict, WORTH, orders=2, seed=s) for s in (1, 1, 2))
    assert one[:6] == two[:6] != other[:6]
    assert len(asked) == 3 and asked[0].dtype == bool and len(np.unique(asked[0], axis=0)) == len(asked[0]) <= 32


def test_fewer_steps_and_a_single_token() -> None:
    found = deletion_insertion(additive, WORTH, steps=2)
    np.testing.assert_allclose(found.shares, [0, 0.4, 1])
    np.testing.assert_allclose(found.insertion_curve, [0.1, 0.8, 0.9])
    single = deletion_insertion(lambda kept: kept[:, 0] * 1.0, np.array([1.0]), steps=16)
    assert single[:6] == (0.5, 0.5, 0.5, 0.5, 0.0, 0.0), "one token can only go or stay"


@pytest.mark.parametrize(
    ("scores", "options", "words"),
    [
        (np.zeros(0), {}, "one finite number"),
        (np.zeros((2, 2)), {}, "one finite number"),
        (np.array([1.0, np.nan]), {}, "one finite number"),
        (WORTH, {"steps": 0}, "at least one step"),
        (WORTH, {"orders": 0}, "one random order"),
    ],
)
def test_refusals(scores: np.ndarray, options: dict, words: str) -> None:
    with pytest.raises(FusionError, match=words):
        deletion_insertion(additive, scores, **options)
