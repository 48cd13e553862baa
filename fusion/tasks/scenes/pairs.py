"""New kinds of photos and clips for training: drawn fire and rain, frames of poor clips, and what looks like fire or rain and is not.

`fusion.training.consistency` trains the encoders on them, each with an easier medium of the same class.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fusion.tasks.base import Sample
from fusion.tasks.scenes import clips, elements, footage, photos
from fusion.tasks.scenes.samples import Scenes
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS
from fusion.types import Clip

FIRE, RAIN = LABELS.index("fire"), LABELS.index("rain")
KNOWN, DRAWN = 0.4, 0.35  # shares of the eleven classes in photos, and of drawn fire and rain; the others are of no class
SIDES = (96, 256)  # pixels of a picture that fire or rain is drawn on
OTHERS = 400  # photos of no class that are kept in memory
Rng = np.random.Generator


class ScenePairs:
    """Endless pairs of a photo or clip of a new kind and an easier one of the same class (see `PairSource`)."""

    def __init__(self, data: Path, modality: str) -> None:
        """`modality`: "image" or "video"."""
        self.modality = modality
        self.source = Scenes(data, "train", ("image",))
        rng = np.random.default_rng(0)
        self.others = [self.source.read_item(self.source.pick("photo", NONE, rng)) for _ in range(OTHERS)]
        groups, _ = self.source.pools["photo"][NONE]
        whole = [item for group in groups for item in group if item.origin == "coco" and item.box is None]
        self.scenes = [self.source.read_item(item) for item in whole] or self.others

    def pair(self, index: int, seed: int) -> tuple[Sample, Sample]:
        rng = np.random.default_rng([seed, index, 3])
        kind = rng.random()
        if kind < KNOWN:
            label = int(rng.integers(len(LABELS)))
            easy = photo = self.photo_of(label, rng)
        elif kind < KNOWN + DRAWN:
            label = FIRE if rng.random() < 0.5 else RAIN
            drawn = elements.burn if label == FIRE else elements.rain_on
            photo, easy = drawn(self.background(rng), rng), self.photo_of(label, rng)
        else:
            label = NONE
            easy = photo = self.photo_of_nothing(rng)
        if self.modality == "image":
            worn = footage.frame(photo, self.others, rng) if rng.random() < 0.6 else photo
            return seen("image", worn, label), seen("image", easy, label)
        return seen("video", footage.film(photo, self.others, rng), label), seen("video", clips.make_clip(easy, rng), label)

    def photo_of(self, label: int, rng: Rng) -> np.ndarray:
        """A photo of a class as it is in its data set."""
        while True:
            photo = self.source.read_item(self.source.pick("photo", label, rng))
            if label != FIRE or photos.shows_flame(photo):
                return photo

    def background(self, rng: Rng) -> np.ndarray:
        """Part of a photo of no class, larger than the pictures of the data sets mostly are."""
        pool = self.scenes if rng.random() < 0.8 else self.others
        part = photos.crop(footage.pick(pool, rng), rng, 0.3)
        shorter = np.exp(rng.uniform(*np.log(SIDES))) / min(part.shape[:2])
        return photos.resize(part, round(part.shape[0] * shorter), round(part.shape[1] * shorter))

    def photo_of_nothing(self, rng: Rng) -> np.ndarray:
        """A photo of no class, as it is, in warm light, or with lights on it."""
        picture = self.background(rng)
        kind = rng.random()
        if kind < 0.4:
            return picture
        return in_warm_light(picture, rng) if kind < 0.7 else with_lights(picture, rng)


def seen(modality: str, medium: np.ndarray | Clip, label: int) -> Sample:
    return Sample({modality: medium}, label, (modality,) if label != NONE else ())


def in_warm_light(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """As at sunset or under lamps: red to yellow, but no fire."""
    warm = np.array([1.0, rng.uniform(0.45, 0.85), rng.uniform(0.1, 0.6)], np.float32)
    height, width = picture.shape[:2]
    low, high = rng.uniform(0, 120), rng.uniform(120, 255)
    sky = np.linspace(low, high, height, dtype=np.float32)[:, None, None] * warm + np.zeros((height, width, 3), np.float32)
    mixed: np.ndarray = picture.astype(np.float32) * warm * rng.uniform(0.6, 1.4)
    return elements.finished(mixed + (sky - mixed) * rng.uniform(0, 0.5))


def with_lights(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Strings of lamps and their blur in the background of a dark photo: bright points and discs, but neither fire nor rain."""
    height, width = picture.shape[:2]
    layer: np.ndarray = np.zeros((height, width, 3), np.float32)
    largest = max(height, width) * rng.uniform(0.008, 0.06)
    colours = rng.uniform(60, 255, (4, 3))
    rows = rng.random() < 0.5  # in vertical strings, or anywhere
    for k in range(int(rng.integers(20, 200))):
        x = (k % 12 + rng.normal(0, 0.1)) / 12 * width if rows else rng.uniform(0, width)
        at = (int(x), int(rng.uniform(0, height)))
        colour = (colours[int(rng.integers(4))] * rng.uniform(0.3, 1)).tolist()
        cv2.circle(layer, at, int(rng.uniform(0, largest)) if not rows else int(rng.integers(0, 2)), colour, -1, cv2.LINE_AA)
    layer = cv2.GaussianBlur(layer, (0, 0), rng.uniform(0.4, 1.5))
    tint = rng.uniform(0.3, 1.0, 3).astype(np.float32)
    return elements.finished(picture * tint * rng.uniform(0.1, 0.8) + layer)
