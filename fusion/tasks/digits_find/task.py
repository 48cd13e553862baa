"""The task `digits-find`: a picture encoder of its own, the other encoders of `digits`, and a head that says where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion.tasks.base import Example, Heads, Localization, SampleSource, Task
from fusion.tasks.digits.task import DigitsTask, parity_and_half
from fusion.tasks.digits_find.card import CARD
from fusion.tasks.digits_find.steps import STEPS
from fusion.tasks.recipes import STRATEGIES
from fusion.tasks.texts import Texts, over
from fusion.types import FusionError, Medium

DIGITS = DigitsTask()
FEW = replace(STRATEGIES, samples=12000)


class DigitsFindTask(Task):
    """Where in a picture of several digits is the one that is asked for, and is it there at all?"""

    name = "digits-find"
    interaction = "alignment"
    labels = DIGITS.labels
    modalities = DIGITS.modalities
    encoders = DIGITS.encoders
    heads = Heads(DIGITS.heads.questions, Localization(grid=12))
    drawn = True
    anchors = ("image",)
    recipes = {"strategies": FEW, "token strategies": replace(FEW, epochs=20)}  # box and mask are learned long after the label
    card = CARD
    steps = STEPS

    @property
    def texts(self) -> Texts:
        return over(DIGITS.texts, super().texts)

    @property
    def encoder_tasks(self) -> Mapping[str, str]:
        return {**DIGITS.encoder_tasks, "image": self.name}

    @property
    def sample_code(self) -> tuple[str, ...]:
        return ("digits_find", "digits")

    @property
    def examples(self) -> Mapping[str, Example]:
        from fusion.tasks.digits_find.examples import EXAMPLES

        return EXAMPLES

    def make_example(self, name: str) -> dict[str, Medium]:
        from fusion.tasks.digits_find.examples import make_example

        return make_example(name)

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        from fusion.tasks.digits_find.samples import FindDigits

        if data is None:
            raise FusionError("The task {name} has no samples without a data folder.", name=self.name)
        return FindDigits(data, split, modalities or self.modalities)

    def data_hash(self, data: Path) -> dict[str, str]:
        return DIGITS.data_hash(data)

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        return parity_and_half(label)
