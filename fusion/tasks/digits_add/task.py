"""The task `digits-add`: each sample combines halves of two samples of `digits`, whose encoders it uses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion.tasks.base import Heads, Pairing, SampleSource
from fusion.tasks.digits.derived import DIGITS, DerivedDigitsTask
from fusion.tasks.digits_add import pairs
from fusion.tasks.digits_add.card import CARD
from fusion.tasks.digits_add.steps import STEPS
from fusion.tasks.recipes import STRATEGIES


class DigitsAddTask(DerivedDigitsTask):
    """What is the last digit of the sum of the digit that is seen and the one that is said?"""

    name = "digits-add"
    interaction = "synergy"
    heads = Heads({"seen": DIGITS.labels, "said": DIGITS.labels})
    encoder_choice = True
    pairing = Pairing(pairs.SAID, pairs.partners)
    recipes = {"dynamic": replace(STRATEGIES, epochs=30)}  # the weights and the classifiers they weight have to adapt to each other
    card = CARD
    examples_module = "fusion.tasks.digits_add.examples"
    steps = STEPS

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """Both digits have to be there."""
        return pairs.SEEN, pairs.SAID

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        """Samples of `digits`, before they are paired."""
        return DIGITS.samples(split, data, modalities, leave_out)

    def decide(self, content: np.ndarray) -> np.ndarray:
        return pairs.decide(content)

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        return pairs.parts(label, content)
