"""`python -m fusion train`: encoders with their unimodal baselines, then strategies on the features of the finished encoders.

    python -m fusion train --task digits --strategy image_only --data DIR      encoder and linear head of one modality
    python -m fusion train --task digits --strategy image_vit --data DIR       another encoder of a modality, by name, and its head
    python -m fusion train --task digits-find --strategy scenes --data DIR     the picture encoder of digits-find
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
from fusion.heads.localization import place_losses, questions_look
from fusion.model import (
    Fused,
    FusionModel,
    build_encoder,
    build_strategy,
    fuser_state,
    load_encoder,
    load_weights,
    save_encoder,
    save_weights,
)
from fusion.strategies import STRATEGIES, Strategy
from fusion.tasks import COMPACT, TASKS, Task
from fusion.tasks.digits import Digits
from fusion.tasks.digits_find import FindDigits
from fusion.tasks.scenes import Scenes
from fusion.training.detection_pretraining import RECIPE, train_scene_encoder
from fusion.training.features import EncoderData, FeatureCache, PreparedSamples, StrategyData, cache_path, fill
from fusion.training.loop import StepResult, forget_state, soft_target, train
from fusion.types import MODALITIES, Features, FusionError

RECIPES = {  # found by a few short runs; samples are per epoch
    "image_only": TrainConfig(epochs=18, samples=40000, lr=2e-3),
    "text_only": TrainConfig(epochs=12, samples=40000, lr=1e-3),
    "audio_only": TrainConfig(epochs=20, samples=14000, lr=2e-3, weight_decay=0.05),
    "video_only": TrainConfig(epochs=18, samples=18000, lr=2e-3, weight_decay=0.05),
    # encoders beside the compact ones: 5 to 20 minutes of one core; attention's backward pass is slower in half precision on a CPU
    "image_vit": TrainConfig(epochs=9, samples=16000, batch_size=64, lr=1e-3, weight_decay=0.05, precision="fp32"),
    "text_lstm": TrainConfig(epochs=8, samples=40000, lr=2e-3),
    "text_embedding": TrainConfig(epochs=10, samples=40000, lr=5e-3, weight_decay=0.0, precision="fp32"),
    "video_r3d": TrainConfig(epochs=6, samples=16000, lr=2e-3, weight_decay=0.05),
}
# what lies on the distilled trunks of the task `scenes`
SCENE_RECIPES = {
    "image_only": TrainConfig(epochs=2, samples=10000, batch_size=32, lr=1e-3, weight_decay=0.05),
    "text_only": TrainConfig(epochs=5, samples=16000, batch_size=64, lr=1e-3, weight_decay=0.05),
    "audio_only": TrainConfig(epochs=2, samples=10000, batch_size=32, lr=1e-3, weight_decay=0.05),
    "video_only": TrainConfig(epochs=2, samples=2000, batch_size=32, lr=1e-3, weight_decay=0.05),
}
SCENE_SAMPLES, SCENE_EPOCHS = 4000, 30
STRATEGY_RECIPE = TrainConfig(epochs=10, samples=24000, batch_size=128, lr=1e-3, precision="fp32", workers=0)
FIND_SAMPLES, FIND_TOKEN_EPOCHS = 12000, 20  # box and mask are still learned when the label has long been
GATED_SUM_EPOCHS = 30  # dynamic on `digits-add`: what is weighed and the weights have to find one another
UNIMODAL_SHARE = 0.3  # of the loss of a strategy's own single-modality classifiers


def recipe_of(name: str, task: Task) -> TrainConfig:
    """How a strategy or a baseline on cached features is trained."""
    few = FIND_SAMPLES if task.grid else SCENE_SAMPLES if task.name == "scenes" else STRATEGY_RECIPE.samples
    recipe = replace(STRATEGY_RECIPE, samples=few)
    tokens = name in STRATEGIES and STRATEGIES[name].fuses == "tokens"
    if task.name == "scenes":
        return replace(recipe, epochs=SCENE_EPOCHS)
    if name == "dynamic" and task.pairs:
        return replace(recipe, epochs=GATED_SUM_EPOCHS)
    return replace(recipe, epochs=FIND_TOKEN_EPOCHS) if tokens and task.grid else recipe


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
        look = questions_look(output.attention, features, there) if output.attention else None
        losses |= place_losses(fused.place, batch["box"], batch["mask"].float() / 255, batch["found"], batch["asked"], look)
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
    encoder: str | None = None,
) -> Iterator[StepResult]:
    """Encoder and baseline of one modality; both checkpoints are written when the last epoch is done.

    `leave_out` keeps an FSDD speaker for test, `fresh` draws new samples in every epoch, `warm_start` begins with the weights in `out`,
    `encoder` names another one than the compact encoder of the modality.
    """
    encoder_config = EncoderConfig(encoder or TASKS[task_name].compact[modality])
    home, head = encoder_homes(out, TASKS[task_name], modality, encoder_config.name)
    if issubclass(ENCODERS[encoder_config.name], TrunkEncoder):
        encoder_config = load_config(home / "config.json", EncoderConfig)
    task = TASKS[task_name]
    strategy_config = StrategyConfig(f"{modality}_only", task_name, len(task.labels), (modality,))
    torch.manual_seed(config.seed)
    built = build_encoder(encoder_config)
    if isinstance(built, TrunkEncoder):  # the trunk was distilled without labels and stays as it is
        built.load_state_dict(load_weights(home), strict=False)
        built.freeze()
    model = FusionModel({modality: built}, build_strategy(strategy_config))
    if modality == "image":  # twice as fast on a CPU; no gain for the others
        model = model.to(memory_format=torch.channels_last)
    source = samples_of(task, data, "train", (modality,), leave_out)
    samples = EncoderData(source, built, config.samples, config.seed + 1, fresh=fresh)
    if warm_start:
        built.load_state_dict(load_weights(home))
        model.load_state_dict(load_weights(head), strict=False)
    yield from train(model, samples, encoder_loss, config, home, device, resume)
    save_encoder(home, built, encoder_config, half=isinstance(built, TrunkEncoder))
    save_weights(head, fuser_state(model), with_thresholds(head, strategy_config))
    forget_state(home)


def trained_encoder(name: str) -> tuple[str, str] | None:
    """Modality and name of the encoder that a baseline ("image_only") or an encoder's own name stands for, None for other names."""
    if name.endswith("_only") and (modality := name.removesuffix("_only")) in COMPACT:
        return modality, COMPACT[modality]
    if name not in ENCODERS:
        return None
    if issubclass(ENCODERS[name], FixedEncoder):
        raise FusionError(f"The encoder {name} has nothing to train; `python -m fusion.training.references` fits it to samples.")
    return ENCODERS[name].modality, name


def encoder_homes(out: Path, task: Task, modality: str, encoder: str) -> tuple[Path, Path]:
    """Folders of an encoder's weights and of its linear head: a compact encoder's are a modality's own, and its head is a strategy."""
    if encoder == task.compact[modality]:
        return out / "encoders" / modality, out / f"{modality}_only"
    return out / "encoders" / encoder, out / "encoders" / encoder / "head"


def samples_of(
    task: Task, data: Path, split: str, modalities: tuple[str, ...] = MODALITIES, leave_out: str | None = None
) -> Digits | FindDigits | Scenes:
    """Where a task's samples come from; those of `digits-add` are halves of samples of `digits`."""
    if task.name == "scenes":
        return Scenes(data, split, modalities)
    return FindDigits(data, split) if task.grid else Digits(data, split, modalities, leave_out)


def load_encoders(task: Task, checkpoints: Path) -> dict[str, Encoder]:
    return {m: load_encoder(checkpoints / task.encoders[m] / "encoders" / m) for m in task.modalities}


def fill_cache(task: Task, data: Path, checkpoints: Path, config: TrainConfig) -> FeatureCache:
    """Features of training samples at all severities, kept beside the data so that further calls with the same encoders find them."""
    encoders = load_encoders(task, checkpoints)
    path = cache_path(task, data, checkpoints, ("train", config.samples, config.seed))
    if (kept := FeatureCache.find(path)) is not None:
        return kept
    samples = PreparedSamples(samples_of(task, data, "train"), encoders, config.samples, config.seed + 2, "train", nothing=True)

    def say(done: int) -> None:
        if done % 1000 == 0:
            print(f"features {done}/{config.samples}", end="\r", file=sys.stderr, flush=True)

    cache = fill(samples, encoders, workers=2, say=say)
    cache.keep(path)
    return cache


def with_thresholds(folder: Path, config: StrategyConfig) -> StrategyConfig:
    """The configuration with the thresholds for "none of these" that the folder has: weights trained anew do not lose them.

    They were measured on the former weights; `python -m fusion.evaluation.rejection DIR` measures them again.
    """
    try:
        former = load_config(folder / "config.json", StrategyConfig)
    except FusionError:  # the first training
        return config
    if former.thresholds is None or (former.task, former.modalities) != (config.task, config.modalities):
        return config
    print(
        f"The thresholds of {config.name} are those of its former weights; fusion.evaluation.rejection measures new ones.",
        file=sys.stderr,
    )
    return replace(config, thresholds=former.thresholds, sure=former.sure)


def train_strategy(
    task: Task, name: str, cache: FeatureCache, out: Path, config: TrainConfig, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """A strategy or a baseline on cached features; its checkpoint is written when the last epoch is done."""
    modalities = (name.removesuffix("_only"),) if name.endswith("_only") else cache.modalities
    strategy_config = StrategyConfig(
        name, task.name, len(task.labels), modalities, options=task.options.get(name, {}), grid=task.grid if "image" in modalities else 0
    )
    torch.manual_seed(config.seed)
    model = FusionModel({}, build_strategy(strategy_config), strategy_config.grid)
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
    """What the command line calls; `strategy` is a name (in `digits` also of an encoder), a comma-separated list, or "all" strategies.

    `out` is the folder of the task's checkpoint. Encoders are taken from it and the folders beside it, or else the shipped ones.
    """
    if task not in TASKS:
        raise FusionError(f"There is no task named {task!r}; there is {', '.join(TASKS)}.")
    if not data and not os.environ.get("FUSION_DATA"):
        raise FusionError("Training needs the data folder: --data DIR or the variable FUSION_DATA.")
    folder, home = Path(data or os.environ["FUSION_DATA"]), Path(out) if out else CHECKPOINTS / task
    names = list(STRATEGIES) if strategy == "all" else strategy.split(",")
    changes = {"epochs": epochs, "batch_size": batch_size, "lr": lr, "optimizer": optimizer, "samples": limit}
    changes = {k: v for k, v in changes.items() if v is not None} | {"seed": seed}
    baselines = [f"{m}_only" for m in TASKS[task].modalities]
    cache = None
    for name in names:
        if name == "scenes" and TASKS[task].grid:
            start = home.parent / "digits" / "encoders" / "image"
            report(train_scene_encoder(folder, home, start if start.is_dir() else None, replace(RECIPE, **changes), device, resume), name)
        elif task == "scenes" and name in SCENE_RECIPES:
            config = replace(SCENE_RECIPES[name], **changes)
            report(train_encoder(task, name.removesuffix("_only"), folder, home, config, device, resume), name)
        elif task == "digits" and (found := trained_encoder(name)):
            modality, encoder = found
            config = replace(RECIPES.get(name, RECIPES[f"{modality}_only"]), **changes)
            report(train_encoder(task, modality, folder, home, config, device, resume, warm_start=warm_start, encoder=encoder), name)
        elif name in STRATEGIES or name in baselines:
            config = replace(recipe_of(name, TASKS[task]), **changes)
            if cache is None:
                own = all((home.parent / t / "encoders" / m).is_dir() for m, t in TASKS[task].encoders.items())
                cache = fill_cache(TASKS[task], folder, home.parent if own else CHECKPOINTS, replace(config, seed=0))
            report(train_strategy(TASKS[task], name, cache, home, config, device, resume), name)
        else:
            raise FusionError(f"There is no strategy named {name!r}; there are {', '.join([*STRATEGIES, *baselines])}.")
