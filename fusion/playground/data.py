"""Data sets of two numbers and a label: side A gives x, side B gives y, both in [-1, 1].

    redundant   x and y each show the label, with independent errors
    unique      the label is the sign of x; y is independent of it
    additive    the label is the sign of x + y
    xor         the label says whether the signs of x and y differ
    spiral      two arms that wind around each other
    noisy       like redundant, but y is far less reliable
    missing     like redundant, but one side is missing from each sample with probability 0.4

`noise` is the standard deviation of what is added to x and y after the label is known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIDES = ("a", "b")
MISSING = 0.4  # probability that a sample of the data set `missing` lacks a side
Points = tuple[np.ndarray, np.ndarray]  # values (N, 2) and labels (N,)


@dataclass(frozen=True)
class Samples:
    """N samples.

    values   (N, 2) float32: x and y; zero where missing
    labels   (N,) int64, 0 or 1
    present  (N, 2) bool, at least one True per row
    """

    values: np.ndarray
    labels: np.ndarray
    present: np.ndarray


def redundant(rng: np.random.Generator, count: int, spread: tuple[float, float] = (0.2, 0.2)) -> Points:
    labels = rng.integers(0, 2, count)
    means = (labels[:, None] - 0.5) * 1.1
    return means + rng.normal(size=(count, 2)) * spread, labels


def noisy(rng: np.random.Generator, count: int) -> Points:
    return redundant(rng, count, spread=(0.2, 0.8))


def unique(rng: np.random.Generator, count: int) -> Points:
    values = rng.uniform(-1, 1, (count, 2))
    return values, values[:, 0] > 0


def additive(rng: np.random.Generator, count: int) -> Points:
    values = rng.uniform(-1, 1, (count, 2))
    return values, values.sum(1) > 0


def xor(rng: np.random.Generator, count: int) -> Points:
    values = rng.uniform(-1, 1, (count, 2))
    return values, values[:, 0] * values[:, 1] < 0


def spiral(rng: np.random.Generator, count: int) -> Points:
    labels = rng.integers(0, 2, count)
    distance = np.sqrt(rng.uniform(0.01, 1, count))  # from the centre
    angle = 1.25 * 2 * np.pi * distance + np.pi * labels
    return 0.95 * distance[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1), labels


DATA_SETS: dict[str, Callable[[np.random.Generator, int], Points]] = {
    "redundant": redundant,
    "unique": unique,
    "additive": additive,
    "xor": xor,
    "spiral": spiral,
    "noisy": noisy,
    "missing": redundant,
}


def draw(name: str, count: int, noise: float, rng: np.random.Generator) -> Samples:
    """`count` samples of a data set of `DATA_SETS`; values beyond [-1, 1] are clipped."""
    values, labels = DATA_SETS[name](rng, count)
    values = np.clip(values + rng.normal(size=values.shape) * noise, -1, 1)
    present = np.ones((count, 2), dtype=bool)
    if name == "missing":
        present = leave_out_one(present, MISSING, rng)
    return Samples(np.where(present, values, 0).astype(np.float32), np.asarray(labels).astype(np.int64), present)


def leave_out_one(present: np.ndarray, probability: float, rng: np.random.Generator) -> np.ndarray:
    """`present` (N, 2) without one side, each as often, in a share of the samples that have both."""
    dropped = (rng.uniform(size=len(present)) < probability) & present.all(1)
    side = rng.integers(0, 2, len(present))
    kept = present.copy()
    kept[dropped, side[dropped]] = False
    return kept
