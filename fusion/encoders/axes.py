"""What an encoder reads of a picture when it leaves out empty stretches: strips along each axis, put side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST = 4  # times as many rows and columns may an array have when the stretches that were left out are put in again


@dataclass(frozen=True)
class Axis:
    """One axis of a square that was read.

    starts, ends   (N,) of the strips that were read, in shares of the image, ascending
    lead           from the first strip back to the edge of the square, in the same unit; negative if the square begins before the image
    side           length of the square
    """

    starts: np.ndarray
    ends: np.ndarray
    lead: float
    side: float

    @property
    def _offsets(self) -> np.ndarray:
        """Where each strip begins on the square, and where the last one ends (N + 1,), in shares of the picture."""
        return np.concatenate([[0.0], np.cumsum(self.ends - self.starts)]) + self.lead

    def on_picture(self, places: np.ndarray) -> np.ndarray:
        """Places in [0, 1] of the square to shares of the picture."""
        along = np.asarray(places, np.float64) * self.side
        offsets = self._offsets
        strip = np.clip(np.searchsorted(offsets, along, side="right") - 1, 0, len(self.starts) - 1)
        on: np.ndarray = self.starts[strip] + along - offsets[strip]
        return on

    def on_square(self, places: np.ndarray) -> np.ndarray:
        """Shares of the picture to places in [0, 1] of the square; not a number in the stretches that were left out."""
        places = np.asarray(places, np.float64)
        strip = np.clip(np.searchsorted(self.starts, places, side="right") - 1, 0, len(self.starts) - 1)
        along = self._offsets[strip] + places - self.starts[strip]
        left_out = (places >= self.ends[strip]) & (strip < len(self.starts) - 1)
        on: np.ndarray = np.where(left_out, np.nan, along / self.side)
        return on


@dataclass(frozen=True)
class Axes:
    """Both axes of a square."""

    x: Axis
    y: Axis

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 of the square on the picture, stretches that were left out included."""
        (x0, x1), (y0, y1) = self.x.on_picture(np.array([0, 1])), self.y.on_picture(np.array([0, 1]))
        return float(x0), float(y0), float(x1), float(y1)

    def box(self, box: np.ndarray) -> np.ndarray:
        """A box (..., 4) in [0, 1] of the square on the picture."""
        box = np.asarray(box, np.float64)
        return np.stack([axis.on_picture(box[..., i]) for i, axis in enumerate((self.x, self.y, self.x, self.y))], -1)

    def spread(self, array: np.ndarray) -> np.ndarray:
        """Values (..., S, S) over the square as values (..., N, N) over `extent`: zero in the stretches that were left out."""
        x0, y0, x1, y1 = self.extent
        longer = max((x1 - x0) / self.x.side, (y1 - y0) / self.y.side)
        count = min(MOST * array.shape[-1], round(longer * array.shape[-1]))
        rows, no_row = _index(self.y, array.shape[-2], count, y0, y1)
        cols, no_col = _index(self.x, array.shape[-1], count, x0, x1)
        spread = array[..., rows, :][..., cols].copy()
        spread[..., no_row, :] = 0
        spread[..., no_col] = 0
        return spread


def _index(axis: Axis, count: int, shown: int, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
    """Which of `count` rows each of the `shown` rows is, and whether it lies in a stretch that was left out."""
    on = axis.on_square(start + (np.arange(shown) + 0.5) / shown * (end - start))
    left_out = np.isnan(on)
    return np.clip(np.nan_to_num(on) * count, 0, count - 1).astype(int), left_out
