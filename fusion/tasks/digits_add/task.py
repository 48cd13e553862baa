"""The task `digits-add`: samples are halves of two samples of `digits`, whose encoders it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion.tasks.base import Example, Heads, Pairing, SampleSource, Task
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.digits_add import pairs
from fusion.tasks.digits_add.card import CARD
from fusion.tasks.digits_add.steps import STEPS
from fusion.tasks.recipes import STRATEGIES
from fusion.tasks.texts import Texts, over
from fusion.types import Medium

DIGITS = DigitsTask()


class DigitsAddTask(Task):
    """What is the last digit of the sum of the digit that is seen and the one that is said?"""

    name = "digits-add"
    interaction = "synergy"
    labels = DIGITS.labels
    modalities = DIGITS.modalities
    encoders = DIGITS.encoders
    heads = Heads({"seen": DIGITS.labels, "said": DIGITS.labels})
    drawn = True
    encoder_choice = True
    pairing = Pairing(pairs.SAID, pairs.partners)
    recipes = {"dynamic": replace(STRATEGIES, epochs=30)}  # what is weighed and the weights have to find one another
    card = CARD
    steps = STEPS

    @property
    def texts(self) -> Texts:
        return over(DIGITS.texts, super().texts)

    @property
    def encoder_tasks(self) -> Mapping[str, str]:
        return DIGITS.encoder_tasks

    @property
    def sample_code(self) -> tuple[str, ...]:
        return DIGITS.sample_code

    @property
    def examples(self) -> Mapping[str, Example]:
        from fusion.tasks.digits_add.examples import EXAMPLES

        return EXAMPLES

    def make_example(self, name: str) -> dict[str, Medium]:
        from fusion.tasks.digits_add.examples import make_example

        return make_example(name)

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        """Samples of `digits`, before they are paired."""
        return DIGITS.samples(split, data, modalities, leave_out)

    def data_hash(self, data: Path) -> dict[str, str]:
        return DIGITS.data_hash(data)

    def decide(self, content: np.ndarray) -> np.ndarray:
        return pairs.decide(content)

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        return pairs.parts(label, content)
