"""The task `open`: which of these labels is it? The labels are typed; nothing is trained on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Self

import numpy as np

from fusion.tasks.base import Heads, SampleSource, Task
from fusion.tasks.open.card import CARD
from fusion.tasks.open.labels import read_labels, wordings
from fusion.tasks.open.steps import STEPS
from fusion.tasks.open.translation import translate
from fusion.types import MODALITIES, FusionError

NAMES = Path(__file__).with_name("names.json")
ENCODERS = {"image": "image_efficientnet", "text": "text_minilm", "audio": "audio_mobilenet", "video": "video_frames"}


@cache
def names() -> dict[str, tuple[str, ...]]:
    """The names that photos ("image", ImageNet's) and sounds ("audio", AudioSet's) are compared with, in the encoders' order."""
    return {kind: tuple(found) for kind, found in json.loads(NAMES.read_text("utf-8")).items()}


@cache
def every_name() -> tuple[str, ...]:
    """All names, each once."""
    return tuple(dict.fromkeys(name.lower() for found in names().values() for name in found))


class OpenTask(Task):
    """Which of the visitor's own labels is in the photo, the words, the sound, the clip? Without labels: which of all names is it?"""

    name = "open"
    interaction = "redundancy"
    modalities = MODALITIES
    encoders = ENCODERS
    heads = Heads({"named": ("one of these", "none of these")})
    open_labels = True
    reads_soundtrack = True
    lends = ("text",)
    names_file = NAMES
    card = CARD
    steps = STEPS
    on_page = False  # the page cannot take labels yet

    def __init__(self, labels: tuple[str, ...] = ()) -> None:
        self.typed_labels = labels
        self.translated = translate(wording for label in labels for wording in wordings(label))

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]  # the labels of the other tasks are fixed
        return self.typed_labels or every_name()

    def with_labels(self, labels: Iterable[str] | str) -> Self:
        return type(self)(read_labels(labels))

    def wordings(self, label: str) -> tuple[str, ...]:
        return tuple(self.translated.get(word, word) for word in wordings(label)) if self.typed_labels else (label,)

    @property
    def translations(self) -> Mapping[str, tuple[str, ...]]:
        return {label: self.wordings(label) for label in self.typed_labels} if self.translated else {}

    @property
    def encoder_tasks(self) -> Mapping[str, str]:
        return {m: self.name if m == "text" else "scenes" for m in self.modalities}

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        """Whether it is one of the labels; nothing is known of what has none."""
        return {"named": np.where(label < 0, -1, 0)}

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        raise FusionError("The task {name} trains nothing: its labels are typed.", name=self.name)
