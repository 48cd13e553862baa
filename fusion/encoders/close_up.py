"""A closer look at small handwriting: what is empty between and around it is left out, so that the rest is read larger.

    strips = the boxes of the handwriting, projected on an axis and widened until together they are as long as the square

With one piece of handwriting this is a square crop around it. Several pieces keep their order along both axes.
"""

from __future__ import annotations

import numpy as np

from fusion.encoders.axes import Axes, Axis

MARGIN = 0.35  # around each piece, of the longer side of the largest one
WORTH = 0.85  # of the longer side of the picture: a square that is larger gains nothing


def close_up(shape: tuple[int, int], boxes: np.ndarray, least: float, share: float) -> tuple[np.ndarray, np.ndarray] | None:
    """The strips to be read along x (N, 2) and y (M, 2), start and end in pixels; None where the whole picture is to be read.

    Args:
        shape: height and width of the picture.
        boxes: (N, 4) x0, y0, x1, y1 in pixels around pieces of handwriting.
        least: a longer side of the largest piece, as a share of the picture's longer side, from which the whole picture is read.
        share: the longer side of the largest piece as a share of the square, at most.
    """
    if not len(boxes):
        return None
    longest = max(shape)
    largest = float((boxes[:, 2:] - boxes[:, :2]).max())
    if largest >= least * longest:
        return None
    height, width = shape
    x, y = boxes[:, [0, 2]], boxes[:, [1, 3]]
    side = max(length(strips(x, MARGIN * largest, width)), length(strips(y, MARGIN * largest, height)), largest / share)
    if side > WORTH * longest:
        return None
    return widened(x, side, width), widened(y, side, height)


def strips(spans: np.ndarray, margin: float, size: int) -> np.ndarray:
    """Spans (N, 2) with a margin on both sides, cut at 0 and `size`, rounded, overlapping ones joined: (M, 2) ascending."""
    wide = np.clip(np.round(spans + [-margin, margin]), 0, size).astype(int)
    joined: list[list[int]] = []
    for start, end in sorted(wide.tolist()):
        if joined and start <= joined[-1][1]:
            joined[-1][1] = max(end, joined[-1][1])
        else:
            joined.append([start, end])
    return np.array(joined)


def length(spans: np.ndarray) -> float:
    return float((spans[:, 1] - spans[:, 0]).sum())


def widened(spans: np.ndarray, side: float, size: int) -> np.ndarray:
    """The strips with the widest margin that are together no longer than `side`."""
    low, high = 0.0, float(size)
    for _ in range(24):
        margin = (low + high) / 2
        low, high = (margin, high) if length(strips(spans, margin, size)) <= side else (low, margin)
    return strips(spans, low, size)


def cut(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The strips of a picture (H, W, ...) put side by side."""
    rows = np.concatenate([picture[start:end] for start, end in y], 0)
    return np.concatenate([rows[:, start:end] for start, end in x], 1)


def axes(x: np.ndarray, y: np.ndarray, shape: tuple[int, int], extent: tuple[float, ...]) -> Axes:
    """Where the square lies on the picture, whose strips it shows, with `extent` x0, y0, x1, y1 on the strips put side by side."""
    height, width = shape
    x0, y0, x1, y1 = extent
    across, down = length(x) / width, length(y) / height
    return Axes(
        Axis(x[:, 0] / width, x[:, 1] / width, -x0 * across, (x1 - x0) * across),
        Axis(y[:, 0] / height, y[:, 1] / height, -y0 * down, (y1 - y0) * down),
    )
