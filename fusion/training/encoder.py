"""Training an encoder of one modality with a linear head on fresh samples: the encoder and its unimodal baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from fusion.config import EncoderConfig, StrategyConfig, TrainConfig, load_config
from fusion.encoders import ENCODERS, Encoder, FixedEncoder, TrunkEncoder
from fusion.model import (
    FusionModel,
    build_encoder,
    build_strategy,
    forget_temperatures,
    fuser_state,
    load_model,
    load_weights,
    save_encoder,
    save_weights,
)
from fusion.strategies import STRATEGIES
from fusion.tasks import Task
from fusion.training.averaging import average, kept
from fusion.training.batches import EncoderData
from fusion.training.consistency import LEARNED, ConsistencyData, ConsistencyLoss
from fusion.training.frozen_trunk import train_reading, with_adapter
from fusion.training.loop import StepResult, forget_state, train
from fusion.training.losses import encoder_loss
from fusion.types import FusionError

DEFAULT_RECIPE = TrainConfig(epochs=12, samples=20000, lr=2e-3)  # where a task has no other


@dataclass(frozen=True)
class EncoderRun:
    """How an encoder is trained, beside its recipe.

    encoder     name of the encoder; the compact one of the modality if None
    leave_out   a group of `Task.groups` that is kept for the test
    fresh       draw new samples in every epoch
    warm_start  begin with the weights that the checkpoint folder holds
    consistent  begin with them, learn `Task.pairs` as well, and keep the tokens of other samples, see `fusion.training.consistency`
    """

    encoder: str | None = None
    leave_out: str | None = None
    fresh: bool = True
    warm_start: bool = False
    consistent: bool = False


def encoder_recipe(modality: str, encoder: str, task: Task) -> TrainConfig:
    """How an encoder is trained: its own recipe, else that of the modality's baseline, else the default."""
    return task.recipes.get(encoder) or task.recipes.get(f"{modality}_only") or DEFAULT_RECIPE


def encoder_folders(out: Path, task: Task, modality: str, encoder: str) -> tuple[Path, Path]:
    """Folders of an encoder's weights and of its linear head; the head of a compact encoder is a baseline among the strategies."""
    if encoder == task.encoders[modality]:
        return out / "encoders" / modality, out / f"{modality}_only"
    return out / "encoders" / encoder, out / "encoders" / encoder / "head"


def train_encoder(
    task: Task,
    modality: str,
    data: Path,
    out: Path,
    config: TrainConfig,
    run: EncoderRun = EncoderRun(),
    device: str = "auto",
    resume: bool = True,
) -> Iterator[StepResult]:
    """Encoder and baseline of one modality; both checkpoints are written in `out` when the last epoch is done."""
    name = run.encoder or task.encoders[modality]
    folder, head_folder = encoder_folders(out, task, modality, name)
    head = StrategyConfig(f"{modality}_only", task.name, len(task.labels), (modality,))
    torch.manual_seed(config.seed)
    encoder, encoder_config = build(name, folder)
    model = FusionModel({modality: encoder}, build_strategy(head))
    if task.kinds[modality] == "image":  # twice as fast on a CPU; no gain for the others
        model = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs lack this argument
    source = task.samples("train", data, (modality,), None if run.consistent else run.leave_out)
    samples = EncoderData(source, modality, encoder, config.samples, config.seed + 1, fresh=run.fresh)
    if run.warm_start or run.consistent:
        encoder.load_state_dict(load_weights(folder))
        model.load_state_dict(load_weights(head_folder), strict=False)
    if run.consistent:
        pairs = task.pairs(modality, data, run.leave_out)
        both = ConsistencyData(source, pairs, modality, encoder, config.samples, config.seed + 1)
        readers = strategies_of(task, modality, out)
        if isinstance(encoder, TrunkEncoder):
            encoder, encoder_config = with_adapter(encoder, encoder_config)
            yield from train_reading(encoder, encoder, model, both, readers, config, folder, device)
        else:
            start = kept(model)
            yield from train(model, both, ConsistencyLoss(model, readers), config, folder, device, resume)
            average(model, start, LEARNED)
    else:
        yield from train(model, samples, encoder_loss, config, folder, device, resume)
    save_encoder(folder, encoder, encoder_config, half=isinstance(encoder, TrunkEncoder))
    forget_temperatures(head_folder)
    save_weights(head_folder, fuser_state(model), head)
    forget_state(folder)


def strategies_of(task: Task, modality: str, out: Path) -> list[FusionModel]:
    """The trained strategies in a folder that read a modality, without encoders."""
    none: dict[str, Encoder | None] = dict.fromkeys(task.modalities)
    found = [load_model(out / name, none) for name in STRATEGIES if (out / name / "model.safetensors").exists()]
    return [model for model in found if modality in model.strategy.modalities and model.place is None]


def build(name: str, folder: Path) -> tuple[Encoder, EncoderConfig]:
    """A new encoder; one on a distilled trunk gets that from the folder, frozen, and with it the configuration."""
    if not issubclass(ENCODERS[name], TrunkEncoder):
        config = EncoderConfig(name)
        return build_encoder(config), config
    config = load_config(folder / "config.json", EncoderConfig)
    encoder = build_encoder(config)
    assert isinstance(encoder, TrunkEncoder)
    encoder.load_state_dict(load_weights(folder), strict=False)
    encoder.freeze()
    return encoder, config


def trained_encoder(task: Task, name: str) -> tuple[str, str] | None:
    """Modality and name of the encoder that a baseline ("image_only") or an encoder's own name stands for, None for other names.

    Raises:
        FusionError: the encoder has no trained parameters.
    """
    modality = name.removesuffix("_only")
    if name.endswith("_only") and modality in task.modalities:
        return (modality, task.encoders[modality]) if task.encoder_tasks[modality] == task.name else None
    if name not in ENCODERS or not task.encoder_choice:
        return None
    if issubclass(ENCODERS[name], FixedEncoder):
        raise FusionError(f"The encoder {name} has nothing to train; `python -m fusion references` fits it to samples.")
    readers = [m for m, kind in task.kinds.items() if kind == ENCODERS[name].modality]
    if not readers or task.encoder_tasks[readers[0]] != task.name:
        return None
    return readers[0], name
