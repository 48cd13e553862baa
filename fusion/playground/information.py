"""How much the two sides say about the label, in bits: partial information decomposition with I_min.

    I(S; X, Y) = redundant + unique of X + unique of Y + synergistic
    redundant  = sum_s p(s) min(I(S=s; X), I(S=s; Y))          I(S=s; X) = sum_x p(x|s) log2(p(s|x) / p(s))
    unique of X = I(S; X) - redundant, likewise of Y

I_min compares how much each side says about each label, not whether both say the same of a sample; it therefore calls more redundant
than other definitions do. For two independent sides that each decide half of the label this is a known criticism.

Reference: Williams and Beer 2010, Nonnegative Decomposition of Multivariate Information (arXiv 1004.2515).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusion.playground.data import Samples, draw

BINS = 8  # of each side's range [-1, 1]
SAMPLES = 40000  # to estimate from; with 8 x 8 bins the bias is about 0.001 bits


class Decomposition(NamedTuple):
    """Bits about the label; the four add up to I(S; X, Y)."""

    redundant: float
    unique_a: float
    unique_b: float
    synergistic: float


def decompose(joint: np.ndarray) -> Decomposition:
    """The decomposition of a joint distribution p(s, x, y), an array (S, X, Y) that sums to 1."""
    with_x, with_y = joint.sum(2), joint.sum(1)  # p(s, x), p(s, y)
    redundant = float(np.minimum(specific(with_x), specific(with_y)).sum())
    about_x, about_y = float(specific(with_x).sum()), float(specific(with_y).sum())
    both = float(specific(joint.reshape(len(joint), -1)).sum())
    parts = redundant, about_x - redundant, about_y - redundant, both - about_x - about_y + redundant
    return Decomposition(*(max(0.0, part) for part in parts))


def specific(joint: np.ndarray) -> np.ndarray:
    """p(s) I(S=s; X) for each s, from p(s, x) (S, X); the sum is the mutual information."""
    independent = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    ratio = np.divide(joint, independent, out=np.ones_like(joint), where=joint > 0)
    bits: np.ndarray = (joint * np.log2(ratio)).sum(1)
    return bits


def histogram(samples: Samples) -> np.ndarray:
    """p(s, x, y) (2, BINS + 1, BINS + 1) of samples; the last bin is "missing"."""
    bins = np.clip(((samples.values + 1) / 2 * BINS).astype(int), 0, BINS - 1)
    bins = np.where(samples.present, bins, BINS)
    counts = np.zeros((2, BINS + 1, BINS + 1))
    np.add.at(counts, (samples.labels, bins[:, 0], bins[:, 1]), 1)
    shares: np.ndarray = counts / counts.sum()
    return shares


def information(name: str, noise: float) -> Decomposition:
    """The decomposition of a data set of `DATA_SETS` at this noise."""
    return decompose(histogram(draw(name, SAMPLES, noise, np.random.default_rng(0))))
