"""Task `digits`: which digit is drawn, typed, said and being written? Four redundant modalities.

Image: 64x64 canvas, MNIST or the end of a pen drawing, any place and size. Text: numerals, words in eight languages or spellings,
phrases, typos. Audio: a spoken digit. Video: the pen drawing it. The parts of one sample share the label alone: they come from
different people and moments, so a fused gain is expected and is no proof of synergy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Sample
from fusion.tasks.digits import clips, images, sounds, sources, words
from fusion.types import MODALITIES, Audio, Clip, FusionError, Medium

NOTHING_SHARE = 0.06  # share of training media without a digit; their target is uniform


@dataclass
class Digits:
    """Samples of one split, any number of them, each the same for the same seed and index.

    Args:
        data: folder with the data sets.
        split: "train", "val" or "test".
        modalities: which to make; only their data sets are read.
        leave_out: an FSDD speaker to keep for test (leave-one-speaker-out).
    """

    data: Path
    split: str
    modalities: tuple[str, ...] = MODALITIES
    leave_out: str | None = None
    pools: dict[str, list[np.ndarray]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.data = Path(self.data)
        if not self.data.is_dir():
            raise FusionError(
                "The data folder {folder} does not exist; set it with --data or FUSION_DATA.", folder=self.data.name or self.data
            )
        if {"image", "video"} & set(self.modalities):
            self.drawings = sources.load_pendigits(self.data, self.split)
            self.pools["drawings"] = _by_label(self.drawings.labels)
        if "image" in self.modalities:
            self.pictures = sources.load_mnist(self.data, self.split)
            self.pools["pictures"] = _by_label(self.pictures.labels)
        if "audio" in self.modalities:
            self.recordings = sources.load_fsdd(self.data, self.split, self.leave_out)
            self.pools["recordings"] = _by_label(self.recordings.labels)
            self.voices = sources.load_voices(self.data, self.split)
            self.pools["voices"] = _by_label(self.voices.labels)
        self.makers: dict[str, Callable[[int, np.random.Generator], Medium]] = {
            "image": self.make_image,
            "text": lambda digit, rng: words.make_text(digit, self.split, rng),
            "audio": self.make_audio,
            "video": self.make_video,
        }

    def pick(self, pool: str, digit: int, rng: np.random.Generator) -> int:
        return int(rng.choice(self.pools[pool][digit]))

    def make_image(self, digit: int, rng: np.random.Generator) -> np.ndarray:
        kind = rng.random()
        plain = rng.random() < 0.15
        if kind < 0.72:
            cover = self.pictures.images[self.pick("pictures", digit, rng)]
            if rng.random() < 0.06 and self.split != "train" or rng.random() < 0.12 and self.split == "train":
                return np.repeat(cover[..., None], 3, -1)  # the 28x28 picture of the data set, as users may upload it
        elif kind < 0.93 or self.split == "test":
            cover = images.pen_glyph(self.drawings.strokes[self.pick("drawings", digit, rng)], rng)
        else:
            cover = images.printed_glyph(digit, rng)
        return images.make_canvas(cover, rng, plain=plain)

    def glyph(self, digit: int, rng: np.random.Generator) -> np.ndarray:
        """Ink of one digit, (h, w) uint8: MNIST, pen, and in training also printed."""
        kind = rng.random()
        if kind < 0.6:
            cover: np.ndarray = self.pictures.images[self.pick("pictures", digit, rng)]
            return cover
        if kind < 0.9 or self.split == "test":
            return images.pen_glyph(self.drawings.strokes[self.pick("drawings", digit, rng)], rng)
        return images.printed_glyph(digit, rng)

    def make_audio(self, digit: int, rng: np.random.Generator) -> Audio:
        synthetic = len(self.voices.labels) and rng.random() < (0.5 if self.split == "train" else 0.0)
        pool = "voices" if synthetic else "recordings"
        sound = getattr(self, pool).sounds[self.pick(pool, digit, rng)]
        return sounds.make_sound(sound, rng, varied=self.split == "train")

    def make_video(self, digit: int, rng: np.random.Generator) -> Clip:
        return clips.make_clip(self.drawings.strokes[self.pick("drawings", digit, rng)], rng, varied=self.split == "train")

    def sample(self, index: int, seed: int, severity: dict[str, int] | str = "none", nothing: bool = False) -> Sample:
        """Sample `index` of the endless stream `seed`.

        Args:
            severity: corruption per modality; "none"; "train" draws one per modality, half of them 0.
            nothing: a few of the media then show no digit.
        """
        digit = int(np.random.default_rng([seed, index]).integers(10))
        inputs: dict[str, Medium] = {}
        named: list[str] = []
        for modality in self.modalities:  # each has its own random stream, so that it does not depend on the other modalities
            rng = np.random.default_rng([seed, index, MODALITIES.index(modality), 1])
            empty = nothing and rng.random() < NOTHING_SHARE
            if not empty:
                named.append(modality)
            medium = NOTHING[modality](rng) if empty else self.makers[modality](digit, rng)
            inputs[modality] = corrupt(modality, medium, draw_level(severity, modality, rng), rng)
        return Sample(inputs, digit, tuple(named))


def draw_level(severity: dict[str, int] | str, modality: str, rng: np.random.Generator) -> int:
    """The severity of one medium: as given, or drawn for "train", half of them 0."""
    if isinstance(severity, dict):
        return severity.get(modality, 0)
    return int(rng.integers(1, 6)) if severity == "train" and rng.random() < 0.5 else 0


NOTHING: dict[str, Callable[[np.random.Generator], Medium]] = {
    "image": images.make_nothing,
    "text": words.make_nothing,
    "audio": sounds.make_nothing,
    "video": clips.make_nothing,
}


def _by_label(labels: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(labels == k) for k in range(10)]
