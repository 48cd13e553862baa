"""The task `digits-find`: its own picture encoder, the other encoders of `digits`, and a localization head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion.tasks.base import Heads, Localization, Maker, SampleSource
from fusion.tasks.digits.derived import DIGITS, DerivedDigitsTask
from fusion.tasks.digits.task import parity_and_half
from fusion.tasks.digits_find.card import CARD
from fusion.tasks.digits_find.steps import STEPS
from fusion.tasks.recipes import STRATEGIES
from fusion.types import FusionError

FEW = replace(STRATEGIES, samples=12000)


class DigitsFindTask(DerivedDigitsTask):
    """Where in a picture of several digits is the one that is asked for, and is it there at all?"""

    name = "digits-find"
    interaction = "alignment"
    heads = Heads(DIGITS.heads.questions, Localization(grid=12))
    anchors = ("image",)
    close_up = {"least": 0.2, "share": 0.36}  # digits of a fifth to two fifths of the picture are what its encoder learned
    recipes = {"strategies": FEW, "token strategies": replace(FEW, epochs=20)}  # box and mask are learned long after the label
    card = CARD
    examples_module = "fusion.tasks.digits_find.examples"
    steps = STEPS

    @property
    def encoder_tasks(self) -> Mapping[str, str]:
        return {**DIGITS.encoder_tasks, "image": self.name}

    @property
    def sample_code(self) -> tuple[str, ...]:
        return ("digits_find", "digits")

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """A picture of digits, and a digit that is asked for."""
        return ("image",), ("text", "audio", "video")

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        from fusion.tasks.digits_find.samples import FindDigits

        if data is None:
            raise FusionError("The task {name} has no samples without a data folder.", name=self.name)
        return FindDigits(data, split, modalities or self.modalities)

    def known_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        from fusion.tasks.digits_find.samples import known_pictures

        return known_pictures(data, split) if modality == "image" else super().known_media(modality, split, data)

    def other_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        """Pictures as for `digits`, and pages of letters instead of a single one."""
        from fusion.tasks.digits_find.samples import with_pages_of_letters

        found = super().other_media(modality, split, data)
        return with_pages_of_letters(found, split) if modality == "image" else found

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        return parity_and_half(label)
