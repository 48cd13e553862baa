"""Trains one strategy, or one modality alone, on features of a fold."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import StrategyConfig, TrainConfig
from fusion.model import FusionModel, build_strategy
from fusion.own_data.fold_features import FoldFeatures
from fusion.own_data.recipes import Recipe
from fusion.own_data.targets import Target
from fusion.strategies import STRATEGIES
from fusion.strategies.base import Targets
from fusion.training.history import LossHistory
from fusion.training.loop import MAX_GRADIENT_NORM, OPTIMIZERS, rate_at
from fusion.types import Features, FusionError

CHECKED = 512  # validation samples in a batch


@dataclass(frozen=True)
class Step:
    """Where a training stands after an epoch: losses, and the mean score (`Target.scores`) on the validation samples."""

    epoch: int
    epochs: int
    loss: float
    val_loss: float
    val_score: float


@dataclass(frozen=True)
class TrainingData:
    """Features of all samples, what is predicted, and the labels (N, ...) as `Target.encode` gives them."""

    features: FoldFeatures
    target: Target
    labels: Tensor


OnStep = Callable[[Step], None]


def strategy_config(name: str, task: str, kinds: dict[str, str], target: Target, embed_dim: int) -> StrategyConfig:
    """What a strategy or a baseline ("photo_only") is built with."""
    alone = name.removesuffix("_only")
    modalities = (alone,) if name.endswith("_only") and alone in kinds else tuple(kinds)
    options = {} if name not in STRATEGIES else STRATEGIES[name].options_for({}, False, still_kinds(kinds))
    if target.answer != "class":
        options.pop("temperatures", None)  # those that are fitted after training are of one class per sample
    return StrategyConfig(name, task, target.num_logits, modalities, embed_dim, options)


def still_kinds(kinds: dict[str, str]) -> dict[str, str]:
    """Kinds as strategies know them: vectors and tables have no time axis, as pictures."""
    return {m: {"vector": "image", "table": "image", "series": "audio"}.get(kind, kind) for m, kind in kinds.items()}


def build_model(config: StrategyConfig) -> FusionModel:
    return FusionModel({}, build_strategy(config))


def train_model(
    config: StrategyConfig,
    data: TrainingData,
    train: np.ndarray,
    val: np.ndarray | None,
    recipe: Recipe,
    seed: int,
    on_step: OnStep = lambda step: None,
) -> tuple[FusionModel, int]:
    """A trained model in eval mode, and the number of epochs after which it was best.

    Args:
        train, val: row numbers; without `val` all epochs are done and the last state is taken.
    """
    features, target, labels = data.features, data.target, data.labels
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = build_model(config)
    columns = features.columns(config.modalities)
    train = train[features.present[:, columns].any(1).numpy()[train]]
    if not len(train):
        raise FusionError("No training sample has {modalities}.", modalities=list(config.modalities))
    trainable = list(model.parameters())
    history = LossHistory(len(labels), len(config.modalities)) if model.strategy.keeps_history else None
    optimizer = OPTIMIZERS[recipe.optimizer](trainable, TrainConfig(lr=recipe.lr, weight_decay=recipe.weight_decay))
    kept = val
    if model.strategy.held_out and val is None:
        count = max(1, int(model.strategy.held_out * len(train)))
        train = rng.permutation(train)
        train, kept = train[count:], train[:count]
    steps = max(1, len(train) // recipe.batch_size)
    best, best_loss, best_epoch, since = None, float("inf"), recipe.epochs, 0
    for epoch in range(recipe.epochs):
        model.train()
        total = 0.0
        order = torch.from_numpy(rng.permutation(train))
        for i, index in enumerate(order.tensor_split(steps)):
            for group in optimizer.param_groups:
                group["lr"] = rate_at(epoch * steps + i, recipe.epochs * steps, recipe.lr)
            loss = batch_loss(model, data, index, recipe, rng, epoch, history)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(trainable, MAX_GRADIENT_NORM)
            optimizer.step()
            total += float(loss.detach())
        if val is None:
            on_step(Step(epoch + 1, recipe.epochs, total / steps, float("nan"), float("nan")))
            continue
        val_loss, val_score = check(model, features, target, labels, val)
        on_step(Step(epoch + 1, recipe.epochs, total / steps, val_loss, val_score))
        if val_loss < best_loss:
            best, best_loss, best_epoch, since = copy.deepcopy(model.state_dict()), val_loss, epoch + 1, 0
        else:
            since += 1
            if since >= recipe.patience:
                break
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    if model.strategy.held_out and kept is not None:
        calibrate(model, data, kept)
    return model, best_epoch


@torch.no_grad()
def calibrate(model: FusionModel, data: TrainingData, rows: np.ndarray) -> None:
    """Fits what a strategy fits after its training, to samples that it was not trained on."""
    index = torch.from_numpy(rows)
    modalities = model.strategy.modalities
    present = data.features.present[index][:, data.features.columns(modalities)]
    label = data.labels[index]
    own = torch.where(present, label[:, None].expand(-1, len(modalities)), -1)
    features = data.features.batch(index, modalities, model.strategy.fuses == "tokens")
    model.strategy.after_training(features, present, Targets(label, own, own))


def batch_loss(
    model: FusionModel,
    data: TrainingData,
    index: Tensor,
    recipe: Recipe,
    rng: np.random.Generator,
    epoch: int,
    history: LossHistory | None,
) -> Tensor:
    """The strategy's objective on a batch (B,) with modality dropout."""
    strategy, features, target = model.strategy, data.features, data.target
    modalities = strategy.modalities
    present = features.present[index][:, features.columns(modalities)]
    present = dropped(present, recipe.keep_all, rng)
    batch = {m: noisy(f, recipe.dropout) for m, f in features.batch(index, modalities, strategy.fuses == "tokens").items()}
    own = data.labels[index]
    fused = model.fuse(batch, present)
    losses = {"label": target.loss(fused.logits, own).mean()}
    past = None
    if fused.output.unimodal_logits:
        each = torch.stack([target.loss(logits, own) for logits in fused.output.unimodal_logits.values()], 1)  # (B, M)
        losses["unimodal"] = strategy.unimodal_weight * ((each * present).sum(0) / present.sum(0).clamp_min(1)).sum()
        past = None if history is None else history.update(index, each.detach(), present)
    rough = target.rough(own)
    content = torch.where(present, rough[:, None].expand(-1, len(modalities)), -1)
    return strategy.objective(losses, fused.output, batch, present, Targets(rough, content, content, epoch, past))


def dropped(present: Tensor, keep_all: float, rng: np.random.Generator) -> Tensor:
    """Which of the modalities that are there (B, M) each sample keeps, at least one."""
    B, M = present.shape
    if M == 1:
        return present
    kept = present & torch.from_numpy((rng.random((B, M)) < 0.5) | (rng.random((B, 1)) < keep_all))
    return torch.where(kept.any(1, keepdim=True), kept, present)


def noisy(features: Features, dropout: float) -> Features:
    """The same features with some of their numbers zero."""
    return Features(F.dropout(features.tokens, dropout), features.mask, F.dropout(features.pooled, dropout), features.weights)


@torch.inference_mode()
def answers(model: FusionModel, features: FoldFeatures, target: Target, rows: np.ndarray, only: tuple[str, ...] | None = None) -> Tensor:
    """(N, K) probabilities (see `Target.probabilities`) for some samples; where nothing is there that it reads, equal ones.

    Args:
        only: these modalities are given, the others are missing.
    """
    modalities = model.strategy.modalities
    columns = features.columns(modalities)
    found = []
    for index in torch.split(torch.from_numpy(rows), CHECKED):
        present = features.present[index][:, columns].clone()
        if only is not None:
            present &= torch.tensor([m in only for m in modalities])
        nothing = ~present.any(1)
        present[nothing, 0] = True
        batch = features.batch(index, modalities, model.strategy.fuses == "tokens")
        logits = model.fuse(batch, present).logits.float()
        logits[nothing] = 0.0
        found.append(target.probabilities(logits))
    return torch.cat(found) if found else torch.zeros(0, len(target.classes))


@torch.inference_mode()
def check(model: FusionModel, features: FoldFeatures, target: Target, labels: Tensor, rows: np.ndarray) -> tuple[float, float]:
    """Loss and mean score on samples with all that they have."""
    model.eval()
    modalities = model.strategy.modalities
    columns = features.columns(modalities)
    there = rows[features.present[:, columns].any(1).numpy()[rows]]
    if not len(there):
        return float("nan"), float("nan")
    losses, scores = [], []
    for index in torch.split(torch.from_numpy(there), CHECKED):
        batch = features.batch(index, modalities, model.strategy.fuses == "tokens")
        logits = model.fuse(batch, features.present[index][:, columns]).logits.float()
        losses.append(target.loss(logits, labels[index]))
        scores.append(target.scores(target.probabilities(logits), labels[index]))
    return float(torch.cat(losses).mean()), float(torch.cat(scores).mean())
