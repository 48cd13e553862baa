"""Detection of strokes, shared by the classical features of pictures and clips."""

from __future__ import annotations

import cv2
import numpy as np


def covered(extent: tuple[float, ...], size: int) -> tuple[int, int, int, int]:
    """The pixels x0, y0, x1, y1 of a letterboxed square that the picture itself fills."""
    x0, y0, x1, y1 = extent
    left, right = (round((edge - x0) / (x1 - x0) * size) for edge in (0, 1))
    top, bottom = (round((edge - y0) / (y1 - y0) * size) for edge in (0, 1))
    return left, top, right, bottom


def lift(square: np.ndarray) -> np.ndarray:
    """The picture (S, S) as uint8 with bright strokes: inverted where the values far from the median are dark."""
    grey = square.astype(np.uint8)
    deviation = square - np.median(square)
    return grey if (deviation * deviation * deviation).sum() >= 0 else 255 - grey


def contrast(square: np.ndarray, extent: tuple[float, ...]) -> np.ndarray:
    """Spread of the grey levels in each 3x3 neighbourhood (S, S), zero where the square is padding."""
    x0, y0, x1, y1 = covered(extent, len(square))
    inside = square[y0:y1, x0:x1].astype(np.float32)
    mean = cv2.blur(inside, (3, 3))
    spread = np.zeros(square.shape, np.float32)
    spread[y0:y1, x0:x1] = np.sqrt(np.maximum(cv2.blur(inside * inside, (3, 3)) - mean * mean, 0))
    return spread


def ink_box(spread: np.ndarray) -> tuple[int, int, int, int]:
    """Pixels x0, y0, x1, y1 around the connected region that holds most contrast; the whole square where there is none."""
    smooth = cv2.blur(spread, (3, 3))
    high = smooth > max(0.5 * float(np.percentile(smooth, 99)), 1.0)
    if not high.any():
        return 0, 0, spread.shape[1], spread.shape[0]
    _, regions = cv2.connectedComponents(cv2.dilate(high.astype(np.uint8), np.ones((3, 3), np.uint8)))
    mass = np.bincount(regions.ravel(), (smooth * high).ravel())
    ys, xs = np.nonzero(high & (regions == mass.argmax()))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def shares(start: float, end: float, count: int, size: int) -> np.ndarray:
    """How much of each of `size` pixels belongs to each of `count` cells from `start` to `end`: (count, size), linear between centres."""
    along = (np.arange(size) + 0.5 - start) / (end - start) * count - 0.5
    overlap: np.ndarray = 1 - np.abs(along - np.arange(count)[:, None])
    return overlap.clip(0, None).astype(np.float32)
