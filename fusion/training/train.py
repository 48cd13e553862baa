"""`python -m fusion train`: encoders with their unimodal baselines, then strategies on the features of the finished encoders.

    python -m fusion train --task digits --strategy image_only --data DIR      encoder and linear head of one modality
    python -m fusion train --task digits --strategy image_vit --data DIR       another encoder of a modality, by name, and its head
    python -m fusion train --task digits-find --strategy detection --data DIR  the picture encoder of a task that asks where
    python -m fusion train --task scenes --strategy image_only --data DIR      what lies on a distilled trunk (`fusion.distill`)
    python -m fusion train --task digits --strategy dynamic --data DIR         a strategy on frozen encoders

An encoder sees fresh samples in every epoch. A strategy, and a baseline of the other tasks, reads a cache of features, made once from
samples of all severities, with modality dropout in every batch.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, StrategyConfig, TrainConfig, load_config
from fusion.encoders import ENCODERS, Encoder, FixedEncoder, TrunkEncoder
from fusion.heads.localization import localization_losses, question_attention
from fusion.model import (
    Fused,
    FusionModel,
    build_encoder,
    build_strategy,
    fuser_state,
    grid_of,
    load_encoder,
    load_weights,
    picture_of,
    save_encoder,
    save_weights,
    strategy_options,
)
from fusion.strategies import STRATEGIES, Strategy
from fusion.tasks import Task, find_task
from fusion.tasks.recipes import STRATEGIES as RECIPE
from fusion.training.detection_pretraining import RECIPE as DETECTION
from fusion.training.detection_pretraining import train_detection_encoder
from fusion.training.features import EncoderData, FeatureCache, PreparedSamples, StrategyData, cache_path, fill
from fusion.training.loop import StepResult, forget_state, soft_target, train
from fusion.types import Features, FusionError

ENCODER_RECIPE = TrainConfig(epochs=12, samples=20000, lr=2e-3)  # where a task says nothing else
UNIMODAL_SHARE = 0.3  # of the loss of a strategy's own single-modality classifiers


def recipe_of(name: str, task: Task) -> TrainConfig:
    """How a strategy or a baseline on cached features is trained."""
    tokens = name in STRATEGIES and STRATEGIES[name].fuses == "tokens"
    every = task.recipes.get("strategies", RECIPE)
    if tokens:
        every = task.recipes.get("token strategies", every)
    return task.recipes.get(name, every) if name in STRATEGIES else every


def encoder_recipe(modality: str, encoder: str, task: Task) -> TrainConfig:
    """How an encoder is trained: its own recipe, else that of the modality's baseline, else the default."""
    return task.recipes.get(encoder) or task.recipes.get(f"{modality}_only") or ENCODER_RECIPE


def encoder_loss(model: FusionModel, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    modality, label = _bare(model).strategy.modalities[0], batch["label"]
    present = torch.ones(len(label), 1, dtype=torch.bool, device=label.device)
    logits = model({modality: (batch["values"], batch["mask"])}, present).logits.float()
    loss = F.cross_entropy(logits, soft_target(label, logits.shape[1], 0.02))
    named = label >= 0
    return loss, (logits.argmax(-1) == label)[named].float().mean()


def strategy_loss(model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """The strategy's objective over the losses of its heads; accuracy of the label where what is present says one."""
    features = {m: Features(*f) for m, f in batch["features"].items()}
    label, present = batch["label"], batch["present"]
    fused = model(features, present, need_attention="box" in batch)
    output, logits = fused.output, fused.logits.float()
    losses = {"label": F.cross_entropy(logits, soft_target(label, logits.shape[1], 0.02))}
    if output.unimodal_logits:
        taught = batch["own" if _bare(model).strategy.unimodal == "label" else "content"]
        each = [masked_entropy(z, taught[:, i], present[:, i]) for i, z in enumerate(output.unimodal_logits.values())]
        losses["unimodal"] = UNIMODAL_SHARE * torch.stack(each).sum()
    for question, answer in (output.auxiliary or {}).items():
        losses[question] = masked_entropy(answer, batch["auxiliary"][question], torch.ones_like(label, dtype=torch.bool))
    if fused.place is not None:
        there = dict(zip(_bare(model).strategy.modalities, present.T, strict=True))
        look = question_attention(output.attention, features, there, _bare(model).picture) if output.attention else None
        losses |= localization_losses(fused.place, batch["box"], batch["mask"].float() / 255, batch["found"], batch["asked"], look)
    total = _bare(model).strategy.objective(losses, output, features, present, batch["content"])
    return total, (logits.argmax(-1) == label)[label >= 0].float().mean()


def masked_entropy(logits: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Mean cross-entropy over rows in `mask`; a label of -1 is uniform."""
    each = F.cross_entropy(logits.float(), soft_target(label, logits.shape[1], 0.02), reduction="none")
    return (each * mask).sum() / mask.sum().clamp_min(1)


def _bare(model: nn.Module) -> Any:
    return getattr(model, "module", model)


class Fuser(nn.Module):
    """Strategy and heads alone, so that nothing of the encoders is trained, saved or moved."""

    def __init__(self, model: FusionModel) -> None:
        super().__init__()
        self.model = model

    @property
    def strategy(self) -> Strategy:
        return self.model.strategy

    @property
    def picture(self) -> str:
        return self.model.picture

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> Fused:
        return self.model.fuse(features, present, need_attention)


def report(steps: Iterable[StepResult], name: str) -> None:
    """One line per epoch on stderr, rewritten as it grows where somebody watches."""
    for s in steps:
        if s.step == s.steps or (sys.stderr.isatty() and s.step % 10 == 0):
            line = (
                f"{name} epoch {s.epoch}/{s.epochs} step {s.step}/{s.steps} loss {s.loss:.4f} accuracy {s.accuracy:.4f} {s.seconds:.0f} s"
            )
            print(line, file=sys.stderr, end="\n" if s.step == s.steps else "\r", flush=True)


def train_encoder(
    task: Task,
    modality: str,
    data: Path,
    out: Path,
    config: TrainConfig,
    device: str = "auto",
    resume: bool = True,
    leave_out: str | None = None,
    fresh: bool = True,
    warm_start: bool = False,
    encoder: str | None = None,
) -> Iterator[StepResult]:
    """Encoder and baseline of one modality; both checkpoints are written when the last epoch is done.

    `leave_out` keeps one group of the task's for test, `fresh` draws new samples in every epoch, `warm_start` begins with the weights in
    `out`,
    `encoder` names another one than the compact encoder of the modality.
    """
    encoder_config = EncoderConfig(encoder or task.encoders[modality])
    home, head = encoder_homes(out, task, modality, encoder_config.name)
    if issubclass(ENCODERS[encoder_config.name], TrunkEncoder):
        encoder_config = load_config(home / "config.json", EncoderConfig)
    strategy_config = StrategyConfig(f"{modality}_only", task.name, len(task.labels), (modality,))
    torch.manual_seed(config.seed)
    built = build_encoder(encoder_config)
    if isinstance(built, TrunkEncoder):  # the trunk was distilled without labels and stays as it is
        built.load_state_dict(load_weights(home), strict=False)
        built.freeze()
    model = FusionModel({modality: built}, build_strategy(strategy_config))
    if task.kinds[modality] == "image":  # twice as fast on a CPU; no gain for the others
        model = model.to(memory_format=torch.channels_last)
    source = task.samples("train", data, (modality,), leave_out)
    samples = EncoderData(source, modality, built, config.samples, config.seed + 1, fresh=fresh)
    if warm_start:
        built.load_state_dict(load_weights(home))
        model.load_state_dict(load_weights(head), strict=False)
    yield from train(model, samples, encoder_loss, config, home, device, resume)
    save_encoder(home, built, encoder_config, half=isinstance(built, TrunkEncoder))
    save_weights(head, fuser_state(model), with_thresholds(head, strategy_config))
    forget_state(home)


def trained_encoder(task: Task, name: str) -> tuple[str, str] | None:
    """Modality and name of the encoder that a baseline ("image_only") or an encoder's own name stands for, None for other names."""
    modality = name.removesuffix("_only")
    if name.endswith("_only") and modality in task.modalities:
        return (modality, task.encoders[modality]) if task.encoder_tasks[modality] == task.name else None
    if name not in ENCODERS or not task.encoder_choice:
        return None
    if issubclass(ENCODERS[name], FixedEncoder):
        raise FusionError(f"The encoder {name} has nothing to train; `python -m fusion references` fits it to samples.")
    readers = [m for m, kind in task.kinds.items() if kind == ENCODERS[name].modality]
    return (readers[0], name) if readers and task.encoder_tasks[readers[0]] == task.name else None


def encoder_homes(out: Path, task: Task, modality: str, encoder: str) -> tuple[Path, Path]:
    """Folders of an encoder's weights and of its linear head: a compact encoder's are a modality's own, and its head is a strategy."""
    if encoder == task.encoders[modality]:
        return out / "encoders" / modality, out / f"{modality}_only"
    return out / "encoders" / encoder, out / "encoders" / encoder / "head"


def load_encoders(task: Task, checkpoints: Path) -> dict[str, Encoder]:
    return {m: load_encoder(checkpoints / task.encoder_tasks[m] / "encoders" / m) for m in task.modalities}


def fill_cache(task: Task, data: Path, checkpoints: Path, config: TrainConfig) -> FeatureCache:
    """Features of training samples at all severities, kept beside the data so that further calls with the same encoders find them."""
    encoders = load_encoders(task, checkpoints)
    path = cache_path(task, data, checkpoints, ("train", config.samples, config.seed))
    if (kept := FeatureCache.find(path)) is not None:
        return kept
    samples = PreparedSamples(task.samples("train", data), encoders, config.samples, config.seed + 2, "train", nothing=True)

    def say(done: int) -> None:
        if done % 1000 == 0:
            print(f"features {done}/{config.samples}", end="\r", file=sys.stderr, flush=True)

    cache = fill(samples, encoders, workers=2, say=say)
    cache.keep(path)
    return cache


def with_thresholds(folder: Path, config: StrategyConfig) -> StrategyConfig:
    """The configuration with the thresholds for "none of these" that the folder has: weights trained anew do not lose them.

    They were measured on the former weights; `python -m fusion calibrate --data DIR` measures them again.
    """
    try:
        former = load_config(folder / "config.json", StrategyConfig)
    except FusionError:  # the first training
        return config
    if former.thresholds is None or (former.task, former.modalities) != (config.task, config.modalities):
        return config
    print(
        f"The thresholds of {config.name} are those of its former weights; `python -m fusion calibrate` measures new ones.",
        file=sys.stderr,
    )
    return replace(config, thresholds=former.thresholds, sure=former.sure)


def train_strategy(
    task: Task, name: str, cache: FeatureCache, out: Path, config: TrainConfig, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """A strategy or a baseline on cached features; its checkpoint is written when the last epoch is done."""
    modalities = (name.removesuffix("_only"),) if name.endswith("_only") else cache.modalities
    strategy_config = StrategyConfig(
        name,
        task.name,
        len(task.labels),
        modalities,
        options=strategy_options(task, name),
        picture=picture_of(task),
        grid=grid_of(task, modalities),
    )
    torch.manual_seed(config.seed)
    model = FusionModel({}, build_strategy(strategy_config), strategy_config.grid, strategy_config.picture)
    samples = StrategyData(task, cache, config.seed, modalities, with_tokens=model.strategy.fuses == "tokens")
    yield from train(Fuser(model), samples, strategy_loss, config, out / name, device, resume)
    save_weights(out / name, fuser_state(model), with_thresholds(out / name, strategy_config))
    forget_state(out / name)


def run(
    task: str,
    strategy: str,
    data: str | None,
    out: str | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    optimizer: str | None = None,
    seed: int = 0,
    device: str = "auto",
    limit: int | None = None,
    resume: bool = True,
    warm_start: bool = False,
) -> None:
    """What the command line calls; `strategy` is a name (where they can be chosen also of an encoder), several with commas, or "all".

    `out` is the folder of the task's checkpoint. Encoders are taken from it and the folders beside it, or else the shipped ones.
    """
    asked = find_task(task)
    if not data and not os.environ.get("FUSION_DATA"):
        raise FusionError("Training needs the data folder: --data DIR or the variable FUSION_DATA.")
    folder, home = Path(data or os.environ["FUSION_DATA"]), Path(out) if out else CHECKPOINTS / task
    names = list(STRATEGIES) if strategy == "all" else strategy.split(",")
    changes = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "optimizer": optimizer, "samples": limit}
    changes = {k: v for k, v in changes.items() if v is not None} | {"seed": seed}
    baselines = [f"{m}_only" for m in asked.modalities]
    cache = None
    for name in names:
        found = trained_encoder(asked, name)
        if name == "detection" and asked.heads.localization:
            config = replace(DETECTION, **changes)
            report(train_detection_encoder(asked, folder, home, start_of(asked, home.parent), config, device, resume), name)
        elif found and not (asked.heads.localization and found[0] == asked.heads.localization.image):
            modality, encoder = found
            config = replace(encoder_recipe(modality, encoder, asked), **changes)
            report(train_encoder(asked, modality, folder, home, config, device, resume, warm_start=warm_start, encoder=encoder), name)
        elif name in STRATEGIES or name in baselines:
            config = replace(recipe_of(name, asked), **changes)
            if cache is None:
                own = all((home.parent / t / "encoders" / m).is_dir() for m, t in asked.encoder_tasks.items())
                cache = fill_cache(asked, folder, home.parent if own else CHECKPOINTS, replace(config, seed=0))
            report(train_strategy(asked, name, cache, home, config, device, resume), name)
        else:
            raise FusionError(f"There is no strategy named {name!r}; there are {', '.join([*STRATEGIES, *baselines])}.")


def start_of(task: Task, checkpoints: Path) -> Path | None:
    """The encoder that detection starts from: the same one, trained for the task whose other encoders this task reads."""
    others = [home for home in task.encoder_tasks.values() if home != task.name]
    start = checkpoints / others[0] / "encoders" / task.heads.localization.image if others else None
    return start if start and start.is_dir() else None
