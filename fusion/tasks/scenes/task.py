"""The task `scenes`: labels in order, encoders, recipes and test sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion.config import TrainConfig
from fusion.tasks.base import Heads, Maker, Measuring, PairSource, SampleSource, Task, TestSet
from fusion.tasks.recipes import STRATEGIES
from fusion.tasks.scenes.card import CARD
from fusion.tasks.scenes.steps import STEPS
from fusion.types import MODALITIES, FusionError

LABELS = ("dog", "cat", "bird", "cow", "sheep", "lion", "frog", "sea", "fire", "clock", "rain")
ANIMALS = ("dog", "cat", "bird", "cow", "sheep", "lion", "frog")
ENCODERS = {"image": "image_efficientnet", "text": "text_bert", "audio": "audio_mobilenet", "video": "video_frames"}
HEAD = TrainConfig(epochs=2, samples=10000, batch_size=32, lr=1e-3, weight_decay=0.05)  # for the layers on a distilled trunk
RECIPES = {
    "image_only": HEAD,
    "text_only": replace(HEAD, epochs=5, samples=16000, batch_size=64),
    "audio_only": HEAD,
    "video_only": replace(HEAD, samples=2000),
    "strategies": replace(STRATEGIES, samples=4000, epochs=30),
}


class ScenesTask(Task):
    """Which of eleven things is in the photo, the caption, the sound, the clip?"""

    name = "scenes"
    interaction = "redundancy"
    labels = LABELS
    modalities = MODALITIES
    encoders = ENCODERS
    lends = ("image", "audio", "video")
    heads = Heads({"kind": ("animal", "no animal")})
    recipes = RECIPES
    measuring = Measuring(samples=400, explained=20, half_precision=True, open_set=400, calibration=400)  # photos and clips take longer
    card = CARD
    examples_module = "fusion.tasks.scenes.examples"
    steps = STEPS

    @property
    def sample_code(self) -> tuple[str, ...]:
        return ("scenes", "digits")

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        from fusion.tasks.scenes.samples import Scenes

        if data is None:
            raise FusionError("The task {name} has no samples without a data folder.", name=self.name)
        return Scenes(data, split, modalities or self.modalities)

    def pairs(self, modality: str, data: Path, leave_out: str | None = None) -> PairSource:
        """Drawn fire and rain, frames as phones and web sites make them, what only looks like fire or rain; poor recordings, made rain."""
        if modality == "audio":
            from fusion.tasks.scenes.sound_pairs import SoundPairs

            return SoundPairs(data)
        if modality not in ("image", "video"):
            return super().pairs(modality, data, leave_out)
        from fusion.tasks.scenes.pairs import ScenePairs

        return ScenePairs(data, modality)

    def known_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        from fusion.tasks.scenes import outliers

        return outliers.known_media(modality, split, data)

    def other_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        from fusion.tasks.scenes import outliers

        return outliers.other_media(modality, split, data)

    def test_sets(self, data: Path, limit: int | None = None, seed: int = 0) -> dict[str, TestSet]:
        from fusion.tasks.scenes.test_sets import single_sets

        return single_sets(data, limit, seed)

    def outside_sets(self, data: Path, seed: int = 0) -> dict[str, TestSet]:
        from fusion.tasks.scenes.outside_sets import outside_sets

        return outside_sets(data)

    def data_hash(self, data: Path) -> dict[str, str]:
        from fusion.tasks.scenes.sources import data_hash

        return data_hash(data)

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        """Whether the scene is one of the animals, which come first among the labels."""
        return {"kind": np.where(label < 0, -1, (label >= len(ANIMALS)).astype(label.dtype))}
