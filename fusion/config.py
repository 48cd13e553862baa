"""Frozen configurations, saved as JSON beside the weights they belong to."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from fusion.types import MODALITIES, FusionError

CHECKPOINTS = Path(__file__).resolve().parent.parent / "checkpoints"


def cache_folder() -> Path:
    """What is made on this machine and kept: the variable FUSION_CACHE, or a folder in the user's own cache."""
    return Path(os.environ.get("FUSION_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fusion-lab")


@dataclass(frozen=True)
class EncoderConfig:
    """Which encoder (a name of `fusion.encoders.ENCODERS`) and the arguments it is built with.

    shift: how far its answers lie from what they answer to, measured with these weights (`fusion.encoders.centring`); empty where not.
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
    grid: int = 0  # image tokens along one side, for tasks that ask where; 0 for the others
    # {modalities given, "image+text": least confidence}: answers of less are "none of these"; None in tasks that do not ask
    thresholds: dict[str, float] | None = None
    sure: dict[str, float] | None = None  # {modality: confidence by itself that next to nothing unknown reaches}


@dataclass(frozen=True)
class TrainConfig:
    """How to train. `lr` is the peak of a warm-up and cosine schedule; `samples` are drawn anew in each epoch for encoders."""

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


Config = TypeVar("Config", EncoderConfig, StrategyConfig, TrainConfig)


def save_config(path: Path, config: EncoderConfig | StrategyConfig | TrainConfig) -> None:
    Path(path).write_text(json.dumps(asdict(config), indent=2) + "\n")


def load_config(path: Path, kind: type[Config]) -> Config:
    """Reads what `save_config` wrote; an unknown or missing entry is one clear sentence."""
    try:
        data = json.loads(Path(path).read_text())
        unknown = set(data) - {f.name for f in fields(kind)}
        if unknown:
            raise FusionError(f"The configuration {Path(path).name} has entries this version does not know: {', '.join(sorted(unknown))}.")
        data = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return kind(**data)
    except FileNotFoundError as error:
        raise FusionError(f"There is no {Path(path).name} in {Path(path).parent.name}.") from error
    except (OSError, json.JSONDecodeError, TypeError) as error:
        raise FusionError(
            f"The configuration {Path(path).parent.name}/{Path(path).name} cannot be read: {type(error).__name__}."
        ) from error
