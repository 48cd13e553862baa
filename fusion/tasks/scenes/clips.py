"""Synthetic clips of one photo: pan, zoom and shake of a hand-held camera."""

from __future__ import annotations

import cv2
import numpy as np

from fusion.types import Clip


def make_clip(picture: np.ndarray, rng: np.random.Generator, side: int = 160) -> Clip:
    """A window that moves over a photo (H, W, 3) for 1 to 8 seconds, at a constant or varying frame rate, wide or tall."""
    count = int(rng.integers(8, 20))
    seconds = rng.uniform(1.0, 8.0)
    gaps = rng.uniform(0.5, 1.5, count - 1) if rng.random() < 0.3 else np.ones(count - 1)
    times = np.concatenate([[0.0], np.cumsum(gaps)]) / gaps.sum() * seconds
    h, w = picture.shape[:2]
    shape = np.exp(rng.uniform(np.log(0.65), np.log(1.5)))  # width by height
    width, height = (side, round(side / shape)) if shape > 1 else (round(side * shape), side)
    t = np.linspace(0, 1, count)
    zoom = np.interp(t, [0, 1], rng.uniform(0.6, 1.0, 2))
    path = np.stack([np.interp(t, [0, 0.5, 1], rng.uniform(-1, 1, 3)) for _ in range(2)], 1)  # (T, 2)
    shake = np.cumsum(rng.standard_normal((count, 2)), 0) * rng.uniform(0, 0.012)
    tilt = np.cumsum(rng.standard_normal(count)) * rng.uniform(0, 0.012)
    frames = np.empty((count, height, width, 3), np.uint8)
    for i in range(count):
        scale = zoom[i] * min(w / width, h / height)  # pixels of the photo in one of the frame
        room = np.maximum(np.array([w - scale * width, h - scale * height]) / 2, 0)
        centre = np.array([w, h]) / 2 + path[i] * room + shake[i] * max(h, w)
        c, s = np.cos(tilt[i]) * scale, np.sin(tilt[i]) * scale
        turn = np.array([[c, -s], [s, c]])
        back = np.column_stack([turn, centre - turn @ (np.array([width, height]) / 2)])
        flags = cv2.WARP_INVERSE_MAP | (cv2.INTER_AREA if scale > 1.5 else cv2.INTER_LINEAR)
        frames[i] = cv2.warpAffine(picture, back, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    flicker = 1 + np.cumsum(rng.standard_normal(count)) * rng.uniform(0, 0.02)
    return Clip(np.clip(frames * flicker[:, None, None, None], 0, 255).astype(np.uint8), times)
