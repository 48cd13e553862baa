"""Intervals and paired differences by a hierarchical bootstrap over seeds, groups and samples, and Holm's correction for many comparisons.

    mean* = sum_s sum_n w_n x[s, n] / sum_s sum_n w_n [n is tested in s]        s drawn with replacement, w_n how often sample n is drawn

Groups are drawn first, then samples in each drawn group. The same draw serves all strategies, so that a difference is paired. Where every
seed tests the same samples they are drawn once for all seeds; where every seed has a fold of its own, each sample is in one of them.

Reference: Efron 1979; Davison & Hinkley 1997, section 3.8 (hierarchical data); Holm 1979.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
MOST_CELLS = 40_000_000  # draws times samples
LEVEL = 0.05


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {"mean": round(self.mean, 5), "low": round(self.low, 5), "high": round(self.high, 5)}


@dataclass(frozen=True)
class Difference:
    """A paired difference with its 95 % interval, and the probability of one as large by chance: alone, and corrected by Holm."""

    mean: float
    low: float
    high: float
    p: float
    p_holm: float

    @property
    def better(self) -> bool:
        return self.p_holm < LEVEL and self.mean > 0

    @property
    def worse(self) -> bool:
        return self.p_holm < LEVEL and self.mean < 0

    def to_json(self) -> dict[str, float]:
        return {k: round(v, 5) for k, v in self.__dict__.items()}


class Bootstrap:
    """Draws of seeds, groups and samples, the same for every strategy."""

    def __init__(self, tested: np.ndarray, groups: np.ndarray | None = None, seed: int = 0, draws: int = DRAWS) -> None:
        """`tested` (S, N) bool: which samples each seed tests; `groups` (N,) group of each sample."""
        S, N = tested.shape
        rng = np.random.default_rng(seed)
        self.draws = int(max(200, min(draws, MOST_CELLS // max(N, 1))))
        self.tested = tested.astype(np.float32)
        self.seeds = rng.multinomial(S, np.full(S, 1 / S), self.draws).astype(np.float32)  # (R, S)
        self.samples = _draw_samples(N, groups, self.draws, rng)  # (R, N)
        self.weight = np.einsum("rs,rs->r", self.seeds, self.samples @ self.tested.T)

    def means(self, x: np.ndarray) -> np.ndarray:
        """(R,) means of the draws of x (S, N), whose values count only where `tested`."""
        summed = self.samples @ np.where(self.tested > 0, x, 0).astype(np.float32).T  # (R, S)
        found: np.ndarray = np.einsum("rs,rs->r", self.seeds, summed) / np.maximum(self.weight, 1e-9)
        return found

    def mean(self, x: np.ndarray) -> float:
        return float(np.where(self.tested > 0, x, 0).sum() / self.tested.sum())

    def estimate(self, x: np.ndarray) -> Estimate:
        low, high = np.quantile(self.means(x), [LEVEL / 2, 1 - LEVEL / 2])
        return Estimate(self.mean(x), float(low), float(high))

    def difference(self, x: np.ndarray, other: np.ndarray) -> Difference:
        """Of two strategies, on the same samples; not yet corrected."""
        drawn = self.means(x - other)
        low, high = np.quantile(drawn, [LEVEL / 2, 1 - LEVEL / 2])
        return Difference(self.mean(x - other), float(low), float(high), *[two_sided(drawn)] * 2)


def two_sided(drawn: np.ndarray) -> float:
    """How often a difference this far from zero is drawn on the other side of zero, twice."""
    below, above = (drawn <= 0).sum(), (drawn >= 0).sum()
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(drawn) + 1)))


def _draw_samples(count: int, groups: np.ndarray | None, draws: int, rng: np.random.Generator) -> np.ndarray:
    """(draws, count) how often each sample is drawn."""
    if groups is None or len(np.unique(groups)) == count:
        return rng.multinomial(count, np.full(count, 1 / count), draws).astype(np.float32)
    index = np.unique(groups, return_inverse=True)[1]
    sizes = np.bincount(index)
    times = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), draws)  # (R, G)
    weights = np.zeros((draws, count), np.float32)
    for g, size in enumerate(sizes):
        weights[:, index == g] = rng.multinomial(times[:, g] * size, np.full(size, 1 / size))
    return weights


def holm(differences: Mapping[str, Difference]) -> dict[str, Difference]:
    """The same differences with p corrected for their number."""
    order = sorted(differences, key=lambda name: differences[name].p)
    found: dict[str, Difference] = {}
    largest = 0.0
    for rank, name in enumerate(order):
        one = differences[name]
        largest = max(largest, min(1.0, one.p * (len(order) - rank)))
        found[name] = Difference(one.mean, one.low, one.high, one.p, largest)
    return {name: found[name] for name in differences}
