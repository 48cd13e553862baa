"""Augmentation of the pictures of `scenes`: crops, sizes, light and degradation. The training pictures have 32 to 256 pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fusion.types import FusionError


def read_photo(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise FusionError("{name} is damaged or cut short.", name=path.name)
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def resize(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Averaging when it shrinks, smooth when it grows."""
    shrinks = height * width < picture.shape[0] * picture.shape[1]
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def crop(picture: np.ndarray, rng: np.random.Generator, least: float = 0.4) -> np.ndarray:
    """A crop of at least `least` of the area, its aspect ratio changed by 3:4 to 4:3, flipped with probability 1/2."""
    h, w = picture.shape[:2]
    area = rng.uniform(least, 1.0)
    ratio = np.exp(rng.uniform(np.log(3 / 4), np.log(4 / 3)) / 2)
    ch = min(h, max(8, round(h * np.sqrt(area) * ratio)))
    cw = min(w, max(8, round(w * np.sqrt(area) / ratio)))
    top = int(rng.integers(h - ch + 1))
    left = int(rng.integers(w - cw + 1))
    part = picture[top : top + ch, left : left + cw]
    return part[:, ::-1] if rng.random() < 0.5 else part


def light(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another brightness, contrast, colour strength and white balance; now and then without colour."""
    x: np.ndarray = picture.astype(np.float32)
    grey = x.mean(2, keepdims=True)
    x = grey + (x - grey) * (0.0 if rng.random() < 0.05 else rng.uniform(0.6, 1.4))
    x = (x - x.mean()) * rng.uniform(0.7, 1.3) + x.mean() * rng.uniform(0.75, 1.25)
    balanced: np.ndarray = x * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    return balanced.clip(0, 255).astype(np.uint8)


def wear(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Down- and upscaling, JPEG, blur or sensor noise."""
    h, w = picture.shape[:2]
    kind = rng.random()
    if kind < 0.35:
        small = rng.uniform(0.2, 0.7)
        return resize(resize(picture, max(8, round(h * small)), max(8, round(w * small))), h, w)
    if kind < 0.6:
        _, packed = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 80))])
        decoded = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        assert decoded is not None, "it was just encoded"
        return decoded
    if kind < 0.8:
        return cv2.GaussianBlur(picture, (0, 0), max(h, w) * rng.uniform(0.002, 0.01))
    noise = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(4, 28)
    noisy: np.ndarray = picture + noise
    return noisy.clip(0, 255).astype(np.uint8)


def mosaic(pictures: list[np.ndarray], side: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """`side` x `side` pictures beside one another at about their own size: sharp detail, which a small picture scaled up lacks."""
    cell = -(-size // side)
    rows = [np.concatenate([resize(crop(p, rng, 0.6), cell, cell) for p in pictures[r * side : (r + 1) * side]], 1) for r in range(side)]
    return np.ascontiguousarray(np.concatenate(rows, 0)[:size, :size])


def make_photo(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An augmented training picture."""
    found = light(crop(picture, rng, 0.5), rng) if rng.random() < 0.8 else picture
    return wear(np.ascontiguousarray(found), rng) if rng.random() < 0.35 else np.ascontiguousarray(found)


def make_blank(rng: np.random.Generator) -> np.ndarray:
    """A picture of nothing: one colour, a gradient, noise, or stripes."""
    h, w = (int(v) for v in rng.integers(48, 256, 2))
    first, second = rng.uniform(0, 255, (2, 3)).astype(np.float32)
    kind = rng.random()
    if kind < 0.3:
        x: np.ndarray = np.broadcast_to(first, (h, w, 3))
    elif kind < 0.6:
        horizontal = rng.random() < 0.5
        t = np.linspace(0, 1, w if horizontal else h, dtype=np.float32)[:, None]
        t = t[None] if horizontal else t[:, None]
        x = np.broadcast_to(first * (1 - t) + second * t, (h, w, 3))
    elif kind < 0.8:
        x = first + rng.standard_normal((h, w, 3), dtype=np.float32) * rng.uniform(5, 90)
    else:
        period = int(rng.integers(4, 60))
        x = np.where(((np.arange(w) // period) % 2)[None, :, None], first, second) + np.zeros((h, 1, 1), np.float32)
    return x.clip(0, 255).astype(np.uint8)


def shows_flame(picture: np.ndarray, least: float = 0.012) -> bool:
    """Whether at least `least` of it is as bright and yellow to red as a flame: half of the pictures of torches show none."""
    hue, saturation, value = np.moveaxis(cv2.cvtColor(cv2.GaussianBlur(picture, (3, 3), 0), cv2.COLOR_RGB2HSV), -1, 0)
    core = (value > 225) & (hue <= 32) & (saturation > 25) & (saturation < 215)
    return bool(core.mean() >= least)
