"""Frozen configurations, saved as JSON beside the weights they belong to."""

from __future__ import annotations

import math
import os
import types
import typing
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from fusion.files import load_json, save_json
from fusion.types import MODALITIES, FusionError

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"


def cache_folder() -> Path:
    """The folder for files made on this machine: the environment variable FUSION_CACHE, or a folder in the user's cache."""
    if named := os.environ.get("FUSION_CACHE"):
        return Path(named)
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fusion-lab"
    except RuntimeError as error:  # a user without a home
        raise FusionError("There is no home folder for the cache; set the variable FUSION_CACHE to a folder.") from error


@dataclass(frozen=True)
class EncoderConfig:
    """Which encoder (a name of `fusion.encoders.ENCODERS`) and the arguments it is built with.

    shift: measured offset between its tokens and the stimuli they respond to (`fusion.encoders.centring`); empty where not measured.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    shift: tuple[float, ...] = ()


@dataclass(frozen=True)
class StrategyConfig:
    """Which strategy (a name of `fusion.strategies.STRATEGIES`) over which modalities, and the arguments it is built with."""

    name: str
    task: str
    num_classes: int
    modalities: tuple[str, ...] = MODALITIES
    embed_dim: int = 96
    options: dict[str, Any] = field(default_factory=dict)
    picture: str = "image"  # the modality in which a localization task finds its box
    grid: int = 0  # image tokens along one side, for localization tasks; 0 for the others


@dataclass(frozen=True)
class OpenSetConfig:
    """The networks that tell "none of these" (`fusion.heads.open_set`), of `modalities` and of encoders of width `embed_dim`.

    parts       groups of modalities, "image+video", of each of which something has to be known
    thresholds  {modalities given of one part: lowest score that is known}
    hidden      units of each network
    """

    task: str
    modalities: tuple[str, ...]
    parts: tuple[str, ...]
    thresholds: dict[str, float]
    num_classes: int
    embed_dim: int = 96
    hidden: int = 32


@dataclass(frozen=True)
class TrainConfig:
    """How to train. `lr` is the peak of a warm-up and cosine schedule; encoders draw new `samples` in each epoch."""

    epochs: int = 10
    samples: int = 20000
    batch_size: int = 128
    lr: float = 2e-3
    optimizer: str = "adamw"
    weight_decay: float = 0.02
    label_smoothing: float = 0.02
    seed: int = 0
    precision: str = "bf16"
    workers: int = 1


Config = TypeVar("Config", EncoderConfig, StrategyConfig, OpenSetConfig, TrainConfig)


LIMITS = {  # a damaged number must not ask for all memory
    "num_classes": (1, 10_000),
    "embed_dim": (1, 4096),
    "grid": (0, 256),
    "hidden": (1, 4096),
}


def save_config(path: Path, config: EncoderConfig | StrategyConfig | OpenSetConfig | TrainConfig) -> None:
    save_json(Path(path), asdict(config), indent=2)


def load_config(path: Path, kind: type[Config]) -> Config:
    """Reads what `save_config` wrote.

    Raises:
        FusionError: the file is missing or damaged, or an entry is unknown, missing, or of a wrong type, in one sentence.
    """
    path = Path(path)
    data = load_json(path)
    hints = typing.get_type_hints(kind)
    where = f"{path.parent.name}/{path.name}"
    if not isinstance(data, dict):
        raise FusionError("The configuration {where} is not a JSON object.", where=where)
    if unknown := set(data) - set(hints):
        raise FusionError(
            "The configuration {where} has entries that this version does not know: {known}.", where=where, known=sorted(unknown)
        )
    for name, value in data.items():
        least, most = LIMITS.get(name, (-math.inf, math.inf))
        if not _fits(value, hints[name]) or (isinstance(value, int) and not least <= value <= most):
            raise FusionError("The configuration {where} has an invalid value for {name}.", where=where, name=name)
    needed = [f.name for f in fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    if missing := [name for name in needed if name not in data]:
        raise FusionError("The configuration {where} lacks {name}.", where=where, name=missing[0])
    arguments: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
    return kind(**arguments)


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value read from JSON matches the type hint of its field; a list stands for a tuple."""
    origin = typing.get_origin(hint)
    parts = typing.get_args(hint)
    if origin is types.UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(item, parts[1]) for item in value.values())
    if origin is tuple:
        return isinstance(value, list) and all(_fits(item, parts[0]) for item in value)
    if hint is Any:
        return True
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)
