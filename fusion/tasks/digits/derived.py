"""Base class of the tasks on the media of `digits`: they share its labels, modalities, encoders and data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusion.tasks.base import Maker, Task
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.texts import Texts, over

DIGITS = DigitsTask()


class DerivedDigitsTask(Task):
    """A task with the labels and the encoders of `digits`."""

    labels = DIGITS.labels
    modalities = DIGITS.modalities
    encoders = DIGITS.encoders
    drawn = True

    @property
    def texts(self) -> Texts:
        return over(DIGITS.texts, super().texts)

    @property
    def encoder_tasks(self) -> Mapping[str, str]:
        return DIGITS.encoder_tasks

    @property
    def sample_code(self) -> tuple[str, ...]:
        return DIGITS.sample_code

    def data_hash(self, data: Path) -> dict[str, str]:
        return DIGITS.data_hash(data)

    def known_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        return DIGITS.known_media(modality, split, data)

    def other_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        return DIGITS.other_media(modality, split, data)
