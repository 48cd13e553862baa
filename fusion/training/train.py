"""`python -m fusion train`: encoders with their unimodal baselines, then strategies on the features of the finished encoders.

    python -m fusion train --task digits --strategy image_only --data DIR      encoder and linear head of one modality
    python -m fusion train --task digits --strategy dynamic --data DIR         a strategy on frozen encoders

A baseline is trained on fresh samples in every epoch. A strategy reads a cache of features, made once per call from samples of all
severities, with modality dropout in every batch.
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

from fusion.config import CHECKPOINTS, EncoderConfig, StrategyConfig, TrainConfig
from fusion.encoders import COMPACT
from fusion.model import FusionModel, build_encoder, build_strategy, fuser_state, load_encoder, load_weights, save_weights
from fusion.strategies import STRATEGIES
from fusion.tasks.digits import LABELS, Digits
from fusion.training.data import EncoderData, FeatureCache, PreparedSamples
from fusion.training.loop import StepResult, forget_state, soft_target, train
from fusion.types import MODALITIES, Features, FusionError

RECIPES = {  # found by a few short runs; samples are per epoch
    "image_only": TrainConfig(epochs=18, samples=40000, lr=2e-3),
    "text_only": TrainConfig(epochs=12, samples=40000, lr=1e-3),
    "audio_only": TrainConfig(epochs=20, samples=14000, lr=2e-3, weight_decay=0.05),
    "video_only": TrainConfig(epochs=18, samples=18000, lr=2e-3, weight_decay=0.05),
}
STRATEGY_RECIPE = TrainConfig(epochs=12, samples=32000, batch_size=128, lr=1e-3, precision="fp32", workers=0)
UNIMODAL_SHARE = 0.3  # of the loss of a strategy's own single-modality classifiers


def encoder_loss(model: FusionModel, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    modality, label = _bare(model).strategy.modalities[0], batch["label"]
    present = torch.ones(len(label), 1, dtype=torch.bool, device=label.device)
    logits = model({modality: (batch["values"], batch["mask"])}, present).logits.float()
    loss = F.cross_entropy(logits, soft_target(label, logits.shape[1], 0.02))
    named = label >= 0
    return loss, (logits.argmax(-1) == label)[named].float().mean()


def strategy_loss(model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    features = {m: Features(batch["tokens"][m], batch["mask"][m], batch["pooled"][m], batch["mask"][m].float()) for m in batch["tokens"]}
    label, present = batch["label"], batch["present"]
    output, logits = model(features, present)
    loss = F.cross_entropy(logits, soft_target(label, logits.shape[1], 0.02))
    for i, single in enumerate((output.unimodal_logits or {}).values()):
        own = torch.where(batch["named"][:, i], label, torch.full_like(label, -1))
        each = F.cross_entropy(single, soft_target(own, logits.shape[1], 0.02), reduction="none")
        loss = loss + UNIMODAL_SHARE * (each * present[:, i]).sum() / present[:, i].sum().clamp_min(1)
    return loss, (logits.argmax(-1) == label)[label >= 0].float().mean()


def _bare(model: nn.Module) -> Any:
    return getattr(model, "module", model)


class Fuser(nn.Module):
    """Strategy and head alone, so that nothing of the encoders is trained, saved or moved."""

    def __init__(self, model: FusionModel) -> None:
        super().__init__()
        self.strategy, self.head = model.strategy, model.head

    def forward(self, features: dict[str, Features], present: Tensor) -> tuple[Any, Tensor]:
        output = self.strategy(features, present)
        return output, self.head(output.fused)


def report(steps: Iterable[StepResult], name: str) -> None:
    """One line per epoch on stderr, rewritten as it grows where somebody watches."""
    for s in steps:
        if s.step == s.steps or (sys.stderr.isatty() and s.step % 10 == 0):
            line = (
                f"{name} epoch {s.epoch}/{s.epochs} step {s.step}/{s.steps} loss {s.loss:.4f} accuracy {s.accuracy:.4f} {s.seconds:.0f} s"
            )
            print(line, file=sys.stderr, end="\n" if s.step == s.steps else "\r", flush=True)


def train_encoder(
    task_name: str,
    modality: str,
    data: Path,
    out: Path,
    config: TrainConfig,
    device: str = "auto",
    resume: bool = True,
    leave_out: str | None = None,
    fresh: bool = True,
    warm_start: bool = False,
) -> Iterator[StepResult]:
    """Encoder and baseline of one modality; both checkpoints are written when the last epoch is done.

    `leave_out` keeps an FSDD speaker for test, `fresh` draws new samples in every epoch, `warm_start` begins with the weights in `out`.
    """
    encoder_config = EncoderConfig(COMPACT[modality])
    strategy_config = StrategyConfig(f"{modality}_only", task_name, len(LABELS), (modality,))
    torch.manual_seed(config.seed)
    encoder = build_encoder(encoder_config)
    model = FusionModel({modality: encoder}, build_strategy(strategy_config))
    if modality == "image":  # twice as fast on a CPU; no gain for the others
        model = model.to(memory_format=torch.channels_last)
    samples = EncoderData(Digits(data, "train", (modality,), leave_out), encoder, config.samples, config.seed + 1, fresh=fresh)
    home = out / "encoders" / modality
    if warm_start:
        encoder.load_state_dict(load_weights(home))
        model.load_state_dict(load_weights(out / strategy_config.name), strict=False)
    yield from train(model, samples, encoder_loss, config, home, device, resume)
    save_weights(home, encoder.state_dict(), encoder_config)
    save_weights(out / strategy_config.name, fuser_state(model), strategy_config)
    forget_state(home)


def fill_cache(data: Path, out: Path, config: TrainConfig) -> FeatureCache:
    encoders = {m: load_encoder(out / "encoders" / m) for m in MODALITIES}
    samples = PreparedSamples(Digits(data, "train"), encoders, config.samples, config.seed + 2, "train", nothing=True)
    cache = FeatureCache(MODALITIES, config.seed)
    for done in cache.fill(samples, encoders, workers=2):
        if done % 1000 == 0:
            print(f"features {done}/{config.samples}", end="\r", file=sys.stderr, flush=True)
    return cache


def train_strategy(
    task_name: str, name: str, cache: FeatureCache, out: Path, config: TrainConfig, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """A strategy on cached features; its checkpoint is written when the last epoch is done."""
    strategy_config = StrategyConfig(name, task_name, len(LABELS), cache.modalities)
    torch.manual_seed(config.seed)
    model = FusionModel({}, build_strategy(strategy_config))
    yield from train(Fuser(model), cache, strategy_loss, config, out / name, device, resume)
    save_weights(out / name, fuser_state(model), strategy_config)
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
    """What the command line calls; `strategy` is a name, a comma-separated list, or "all" for the strategies."""
    if task != "digits":
        raise FusionError(f"There is no task named {task!r}; there is digits.")
    if not data and not os.environ.get("FUSION_DATA"):
        raise FusionError("Training needs the data folder: --data DIR or the variable FUSION_DATA.")
    folder, home = Path(data or os.environ["FUSION_DATA"]), Path(out) if out else CHECKPOINTS / task
    names = list(STRATEGIES) if strategy == "all" else strategy.split(",")
    changes = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "optimizer": optimizer, "samples": limit}
    changes = {k: v for k, v in changes.items() if v is not None} | {"seed": seed}
    cache = None
    for name in names:
        if name in RECIPES:
            report(
                train_encoder(
                    task, name.removesuffix("_only"), folder, home, replace(RECIPES[name], **changes), device, resume, warm_start=warm_start
                ),
                name,
            )
        elif name in STRATEGIES:
            config = replace(STRATEGY_RECIPE, **changes)
            cache = cache or fill_cache(folder, home, config)
            report(train_strategy(task, name, cache, home, config, device, resume), name)
        else:
            raise FusionError(f"There is no strategy named {name!r}; there are {', '.join([*STRATEGIES, *RECIPES])}.")
