"""Pictures with several different digits that do not touch, and the box and mask of each."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from fusion.tasks.digits import images

SIZE = 96  # pixels along one side of the picture
MASK = 48  # pixels along one side of a mask


@dataclass(frozen=True)
class Scene:
    """`picture` (96, 96, 3) uint8; for each of the N digits `boxes` (N, 4) x0, y0, x1, y1 in [0, 1] and `masks` (N, 48, 48) in [0, 1]."""

    picture: np.ndarray
    digits: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray


def make_scene(digits: np.ndarray, covers: list[np.ndarray], rng: np.random.Generator, low: float = 19, high: float = 42) -> Scene:
    """Places glyphs (uint8 ink) with a longer side of `low`-`high` pixels so that they do not touch, smaller ones if there is no room."""
    ink = np.zeros((SIZE, SIZE), np.uint8)
    boxes: list[np.ndarray] = []
    masks: list[np.ndarray] = []
    for cover in covers:
        top = high
        while True:
            placed, _ = images.place(cover, rng, SIZE, low, max(low + 1, top))
            ys, xs = np.nonzero(placed > 40)
            box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float64) if len(xs) else np.zeros(4)
            apart = all(box[2] + 1 < b[0] or b[2] + 1 < box[0] or box[3] + 1 < b[1] or b[3] + 1 < box[1] for b in boxes)
            if len(xs) and apart:
                break
            if top > low + 2:
                top -= 1.5
            else:
                low = max(10, low - 0.5)
        boxes.append(box)
        masks.append(cv2.resize(placed, (MASK, MASK), interpolation=cv2.INTER_AREA))
        ink = np.maximum(ink, placed)
    picture = images.paint(ink, np.stack(boxes), rng, plain=rng.random() < 0.15)
    return Scene(picture, np.asarray(digits), np.stack(boxes) / SIZE, np.clip(np.stack(masks) / 200.0, 0, 1))
