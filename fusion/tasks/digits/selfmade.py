"""Samples of `digits` from the project's own pen strokes, printed fonts, words and synthesised voice: no data set is needed.

A user's own backbone is fitted on these if there is no data folder. They vary less than the data sets, so heads trained on them are less
accurate than the shipped ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion.tasks.digits import clips, images, sounds, words
from fusion.tasks.digits.examples import spoken, strokes_of
from fusion.tasks.digits.samples import Digits
from fusion.types import Audio, Clip


@dataclass
class SelfMade(Digits):
    """Like `Digits`, but the data folder is never read."""

    def __post_init__(self) -> None:
        self.makers = {
            "image": self.make_image,
            "text": lambda digit, rng: words.make_text(digit, self.split, rng),
            "audio": self.make_audio,
            "video": self.make_video,
        }

    def make_image(self, digit: int, rng: np.random.Generator) -> np.ndarray:
        drawn = images.pen_glyph(clips.bend(strokes_of(digit), rng, 1.5), rng) if rng.random() < 0.6 else images.printed_glyph(digit, rng)
        return images.make_canvas(drawn, rng, plain=rng.random() < 0.15)

    def make_audio(self, digit: int, rng: np.random.Generator) -> Audio:
        voice = spoken(digit)
        stretched = sounds.stretch(voice.samples, float(np.exp(rng.normal(0, 0.15)))).astype(np.float32)
        return sounds.make_sound(Audio(voice.rate, stretched), rng)

    def make_video(self, digit: int, rng: np.random.Generator) -> Clip:
        return clips.make_clip(strokes_of(digit), rng)
