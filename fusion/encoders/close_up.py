"""A closer look at small handwriting: what is empty between and around it is left out, so that the rest is read larger.

    strips = the boxes of the handwriting, projected on an axis and widened until together they are as long as the square

With one piece of handwriting this is a square crop around it. Several pieces keep their order along both axes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fusion.encoders.axes import Axes, Axis

MARGIN = 0.35  # around each piece, of the longer side of the largest one
WORTH = 0.85  # of the longer side of the picture: a square that is larger gains nothing


class Strips(NamedTuple):
    """What is read of an image: start and end in pixels of strips along x (N, 2) and along y (M, 2)."""

    x: np.ndarray
    y: np.ndarray


def close_up(shape: tuple[int, ...], boxes: np.ndarray, least: float, share: float) -> Strips | None:
    """What is to be read of a picture; None where that is all of it.

    Args:
        shape: height and width of the picture in pixels.
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
    with_margin = max(length(spread(spans, MARGIN * largest, size)) for spans, size in ((x, width), (y, height)))
    side = max(with_margin, largest / share)
    if side > WORTH * longest:
        return None
    return Strips(widened(x, side, width), widened(y, side, height))


def spread(spans: np.ndarray, margin: float, size: int) -> np.ndarray:
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
        low, high = (margin, high) if length(spread(spans, margin, size)) <= side else (low, margin)
    return spread(spans, low, size)


def cut(picture: np.ndarray, strips: Strips) -> np.ndarray:
    """The strips of a picture (H, W, ...) put side by side."""
    rows = np.concatenate([picture[start:end] for start, end in strips.y], 0)
    return np.concatenate([rows[:, start:end] for start, end in strips.x], 1)


def axes(strips: Strips, shape: tuple[int, ...], extent: tuple[float, ...]) -> Axes:
    """Where the square lies on the picture, whose strips it shows, with `extent` x0, y0, x1, y1 on the strips put side by side."""
    x0, y0, x1, y1 = extent
    return Axes(axis(strips.x, shape[1], x0, x1), axis(strips.y, shape[0], y0, y1))


def axis(spans: np.ndarray, size: int, start: float, end: float) -> Axis:
    """The square goes from `start` to `end` in shares of all strips together."""
    share = length(spans) / size
    return Axis(spans[:, 0] / size, spans[:, 1] / size, -start * share, (end - start) * share)


def strips_of(read: Axes, shape: tuple[int, ...]) -> Strips:
    """The inverse of `axes`."""
    x, y = (np.stack([one.starts, one.ends], 1) * size for one, size in ((read.x, shape[1]), (read.y, shape[0])))
    return Strips(np.round(x).astype(int), np.round(y).astype(int))
