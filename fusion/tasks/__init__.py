"""Tasks: what is asked of the modalities. One idea, one folder, one line here; a task's samples and examples live in its folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from fusion.tasks import digits_add
from fusion.types import MODALITIES

DIGITS = tuple("0123456789")
SCENES = ("dog", "cat", "bird", "cow", "sheep", "lion", "frog", "sea", "fire", "clock", "rain")
COMPACT = {"image": "image_cnn", "text": "text_transformer", "audio": "audio_cnn", "video": "video_tcn"}
NATURAL = {"image": "image_efficientnet", "text": "text_bert", "audio": "audio_mobilenet", "video": "video_frames"}
GROUPS = ("animal", "no animal"), 7  # the first seven scenes are animals
OWN = dict.fromkeys(MODALITIES, "digits")
PARITY, HALF = ("even", "odd"), ("below five", "five or more")


@dataclass(frozen=True)
class Task:
    """What a visitor is asked.

    labels       text of each class; `interaction` is how the modalities depend on one another
    encoders     {modality: the task in whose checkpoint folder its encoder lies}
    compact      {modality: name of the encoder that all its strategies are shipped on}
    auxiliary    {further question: its answers}, for strategies with several heads; `answers` gives them as classes
    answers      (label (N,), content (N, M)) -> {question: class (N,), -1 where unknown}; content is what each modality says by itself
    decide       content (N, M) -> label (N,), -1 where what is said does not decide it
    pairs        how samples find partners, in tasks whose samples are halves of two (see `digits_add.partners`), else None
    grid         image tokens along one side where the task also asks for a place (box, mask, is it there), else 0
    anchors      modalities without which the task has little to ask
    """

    name: str
    title: str
    question: str
    interaction: str
    labels: tuple[str, ...] = DIGITS
    modalities: tuple[str, ...] = MODALITIES
    encoders: dict[str, str] = field(default_factory=lambda: OWN)
    compact: dict[str, str] = field(default_factory=lambda: COMPACT)
    auxiliary: dict[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]] = lambda label, content: {}
    decide: Callable[[np.ndarray], np.ndarray] = lambda content: content.max(1)
    pairs: Callable[..., np.ndarray] | None = None
    grid: int = 0
    anchors: tuple[str, ...] = ()

    @property
    def own_encoders(self) -> bool:
        """Whether the task can be read with its own encoders only: their tokens say where, or they know what is asked."""
        return self.grid > 0 or self.compact is not COMPACT

    @property
    def options(self) -> dict[str, dict[str, object]]:
        """{strategy: arguments it is built with for this task}."""
        return {"multitask": {"auxiliary": {q: len(a) for q, a in self.auxiliary.items()}, "places": self.grid > 0}}


def parity_and_half(label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
    """Even or odd, below five or not: questions on the digit itself."""
    return {"parity": np.where(label < 0, -1, label % 2), "half": np.where(label < 0, -1, label // 5)}


def animal_or_not(label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
    """Whether the scene is one of the animals."""
    return {"kind": np.where(label < 0, -1, (label >= GROUPS[1]).astype(label.dtype))}


TASKS: dict[str, Task] = {
    "digits": Task(
        "digits", "Digits", "Which digit is it?", "redundancy", auxiliary={"parity": PARITY, "half": HALF}, answers=parity_and_half
    ),
    "digits-add": Task(
        "digits-add",
        "Add two digits",
        "What is the last digit of the sum of the seen digit and the said digit?",
        "synergy",
        auxiliary={"seen": DIGITS, "said": DIGITS},
        answers=digits_add.parts,
        decide=digits_add.decide,
        pairs=digits_add.partners,
    ),
    "digits-find": Task(
        "digits-find",
        "Find the digit",
        "Where is the digit that is asked for?",
        "alignment",
        encoders=OWN | {"image": "digits-find"},
        auxiliary={"parity": PARITY, "half": HALF},
        answers=parity_and_half,
        grid=12,
        anchors=("image",),
    ),
    "scenes": Task(
        "scenes",
        "Scenes",
        "Which of eleven things is it: an animal, the sea, fire, a clock, rain?",
        "redundancy",
        labels=SCENES,
        encoders=dict.fromkeys(MODALITIES, "scenes"),
        compact=NATURAL,
        auxiliary={"kind": GROUPS[0]},
        answers=animal_or_not,
    ),
}
