"""Pictures of the task `scenes` as people take them: other crops, sizes, light and wear. The training pictures have 32 to 256 pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np


def read_photo(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    return cv2.cvtColor(cv2.imread(str(path), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)


def resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Averaging when it shrinks, smooth when it grows."""
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def crop(picture: np.ndarray, rng: np.random.Generator, least: float = 0.4) -> np.ndarray:
    """A part of at least `least` of the area with sides of 3:4 to 4:3 of the whole's, flipped half of the times."""
    h, w = picture.shape[:2]
    area, ratio = rng.uniform(least, 1.0), np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)) / 2)
    ch, cw = min(h, max(8, round(h * np.sqrt(area) * ratio))), min(w, max(8, round(w * np.sqrt(area) / ratio)))
    top, left = int(rng.integers(h - ch + 1)), int(rng.integers(w - cw + 1))
    part = picture[top : top + ch, left : left + cw]
    return part[:, ::-1] if rng.random() < 0.5 else part


def light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another brightness, contrast, colour strength and white balance; now and then without colour."""
    x = picture.astype(np.float32)
    grey = x.mean(2, keepdims=True)
    x = grey + (x - grey) * (0.0 if rng.random() < 0.05 else rng.uniform(0.6, 1.4))
    x = (x - x.mean()) * rng.uniform(0.7, 1.3) + x.mean() * rng.uniform(0.75, 1.25)
    return np.clip(x * rng.uniform(0.93, 1.07, 3).astype(np.float32), 0, 255).astype(np.uint8)


def wear(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Fewer pixels and back, JPEG, blur or sensor noise: what a picture goes through before it is uploaded."""
    h, w = picture.shape[:2]
    kind = rng.random()
    if kind < 0.35:
        small = rng.uniform(0.2, 0.7)
        return resize(resize(picture, max(8, round(h * small)), max(8, round(w * small))), h, w)
    if kind < 0.6:
        return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 80))])[1], cv2.IMREAD_COLOR)
    if kind < 0.8:
        return cv2.GaussianBlur(picture, (0, 0), max(h, w) * rng.uniform(0.002, 0.01))
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(4, 28)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def mosaic(pictures: list[np.ndarray], side: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """`side` x `side` pictures beside one another at about their own size: sharp detail, which a small picture scaled up lacks."""
    cell = -(-size // side)
    rows = [np.concatenate([resize(crop(p, rng, 0.6), cell, cell) for p in pictures[r * side : (r + 1) * side]], 1) for r in range(side)]
    return np.ascontiguousarray(np.concatenate(rows, 0)[:size, :size])


def make_photo(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A training picture as another person would have taken and sent it."""
    found = light(crop(picture, rng, 0.5), rng) if rng.random() < 0.8 else picture
    return wear(np.ascontiguousarray(found), rng) if rng.random() < 0.35 else np.ascontiguousarray(found)


def make_blank(rng: np.random.Generator) -> np.ndarray:
    """A picture of nothing: one colour, a gradient, noise, or stripes."""
    h, w = (int(v) for v in rng.integers(48, 256, 2))
    first, second = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    kind = rng.random()
    if kind < 0.3:
        x = np.broadcast_to(first, (h, w, 3))
    elif kind < 0.6:
        t = (
            np.linspace(0, 1, w, dtype=np.float32)[None, :, None]
            if rng.random() < 0.5
            else np.linspace(0, 1, h, dtype=np.float32)[:, None, None]
        )
        x = np.broadcast_to(first * (1 - t) + second * t, (h, w, 3))
    elif kind < 0.8:
        x = first + rng.standard_normal((h, w, 3), dtype=np.float32) * rng.uniform(5, 90)
    else:
        period = int(rng.integers(4, 60))
        x = np.where(((np.arange(w) // period) % 2)[None, :, None], first, second) + np.zeros((h, 1, 1), np.float32)
    return np.clip(x, 0, 255).astype(np.uint8)


def shows_flame(picture: np.ndarray, least: float = 0.012) -> bool:
    """Whether at least `least` of it is as bright and yellow to red as a flame: half of the pictures of torches show none."""
    hue, saturation, value = np.moveaxis(cv2.cvtColor(cv2.GaussianBlur(picture, (3, 3), 0), cv2.COLOR_RGB2HSV), -1, 0)
    core = (value > 225) & (hue <= 32) & (saturation > 25) & (saturation < 215)
    return bool(core.mean() >= least)
