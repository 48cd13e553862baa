"""Task `digits-find`: locate the digit that is asked for by words, voice or clip in a picture of three to five different digits.

The answer is a box, a mask of its ink, whether it is in the picture (in about one sample of seven it is not), and which digit was asked
for. Text, sound and clip are those of the task `digits`. Both the picture and the question are needed to locate it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Maker, Sample, Severity
from fusion.tasks.digits.images import pen_glyph, printed_glyph
from fusion.tasks.digits.samples import NOTHING, NOTHING_SHARE, Digits, draw_level
from fusion.tasks.digits_find.scenes import MASK, Scene, make_scene
from fusion.tasks.outliers.pictures import LETTERS, OTHER_LETTERS, letter_cover
from fusion.types import MODALITIES, Medium

QUERIES = ("text", "audio", "video")
ABSENT_SHARE = 0.15


@dataclass(frozen=True)
class FindSample(Sample):
    """A sample whose label is the digit asked for; whether it is in the picture, its box (4,) in [0, 1] and mask (48, 48), or zeros."""

    found: bool
    box: np.ndarray
    mask: np.ndarray


class FindDigits:
    """Samples of one split, any number of them, each the same for the same seed and index; see `fusion.tasks.digits.samples.Digits`."""

    def __init__(self, data: Path, split: str, modalities: tuple[str, ...] = MODALITIES) -> None:
        self.modalities = modalities
        self.split = split
        self.digits = Digits(data, split, modalities)

    def cover(self, digit: int, rng: np.random.Generator) -> np.ndarray:
        """Ink of one digit: MNIST, pen, and in training also printed."""
        kind = rng.random()
        if kind < 0.7:
            picture: np.ndarray = self.digits.pictures.images[self.digits.pick("pictures", digit, rng)]
            return picture
        if kind < 0.93 or self.split == "test":
            return pen_glyph(self.digits.drawings.strokes[self.digits.pick("drawings", digit, rng)], rng)
        return printed_glyph(digit, rng)

    def scene(self, digits: np.ndarray, rng: np.random.Generator) -> Scene:
        return make_scene(digits, [self.cover(int(k), rng) for k in digits], rng)

    def sample(self, index: int, seed: int, severity: Severity = "none", nothing: bool = False) -> FindSample:
        """Sample `index` of the endless stream `seed`; arguments as in `Digits.sample`."""
        rng = np.random.default_rng([seed, index, 77])
        order = rng.permutation(10)
        shown = order[: rng.integers(3, 6)]
        found = bool(rng.random() >= ABSENT_SHARE)
        asked = int(shown[0] if found else order[9])
        box = np.zeros(4)
        mask = np.zeros((MASK, MASK))
        inputs: dict[str, Medium] = {}
        named: list[str] = []
        for modality in self.modalities:
            rng = np.random.default_rng([seed, index, MODALITIES.index(modality), 78])
            if modality == "image":
                scene = self.scene(shown, rng)
                medium: Medium = scene.picture
                if found:
                    box = scene.boxes[0]
                    mask = scene.masks[0]
            else:
                empty = nothing and rng.random() < NOTHING_SHARE
                if not empty:
                    named.append(modality)
                medium = NOTHING[modality](rng) if empty else self.digits.makers[modality](asked, rng)
            inputs[modality] = corrupt(modality, medium, draw_level(severity, modality, rng), rng)
        return FindSample(inputs, asked, tuple(named), found, box, mask)


def known_pictures(data: Path, split: str) -> dict[str, Maker]:
    """Pictures of several digits, in training also corrupted."""
    samples = FindDigits(data, split, ("image",))

    def maker(severity: Severity) -> Maker:
        return lambda rng: samples.sample(int(rng.integers(2**31)), 0, severity).inputs["image"]

    found = {"samples": maker("none")}
    return found | {"corrupted": maker("train")} if split == "train" else found


def with_pages_of_letters(found: Mapping[str, Maker], split: str) -> dict[str, Maker]:
    """Other pictures, with three to five letters where those of `digits` have one."""
    letters, pillow = (OTHER_LETTERS, True) if split == "test" else (LETTERS, False)

    def page(rng: np.random.Generator) -> np.ndarray:
        count = int(rng.integers(3, 6))
        return make_scene(np.zeros(count, int), [letter_cover(letters, rng, pillow) for _ in range(count)], rng).picture

    return {**found, "letters": page}
