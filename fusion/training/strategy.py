"""Training a strategy, or a unimodal baseline, on cached features of frozen encoders, with modality dropout in every batch."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import torch

from fusion.config import StrategyConfig, TrainConfig
from fusion.model import FusionModel, build_strategy, forget_temperatures, fuser_state, grid_of, picture_of, save_weights, strategy_options
from fusion.strategies import STRATEGIES
from fusion.strategies.base import Targets
from fusion.strategies.missing import Policy
from fusion.tasks import Task
from fusion.tasks.recipes import STRATEGIES as RECIPE
from fusion.training.batches import StrategyBatch, StrategyData
from fusion.training.features import FeatureCache
from fusion.training.loop import StepResult, forget_state, train
from fusion.training.losses import Fuser, strategy_loss
from fusion.types import Features, FusionError


def strategy_recipe(name: str, task: Task) -> TrainConfig:
    """How a strategy or a baseline on cached features is trained: its own recipe, else that of the task for all of its kind."""
    recipe = task.recipes.get("strategies", RECIPE)
    if name not in STRATEGIES:
        return recipe
    if STRATEGIES[name].fuses == "tokens":
        recipe = task.recipes.get("token strategies", recipe)
    return task.recipes.get(name, recipe)


def strategy_config(task: Task, name: str, modalities: tuple[str, ...], missing: Policy = "zero") -> StrategyConfig:
    """What a strategy or a baseline is built with for a task.

    Raises:
        FusionError: the strategy has no place of its own for a missing modality, and so no policy to choose.
    """
    if name.endswith("_only"):
        modalities = (name.removesuffix("_only"),)
    return StrategyConfig(
        name,
        task.name,
        len(task.labels),
        modalities,
        options=strategy_options(task, name) | policy_option(name, missing),
        picture=picture_of(task),
        grid=grid_of(task, modalities),
    )


def policy_option(name: str, missing: Policy) -> dict[str, object]:
    """The option of a strategy that chooses what stands in the place of a missing modality."""
    if missing == "zero":
        return {}
    if name not in STRATEGIES or not takes_policy(name):
        can = [known for known in STRATEGIES if takes_policy(known)]
        raise FusionError("No policy for missing modalities can be chosen for {name}; one can for {known}.", name=name, known=can)
    return {"missing": missing}


def takes_policy(name: str) -> bool:
    """Whether what stands in the place of a missing modality can be chosen for a strategy."""
    parameter = inspect.signature(STRATEGIES[name]).parameters.get("missing")
    return parameter is not None and parameter.default == "zero"


def train_strategy(
    task: Task,
    name: str,
    cache: FeatureCache,
    out: Path,
    config: TrainConfig,
    device: str = "auto",
    resume: bool = True,
    missing: Policy = "zero",
) -> Iterator[StepResult]:
    """A strategy or a baseline on cached features; its checkpoint `out/name` is written when the last epoch is done."""
    folder = out / name
    built = strategy_config(task, name, cache.modalities, missing)
    torch.manual_seed(config.seed)
    model = FusionModel({}, build_strategy(built), built.grid, built.picture)
    strategy = model.strategy
    samples = StrategyData(task, cache, config.seed, built.modalities, strategy.fuses == "tokens", strategy.held_out)
    yield from train(Fuser(model, len(cache)), samples, strategy_loss, config, folder, device, resume)
    if strategy.held_out:
        calibrate(model, samples.held_out_batch())
    forget_temperatures(folder)
    save_weights(folder, fuser_state(model), built)
    forget_state(folder)


def calibrate(model: FusionModel, batch: StrategyBatch) -> None:
    """Fits to held-out samples, on the CPU, what a strategy fits after its training."""
    device = next(model.parameters()).device
    model.cpu()
    features = {m: Features(*parts) for m, parts in batch["features"].items()}
    model.strategy.after_training(features, batch["present"], Targets(batch["label"], batch["content"], batch["own"]))
    model.to(device)
