"""The interval of a share."""

from __future__ import annotations

import pytest

from fusion.cards.intervals import wilson


def test_wilson_known_interval() -> None:
    """Nine of ten: 0.596 to 0.982 (Brown, Cai and DasGupta 2001 give the formula)."""
    assert wilson(0.9, 10) == pytest.approx((0.5958, 0.9821), abs=1e-3)
