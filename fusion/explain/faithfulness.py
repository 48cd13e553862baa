"""Is an explanation faithful? Delete or insert first what it calls important, and measure how fast the answer falls or rises.

    deletion    area under f(all but the first k tokens of the order) over k / T: low where the order is good
    insertion   area under f(only the first k tokens of the order):               high where the order is good

Both by the trapezoid rule, in the units of f, with order = scores from high to low. Beside them stands the mean over random orders: only
the gain over chance counts. Tokens of equal score are ordered at random.

Reference: Petsiuk 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models (arXiv 1806.07421).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fusion.types import FusionError

PredictWithout = Callable[[np.ndarray], np.ndarray]  # kept (N, T) bool to (N,)


class Faithfulness(NamedTuple):
    """Areas, their means over random orders, and the gains: how much better than chance, positive is good. Curves over `shares`."""

    deletion: float
    insertion: float
    random_deletion: float
    random_insertion: float
    deletion_gain: float  # random_deletion - deletion
    insertion_gain: float  # insertion - random_insertion
    shares: np.ndarray  # (steps + 1,) part of the tokens that is deleted or inserted, 0 to 1
    deletion_curve: np.ndarray  # (steps + 1,)
    insertion_curve: np.ndarray  # (steps + 1,)


def deletion_insertion(
    predict_without: PredictWithout, scores: np.ndarray, steps: int | None = None, orders: int = 8, seed: int = 0
) -> Faithfulness:
    """Deletion and insertion areas of `scores` (T,) against `orders` random orders; the same seed gives the same numbers.

    Args:
        predict_without: called once, with every distinct set of kept tokens.
        steps: points of the curves after the first; None takes one per token, and never more than that.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim != 1 or not len(scores) or not np.isfinite(scores).all():
        raise FusionError("Scores must be one finite number for each token.")
    T = len(scores)
    steps = T if steps is None else min(steps, T)
    if steps < 1 or orders < 1:
        raise FusionError("Deletion and insertion need at least one step and one random order.")
    rng = np.random.default_rng(seed)
    by_score = np.lexsort((rng.random(T), -scores))
    ranks = np.argsort([by_score, *(rng.permutation(T) for _ in range(orders))], axis=-1)  # (R, T), position of each token in its order
    counts = np.round(np.linspace(0, T, steps + 1)).astype(int)
    taken = ranks[:, None] < counts[:, None]  # (R, S, T)
    values = _predict_distinct(predict_without, np.stack([~taken, taken]))  # (2, R, S)
    areas = np.trapezoid(values, counts / T)  # (2, R)
    deletion, insertion = areas[:, 0].tolist()
    random_deletion, random_insertion = areas[:, 1:].mean(-1).tolist()
    return Faithfulness(
        deletion=deletion,
        insertion=insertion,
        random_deletion=random_deletion,
        random_insertion=random_insertion,
        deletion_gain=random_deletion - deletion,
        insertion_gain=insertion - random_insertion,
        shares=counts / T,
        deletion_curve=values[0, 0],
        insertion_curve=values[1, 0],
    )


def _predict_distinct(predict_without: PredictWithout, kept: np.ndarray) -> np.ndarray:
    """Predictions for kept (..., T), computed once for equal rows: all curves share their ends."""
    distinct, index = np.unique(kept.reshape(-1, kept.shape[-1]), axis=0, return_inverse=True)
    values = np.asarray(predict_without(distinct), np.float64)
    return values[index.reshape(kept.shape[:-1])]
