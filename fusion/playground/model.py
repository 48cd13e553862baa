"""A strategy of the project at small size on the two fixed encoders, with its optimizer."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.model import FusionModel
from fusion.playground.data import SIDES
from fusion.playground.encoding import WIDTH
from fusion.playground.setup import Setup
from fusion.strategies import STRATEGIES
from fusion.strategies.base import Targets
from fusion.training.batches import StrategyBatch
from fusion.training.losses import Fuser, past_losses, unimodal_loss
from fusion.types import Features

CLASSES = 2
MOMENTUM = 0.9  # of SGD
KINDS = dict.fromkeys(SIDES, "number")
SMALL: dict[str, Any] = {"dim": 16, "num_heads": 2, "memory_depth": 1, "hidden": 32, "dropout": 0.0}
SHALLOW = {"mult": {"depth": 1}}  # of one layer each; others have one or two, of which a bottleneck needs both


def small_options(name: str) -> dict[str, Any]:
    """Arguments that make a strategy small, where it has them."""
    kind = STRATEGIES[name]
    known = inspect.signature(kind).parameters
    sizes = {key: value for key, value in SMALL.items() if key in known}
    return kind.options_for({}, False, KINDS) | sizes | SHALLOW.get(name, {})


class Learner:
    """One strategy while it is trained; `diverged` once its loss is no longer a number, after which it stays as it is."""

    def __init__(self, name: str, setup: Setup) -> None:
        self.name, self.setup = name, setup
        strategy = STRATEGIES[name](SIDES, WIDTH, CLASSES, **small_options(name))
        self.fuser = Fuser(FusionModel({}, strategy), setup.points)
        self.optimizer = build_optimizer(self.fuser, setup)
        self.diverged = False

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.fuser.parameters())

    def step(self, features: dict[str, Features], present: Tensor, labels: Tensor, index: Tensor, epoch: int) -> None:
        """One update on a batch; `index` (B,) are its samples' places in the training set."""
        if self.diverged:
            return
        self.fuser.train()
        loss = self._loss(features, present, labels, index, epoch)
        if not loss.isfinite():
            self.diverged = True
            return
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _loss(self, features: dict[str, Features], present: Tensor, labels: Tensor, index: Tensor, epoch: int) -> Tensor:
        """The strategy's own objective, as in the trainings of the tasks, with the chosen loss of the label."""
        fused = self.fuser(features, present)
        own = torch.where(present, labels[:, None], -1)  # (B, M)
        batch: StrategyBatch = {
            "features": {},
            "label": labels,
            "own": own,
            "content": own,
            "present": present,
            "index": index,
            "auxiliary": {},
        }
        losses = {"label": label_loss(fused.logits, labels, self.setup.loss)}
        if fused.output.unimodal_logits:
            losses["unimodal"] = unimodal_loss(self.fuser.strategy, fused.output.unimodal_logits, batch)
        targets = Targets(labels, own, own, epoch, past_losses(self.fuser, fused, batch))
        return self.fuser.strategy.objective(losses, fused.output, features, present, targets)


def build_optimizer(module: torch.nn.Module, setup: Setup) -> torch.optim.Optimizer:
    """Adam with decoupled weight decay (AdamW), or SGD with momentum."""
    if setup.optimizer == "sgd":
        return torch.optim.SGD(module.parameters(), setup.learning_rate, momentum=MOMENTUM, weight_decay=setup.weight_decay, fused=True)
    return torch.optim.AdamW(module.parameters(), setup.learning_rate, weight_decay=setup.weight_decay, fused=True)


def label_loss(logits: Tensor, labels: Tensor, kind: str) -> Tensor:
    """Cross-entropy in nats, or the mean squared error of the probabilities, of logits (B, K) and labels (B,)."""
    if kind == "mse":
        return F.mse_loss(logits.softmax(-1), F.one_hot(labels, logits.shape[1]).to(logits.dtype))
    return F.cross_entropy(logits, labels)
