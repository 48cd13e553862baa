"""Training a strategy, or a unimodal baseline, on cached features of frozen encoders, with modality dropout in every batch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from fusion.config import StrategyConfig, TrainConfig
from fusion.model import FusionModel, build_strategy, forget_temperatures, fuser_state, grid_of, picture_of, save_weights, strategy_options
from fusion.strategies import STRATEGIES
from fusion.tasks import Task
from fusion.tasks.recipes import STRATEGIES as RECIPE
from fusion.training.batches import StrategyData
from fusion.training.features import FeatureCache
from fusion.training.loop import StepResult, forget_state, train
from fusion.training.losses import Fuser, strategy_loss


def strategy_recipe(name: str, task: Task) -> TrainConfig:
    """How a strategy or a baseline on cached features is trained: its own recipe, else that of the task for all of its kind."""
    recipe = task.recipes.get("strategies", RECIPE)
    if name not in STRATEGIES:
        return recipe
    if STRATEGIES[name].fuses == "tokens":
        recipe = task.recipes.get("token strategies", recipe)
    return task.recipes.get(name, recipe)


def strategy_config(task: Task, name: str, modalities: tuple[str, ...]) -> StrategyConfig:
    """What a strategy or a baseline is built with for a task."""
    if name.endswith("_only"):
        modalities = (name.removesuffix("_only"),)
    return StrategyConfig(
        name,
        task.name,
        len(task.labels),
        modalities,
        options=strategy_options(task, name),
        picture=picture_of(task),
        grid=grid_of(task, modalities),
    )


def train_strategy(
    task: Task, name: str, cache: FeatureCache, out: Path, config: TrainConfig, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """A strategy or a baseline on cached features; its checkpoint `out/name` is written when the last epoch is done."""
    folder = out / name
    built = strategy_config(task, name, cache.modalities)
    torch.manual_seed(config.seed)
    model = FusionModel({}, build_strategy(built), built.grid, built.picture)
    samples = StrategyData(task, cache, config.seed, built.modalities, with_tokens=model.strategy.fuses == "tokens")
    yield from train(Fuser(model), samples, strategy_loss, config, folder, device, resume)
    forget_temperatures(folder)
    save_weights(folder, fuser_state(model), built)
    forget_state(folder)
