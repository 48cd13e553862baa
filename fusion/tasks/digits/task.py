"""The task `digits`: labels, encoders, recipes and test sets."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from fusion.config import TrainConfig
from fusion.tasks.base import Download, Heads, Maker, PageSource, PairSource, SampleSource, Task, TestSet
from fusion.tasks.digits.card import CARD
from fusion.tasks.digits.steps import STEPS
from fusion.types import MODALITIES, FusionError, Medium

LABELS = tuple("0123456789")
ENCODERS = {"image": "image_cnn", "text": "text_transformer", "audio": "audio_cnn", "video": "video_tcn"}
QUESTIONS: dict[str, tuple[str, ...]] = {"parity": ("even", "odd"), "half": ("below five", "five or more")}
RECIPES = {  # found by a few short runs; samples are per epoch
    "image_only": TrainConfig(epochs=18, samples=40000, lr=2e-3),
    "text_only": TrainConfig(epochs=12, samples=40000, lr=1e-3),
    "audio_only": TrainConfig(epochs=20, samples=14000, lr=2e-3, weight_decay=0.05),
    "video_only": TrainConfig(epochs=18, samples=18000, lr=2e-3, weight_decay=0.05),
    # encoders beside the compact ones: 5 to 20 minutes of one core; attention's backward pass is slower in half precision on a CPU
    "image_vit": TrainConfig(epochs=9, samples=16000, batch_size=64, lr=1e-3, weight_decay=0.05, precision="fp32"),
    "text_lstm": TrainConfig(epochs=8, samples=40000, lr=2e-3),
    "text_embedding": TrainConfig(epochs=10, samples=40000, lr=5e-3, weight_decay=0.0, precision="fp32"),
    "video_r3d": TrainConfig(epochs=6, samples=16000, lr=2e-3, weight_decay=0.05),
}


def parity_and_half(label: np.ndarray) -> dict[str, np.ndarray]:
    """Even or odd, below five or not, of labels (N,); -1 where the label is -1."""
    return {"parity": np.where(label < 0, -1, label % 2), "half": np.where(label < 0, -1, label // 5)}


class DigitsTask(Task):
    """Which digit is drawn, typed, said and being written?"""

    name = "digits"
    interaction = "redundancy"
    labels = LABELS
    modalities = MODALITIES
    encoders = ENCODERS
    heads = Heads(QUESTIONS)
    drawn = True
    encoder_choice = True
    recipes = RECIPES
    close_up = {"least": 0.4, "share": 0.55}
    card = CARD
    examples_module = "fusion.tasks.digits.examples"
    steps = STEPS

    @property
    def sample_code(self) -> tuple[str, ...]:
        return ("digits",)

    @property
    def downloads(self) -> tuple[Download, ...]:
        from fusion.tasks.digits.download import get_fsdd, get_mnist, get_pendigits

        return get_mnist, get_fsdd, get_pendigits

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        """Samples of the data sets; without a data folder, of the project's own strokes, words and synthetic voice."""
        from fusion.tasks.digits.samples import Digits
        from fusion.tasks.digits.selfmade import SelfMade

        given = modalities or self.modalities
        return SelfMade(Path(), split, given) if data is None else Digits(data, split, given, leave_out)

    def test_sets(self, data: Path, limit: int | None = None, seed: int = 0) -> dict[str, TestSet]:
        from fusion.tasks.digits.test_sets import digit_sets

        return digit_sets(data, limit, seed)

    def outside_sets(self, data: Path, seed: int = 0) -> dict[str, TestSet]:
        from fusion.tasks.digits.outside_sets import outside_sets

        return outside_sets(data, seed)

    def known_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        from fusion.tasks.digits import outliers
        from fusion.tasks.digits.samples import Digits

        return outliers.known_media(Digits(data, split, (modality,)), modality, data)

    def other_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        from fusion.tasks.digits import outliers

        return outliers.other_media(modality, split, data)

    def data_hash(self, data: Path) -> dict[str, str]:
        from fusion.tasks.digits.sources import data_hash

        return data_hash(data)

    def make_voices(self, data: Path) -> None:
        from fusion.tasks.digits.voices import make_voices

        make_voices(data / "voices")
        if shutil.which("espeak-ng"):
            from fusion.tasks.digits.connected import FOLDER
            from fusion.tasks.digits.strings import make_strings

            make_strings(data / FOLDER)

    def pairs(self, modality: str, data: Path, leave_out: str | None = None) -> PairSource:
        """Digits of many speakers and out of connected speech; `leave_out`: "fold-0" to "fold-4", a fifth of the speakers."""
        if modality != "audio":
            return super().pairs(modality, data, leave_out)
        from fusion.tasks.digits.sources import FOLDS
        from fusion.tasks.digits.speech import SpokenPairs

        folds = {f"fold-{fold}": fold for fold in range(FOLDS)}
        if leave_out is not None and leave_out not in folds:
            raise FusionError("There is no part {part} to leave out; there are {known}.", part=leave_out, known=list(folds))
        return SpokenPairs(data, None if leave_out is None else folds[leave_out])

    def pages(self, data: Path) -> PageSource:
        from fusion.tasks.digits.pages import DigitPages
        from fusion.tasks.digits.samples import Digits

        return DigitPages(Digits(data, "train", ("image",)))

    def speak_examples(self) -> None:
        from fusion.config import CHECKPOINTS
        from fusion.tasks.digits.voices import make_examples

        make_examples(CHECKPOINTS / self.name / "examples")

    def groups(self, data: Path) -> dict[str, dict[str, list[tuple[Medium, int]]]]:
        """The recordings of each speaker."""
        from fusion.tasks.digits.sources import SPEAKERS, load_fsdd

        recordings: dict[str, list[tuple[Medium, int]]] = {}
        for speaker in SPEAKERS:
            speech = load_fsdd(data, "test", leave_out=speaker)
            recordings[speaker] = list(zip(speech.sounds, map(int, speech.labels), strict=True))
        return {"audio": recordings}

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        return parity_and_half(label)
