"""Encoders and strategies of a task off the disk: what is missing or damaged is out with one sentence, and the rest is loaded.

Without the encoder of a modality the strategies answer from the others, as they take any subset; its own baseline is out with it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from fusion.config import CHECKPOINTS, StrategyConfig, load_config
from fusion.encoder_choice import Choice, heads_folder, is_compact
from fusion.encoder_registry import EncoderRegistry
from fusion.encoders import CLASSICAL, Encoder
from fusion.heads.open_set import OpenSet
from fusion.label_space import TABLES, NameTables
from fusion.messages import Message, message
from fusion.model import FusionModel, grid_of, load_model, load_open_set
from fusion.open_labels import build_strategies, load_open_encoders
from fusion.paths import encoder_folder, open_set_folder
from fusion.strategies import STRATEGIES
from fusion.tasks import Task
from fusion.types import FusionError


@dataclass(frozen=True)
class LoadedStrategy:
    """A strategy or baseline with its weights.

    model       its encoders are shared with the other strategies
    parameters  trained parameters of strategy and heads, without the encoders
    """

    model: FusionModel
    parameters: int


@dataclass
class Parts:
    """What could be loaded, and what could not (see `fusion.lab.Lab`)."""

    encoders: dict[str, Encoder] = field(default_factory=dict)
    strategies: dict[str, LoadedStrategy] = field(default_factory=dict)
    open_set: OpenSet | None = None
    unavailable: dict[str, Message] = field(default_factory=dict)
    untrained: tuple[str, ...] = ()
    tables: NameTables | None = None  # of a task whose labels are typed
    known: dict[str, Tensor] = field(default_factory=dict)  # {wording: its vector in the sentence space}
    notes: list[Message] = field(default_factory=list)  # about these labels


def load_parts(registry: EncoderRegistry, choice: Choice) -> Parts:
    """The encoders of a choice and all strategies that were trained on them, in screen order.

    Raises:
        FusionError: nothing is left to answer with, or an encoder that was asked for by name cannot be had, in one sentence.
    """
    task = registry.task
    if task.open_labels:
        return load_open_parts(registry, choice)
    parts = Parts()
    compact = is_compact(task, choice)
    load_encoders(registry, choice, parts)
    home = heads_folder(registry.checkpoints, task, choice)
    fitted = all(registry.fitted(m, name) for m, name in choice.items())
    for name in (*STRATEGIES, *(f"{m}_only" for m in task.modalities)):
        if not is_expected(name, home, compact):
            continue
        if name in STRATEGIES and not os.path.exists(home / name):  # nobody has trained it yet, which is no damage
            parts.untrained = (*parts.untrained, name)
            continue
        try:
            model = load_strategy(name, home / name, task, parts, fitted)
            parameters = sum(p.numel() for key, p in model.named_parameters() if not key.startswith("encoders."))
            parts.strategies[name] = LoadedStrategy(model.to(registry.device), parameters)
        except FusionError as error:
            if not compact and name.removesuffix("_only") not in parts.unavailable:
                parts.untrained = (*parts.untrained, name)  # what is damaged is made anew
                continue
            kind = message("strategy") if name in STRATEGIES else message("baseline")
            parts.unavailable[name] = message("The {kind} {name} cannot be used: {reason}", kind=kind, name=name, reason=error)
    if compact:
        load_open_set_of(registry, parts)
    if compact and not parts.strategies and parts.unavailable:
        raise FusionError("The task {task} cannot be used: {reason}", task=task.name, reason=next(iter(parts.unavailable.values())))
    return parts


def load_open_set_of(registry: EncoderRegistry, parts: Parts) -> None:
    """What tells "none of these" on the compact encoders; a task may come without it, and damaged it is out like a strategy."""
    folder = open_set_folder(registry.checkpoints, registry.task)
    if not os.path.exists(folder):
        return
    try:
        parts.open_set = load_open_set(folder, registry.task).to(registry.device)
    except FusionError as error:
        parts.unavailable[folder.name] = message('Whether an input is "none of these" cannot be told: {reason}', reason=error)


def load_open_parts(registry: EncoderRegistry, choice: Choice) -> Parts:
    """The encoders of a task whose labels are typed, and strategies for its labels, which need no weights."""
    parts = Parts()
    load_open_encoders(registry, choice, parts)
    parts.tables = NameTables.load(registry.checkpoints / registry.task.name)
    fill_open_strategies(registry.task, parts, registry.device)
    return parts


def fill_open_strategies(task: Task, parts: Parts, device: str) -> None:
    """Makes the strategies anew for the labels of a task; the encoders stay."""
    assert parts.tables is not None
    models, parts.notes = build_strategies(task, parts.encoders, parts.tables, parts.known, device)
    parts.strategies = {name: LoadedStrategy(model, 0) for name, model in models.items()}


def is_expected(name: str, home: Path, compact: bool) -> bool:
    """Whether a strategy or baseline should be there: on compact encoders all strategies, on others those that need no tokens.

    Not every task comes with every baseline.
    """
    if name in STRATEGIES:
        return compact or STRATEGIES[name].fuses != "tokens"
    return not compact or os.path.exists(home / name)


def load_encoders(registry: EncoderRegistry, choice: Choice, parts: Parts) -> None:
    """Those that can be used. One that a person asked for by name must be there; the sets are taken as far as they go."""
    by_name = choice not in (dict(registry.task.encoders), CLASSICAL)
    for modality, name in choice.items():
        try:
            parts.encoders[modality] = registry.load(modality, name)
        except FusionError as error:
            if by_name and name != registry.task.encoders[modality]:
                raise
            parts.unavailable[modality] = message(
                "The {modality} encoder cannot be used: {reason}", modality=message(modality), reason=error
            )
    if not parts.encoders:
        raise FusionError(
            "The task {task} cannot be used: {reason}", task=registry.task.name, reason=next(iter(parts.unavailable.values()))
        )


def load_strategy(name: str, folder: Path, task: Task, parts: Parts, fitted: bool) -> FusionModel:
    """One strategy or baseline around the encoders that are there; `fitted`: whether they are what it was trained on."""
    alone = name.removesuffix("_only")
    if alone in parts.unavailable:
        raise FusionError("there is no encoder for its {alone}.", alone=message(alone))
    if not fitted:
        raise FusionError("its encoders have not been fitted on this machine yet.")
    config = load_config(folder / "config.json", StrategyConfig)
    order = config.modalities
    if (config.name, config.task, config.num_classes) != (name, task.name, len(task.labels)):
        raise FusionError("{name}/config.json belongs to another strategy or task.", name=name)
    if not order or list(order) != [m for m in task.modalities if m in order] or config.grid not in (0, grid_of(task, tuple(order))):
        raise FusionError("{name}/config.json does not fit the task {task}.", name=name, task=task.name)
    return load_model(folder, parts.encoders)


def lacks_weights(task: Task, checkpoints: Path = CHECKPOINTS) -> Message | None:
    """One sentence where a task has no strategy or no encoder at all, which is seen without loading anything; else None."""
    encoders = [encoder_folder(checkpoints, task, m, task.encoders[m]) for m in task.modalities]
    if task.open_labels and os.path.exists(checkpoints / task.name / TABLES):
        return None
    strategies = [checkpoints / task.name / name for name in (*STRATEGIES, *(f"{m}_only" for m in task.modalities))]
    if all(any(os.path.exists(f / "model.safetensors") for f in several) for several in (encoders, strategies)):
        return None
    return message(
        "The task {task} has no trained weights in {folder}/{task}; `python -m fusion train` makes them.",
        task=task.name,
        folder=checkpoints.name,
    )
