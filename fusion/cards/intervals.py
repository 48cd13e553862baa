"""The interval that a measured share is known to."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share in [0, 1] of `count` samples (Wilson 1927)."""
    low, high = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return float(low), float(high)
