"""Pen strokes rendered as a picture or as a clip.

Strokes are a list of float arrays (N, 3): x and y in [0, 1] of a square canvas (y points down), t in seconds, rising.
Dots and lines are drawn with OpenCV at sub-pixel places, so that thin and thick pens look the same at every size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fusion.types import Clip

SHIFT = 4  # OpenCV takes places as fixed-point numbers with this many fractional bits
Strokes = list[np.ndarray]


@dataclass(frozen=True)
class Look:
    """Rendering of a drawing: pen and ground are grey levels in [0, 255], thickness is a share of the canvas."""

    thickness: float = 0.06
    pen: float = 20.0
    ground: float = 255.0


def duration(strokes: Strokes) -> float:
    """Seconds from the first to the last point; 0 for no strokes."""
    end = max((s[-1, 2] for s in strokes if len(s)), default=0.0)
    start = min((s[0, 2] for s in strokes if len(s)), default=0.0)
    return float(end - start)


def fit(strokes: Strokes, size: float = 0.7, center: tuple[float, float] = (0.5, 0.5)) -> Strokes:
    """Scales and moves strokes so that their longer side is `size` of the canvas, centred; time starts at 0."""
    points = np.concatenate(strokes)
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    scale = size / max(float((high - low).max()), 1e-6)
    start = points[:, 2].min()
    return [np.column_stack([(s[:, :2] - (low + high) / 2) * scale + center, s[:, 2] - start]) for s in strokes]


def _segments(strokes: Strokes, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Ends of all line pieces as fixed-point pixels (S, 2, 2) and the time each is finished (S,), in drawing order."""
    ends: list[np.ndarray] = []
    times: list[np.ndarray] = []
    for s in strokes:
        if len(s) == 0:
            continue
        places = np.round((s[:, :2] * size - 0.5) * (1 << SHIFT)).astype(np.int32)
        finished = s[1:, 2]
        if len(s) == 1:  # a dot is a segment of length zero
            places = np.repeat(places, 2, 0)
            finished = s[:, 2]
        ends.append(np.stack([places[:-1], places[1:]], 1))
        times.append(finished)
    if not ends:
        return np.zeros((0, 2, 2), np.int32), np.zeros(0)
    all_times = np.concatenate(times)
    order = np.argsort(all_times, kind="stable")
    return np.concatenate(ends)[order], all_times[order]


def ink(strokes: Strokes, size: int, thickness: float, times: np.ndarray) -> np.ndarray:
    """Ink cover of each pixel at each time: (T, size, size) uint8, 255 where the pen has been."""
    pieces, finished = _segments(strokes, size)
    width = max(1, round(thickness * size))
    canvas = np.zeros((size, size), np.uint8)
    frames = np.zeros((len(times), size, size), np.uint8)
    done = 0
    for i, time in enumerate(times):
        while done < len(pieces) and finished[done] <= time + 1e-6:
            a, b = pieces[done]
            cv2.line(canvas, (int(a[0]), int(a[1])), (int(b[0]), int(b[1])), 255, width, cv2.LINE_AA, SHIFT)
            done += 1
        frames[i] = canvas
    return frames


def colour(cover: np.ndarray, look: Look) -> np.ndarray:
    """Ink cover (..., H, W) uint8 to RGB (..., H, W, 3) uint8."""
    grey = look.ground + (look.pen - look.ground) * (cover.astype(np.float32) / 255.0)
    return np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, -1)


def draw_picture(strokes: Strokes, size: int = 256, thickness: float = 0.06, look: Look | None = None) -> np.ndarray:
    """The finished drawing: (size, size, 3) uint8, dark ink on a light ground unless given by `look`."""
    look = look or Look(thickness)
    return colour(ink(strokes, size, look.thickness, np.array([np.inf]))[0], look)


def draw_clip(strokes: Strokes, size: int = 96, fps: float = 25.0, thickness: float = 0.06, look: Look | None = None) -> Clip:
    """A clip of the drawing being made, at its own speed, the last picture held for a moment; at most 30 seconds."""
    look = look or Look(thickness)
    start = min((s[0, 2] for s in strokes if len(s)), default=0.0)
    seconds = min(duration(strokes) + 0.3, 30.0)
    times = np.arange(max(2, int(seconds * fps)), dtype=np.float32) / fps
    return Clip(colour(ink(strokes, size, look.thickness, times + start), look), times)
