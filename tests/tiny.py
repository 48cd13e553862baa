"""Checkpoints of untrained compact models, for tests of everything that does not depend on what was learned."""

from collections.abc import Iterable
from pathlib import Path

import torch

from fusion.config import EncoderConfig, StrategyConfig
from fusion.model import FusionModel, build_encoder, build_strategy, fuser_state, grid_of, save_weights, strategy_options
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS, Task

OPTIONS = {"digits-find": {"image": {"size": 96}}}  # encoders of a task's own that are not built as those of digits


def make_checkpoints(folder: Path, tasks: Iterable[str] = ("digits",)) -> Path:
    """Writes a whole `checkpoints/` folder with these tasks, and the encoders they take from others; returns the folder."""
    torch.manual_seed(0)
    for task in map(TASKS.__getitem__, tasks):
        for modality, home in task.encoder_tasks.items():
            make_encoder(
                folder / home / "encoders" / modality, EncoderConfig(task.encoders[modality], OPTIONS.get(home, {}).get(modality, {}))
            )
            make_strategy(folder, task, f"{modality}_only", (modality,))
        for name in STRATEGIES:
            make_strategy(folder, task, name, task.modalities)
    return folder


def make_encoder(home: Path, config: EncoderConfig) -> None:
    if not home.exists():
        save_weights(home, build_encoder(config).state_dict(), config)


def make_strategy(folder: Path, task: Task, name: str, modalities: tuple[str, ...]) -> None:
    options, grid = strategy_options(task, name), grid_of(task, modalities)
    config = StrategyConfig(name, task.name, len(task.labels), modalities, options=options, grid=grid)
    save_weights(folder / task.name / name, fuser_state(FusionModel({}, build_strategy(config), config.grid)), config)
