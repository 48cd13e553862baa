"""Tasks whose modalities have names of their own, two of one kind, and checkpoints for them with weights as they are initialised."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from fusion.config import EncoderConfig, StrategyConfig
from fusion.model import FusionModel, build_encoder, build_strategy, fuser_state, grid_of, save_weights, strategy_options
from fusion.tasks import Task
from fusion.tasks.base import Sample
from fusion.tasks.texts import Texts


class Pairs:
    """Two pictures, one with a black square and one without; the label says which has it."""

    def __init__(self, modalities: tuple[str, ...]) -> None:
        self.modalities = modalities

    def sample(self, index: int, seed: int, severity: object = "none", nothing: bool = False) -> Sample:
        rng = np.random.default_rng([seed, index])
        label = int(rng.integers(2))
        inputs = {m: draw(("left", "right").index(m) == label, rng) for m in self.modalities}
        return Sample(inputs, label, self.modalities)


def draw(square: bool, rng: np.random.Generator) -> np.ndarray:
    """(64, 64, 3) uint8: noise, with or without a black square."""
    picture = rng.integers(150, 256, (64, 64, 3), dtype=np.uint8)
    if square:
        top, left = rng.integers(4, 24, 2)
        picture[top : top + 36, left : left + 36] = 0
    return picture


class TwoPictures(Task):
    name = "two-pictures"
    title = "Two pictures"
    question = "Which picture has the square?"
    interaction = "redundancy"
    labels = ("in the left", "in the right")
    modalities: tuple[str, ...] = ("left", "right")
    kinds = {"left": "image", "right": "image"}
    encoders = {"left": "image_cnn", "right": "image_cnn"}

    def samples(self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None) -> Pairs:
        return Pairs(modalities or self.modalities)


class Album(TwoPictures):
    """Every kind under another name, and two pictures; words of its own for one of them, in two languages."""

    name = "album"
    title = "Album"
    modalities = ("left", "right", "note", "voice", "film")
    kinds = {"left": "image", "right": "image", "note": "text", "voice": "audio", "film": "video"}
    encoders = {"left": "image_cnn", "right": "image_cnn", "note": "text_transformer", "voice": "audio_cnn", "film": "video_tcn"}

    @property
    def texts(self) -> Texts:
        return {
            "en": {"modality.left": "left picture", "story.the.left": "the left picture", "role.note": "says where"},
            "zh": {"title": "相册", "modality.left": "左图", "story.the.left": "左图", "label.in the left": "在左边"},
        }


class Swapped(TwoPictures):
    """The names of two modalities of `Album`, for other kinds."""

    name = "swapped"
    title = "Swapped"
    modalities = ("note", "left")
    kinds = {"note": "image", "left": "text"}
    encoders = {"note": "image_cnn", "left": "text_transformer"}


def make_encoders(task: Task, folder: Path) -> Path:
    """Encoders as they are initialised; returns the folder of checkpoints."""
    torch.manual_seed(0)
    for modality in task.modalities:
        config = EncoderConfig(task.encoders[modality])
        save_weights(folder / task.name / "encoders" / modality, build_encoder(config).state_dict(), config)
    return folder


def make_strategies(task: Task, folder: Path, names: Iterable[str]) -> Path:
    """Strategies as they are initialised, and each modality alone."""
    fusing = dict.fromkeys(names, task.modalities)
    alone = {f"{m}_only": (m,) for m in task.modalities}
    for name, modalities in (fusing | alone).items():
        grid = grid_of(task, modalities)
        config = StrategyConfig(name, task.name, len(task.labels), modalities, options=strategy_options(task, name), grid=grid)
        save_weights(folder / task.name / name, fuser_state(FusionModel({}, build_strategy(config), config.grid)), config)
    return folder
