"""Task `digits-find`: a picture with three to five different digits, and a digit that is asked for by words, voice or clip. Where is it?

The answer is a box, a mask of its ink, whether it is there at all (in about one sample of seven it is not), and which digit was asked
for. Text, sound and clip are those of the task `digits`. Neither the picture nor the question alone says anything about the place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.digits.images import pen_glyph, printed_glyph
from fusion.tasks.digits.samples import NOTHING, NOTHING_SHARE, Digits, draw_level
from fusion.tasks.digits_find.scenes import MASK, Scene, make_scene
from fusion.types import MODALITIES, Medium

QUERIES = ("text", "audio", "video")
ABSENT_SHARE = 0.15


@dataclass(frozen=True)
class FindSample:
    """Media, the digit asked for, which queries name it; whether it is there, its box (4,) in [0, 1] and mask (48, 48), or zeros."""

    inputs: dict[str, Medium]
    label: int
    named: tuple[str, ...]
    found: bool
    box: np.ndarray
    mask: np.ndarray


class FindDigits:
    """Samples of one split, any number of them, each the same for the same seed and index; see `fusion.tasks.digits.samples.Digits`."""

    def __init__(self, data: Path, split: str, modalities: tuple[str, ...] = MODALITIES) -> None:
        self.modalities, self.split = modalities, split
        self.digits = Digits(data, split, modalities)

    def cover(self, digit: int, rng: np.random.Generator) -> np.ndarray:
        """Ink of one digit: MNIST, pen, and in training also printed."""
        kind, d = rng.random(), self.digits
        if kind < 0.7:
            return d.pictures.images[d.pick("pictures", digit, rng)]
        if kind < 0.93 or self.split == "test":
            return pen_glyph(d.drawings.strokes[d.pick("drawings", digit, rng)], rng)
        return printed_glyph(digit, rng)

    def scene(self, digits: np.ndarray, rng: np.random.Generator) -> Scene:
        return make_scene(digits, [self.cover(int(k), rng) for k in digits], rng)

    def sample(self, index: int, seed: int, severity: dict[str, int] | str = "none", nothing: bool = False) -> FindSample:
        """Sample `index` of the endless stream `seed`; arguments as in `Digits.sample`."""
        rng = np.random.default_rng([seed, index, 77])
        order = rng.permutation(10)
        shown = order[: rng.integers(3, 6)]
        found = bool(rng.random() >= ABSENT_SHARE)
        asked = int(shown[0] if found else order[9])
        box, mask, inputs, named = np.zeros(4), np.zeros((MASK, MASK)), {}, []
        for modality in self.modalities:
            rng = np.random.default_rng([seed, index, MODALITIES.index(modality), 78])
            if modality == "image":
                scene = self.scene(shown, rng)
                medium = scene.picture
                if found:
                    box, mask = scene.boxes[0], scene.masks[0]
            else:
                empty = nothing and rng.random() < NOTHING_SHARE
                named += [] if empty else [modality]
                medium = NOTHING[modality](rng) if empty else self.digits.makers[modality](asked, rng)
            inputs[modality] = corrupt(modality, medium, draw_level(severity, modality, rng), rng)
        return FindSample(inputs, asked, tuple(named), found, box, mask)
