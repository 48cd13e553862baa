"""What encoders and strategies are trained to minimise."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.heads.localization import localization_losses, question_attention
from fusion.model import Fused, FusionModel
from fusion.strategies import Strategy
from fusion.strategies.base import Targets
from fusion.training.batches import EncoderBatch, StrategyBatch
from fusion.training.history import LossHistory
from fusion.training.loop import unwrap
from fusion.types import Features

SMOOTHING = 0.02  # of labels


class Fuser(nn.Module):
    """Strategy and heads without the encoders, so that nothing of these is trained, saved or moved."""

    def __init__(self, model: FusionModel, samples: int = 0) -> None:
        """`samples` is the size of the training set, for strategies that keep a history of each sample."""
        super().__init__()
        self.model = model
        self.history = LossHistory(samples, len(model.strategy.modalities)) if model.strategy.keeps_history else None

    @property
    def strategy(self) -> Strategy:
        return self.model.strategy

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> Fused:
        return self.model.fuse(features, present, need_attention)


def soft_target(labels: Tensor, num_classes: int, smoothing: float) -> Tensor:
    """Labels (B,) to target distributions (B, K); -1 ("names nothing") becomes uniform."""
    target = F.one_hot(labels.clamp_min(0), num_classes).float() * (1 - smoothing) + smoothing / num_classes
    return torch.where((labels >= 0)[:, None], target, torch.full_like(target, 1 / num_classes))


def masked_cross_entropy(logits: Tensor, label: Tensor, mask: Tensor) -> Tensor:
    """Mean cross-entropy of logits (B, K) over the rows in mask (B,); a label of -1 is uniform."""
    losses = F.cross_entropy(logits.float(), soft_target(label, logits.shape[1], SMOOTHING), reduction="none")
    return (losses * mask).sum() / mask.sum().clamp_min(1)


def accuracy_of_named(logits: Tensor, label: Tensor) -> Tensor:
    """Share of right answers among the samples whose label is known."""
    return (logits.argmax(-1) == label)[label >= 0].float().mean()


def relative_error(values: Tensor, target: Tensor) -> Tensor:
    """Mean squared error in units of the variance of the target, which is estimated without bias."""
    target = target.float()
    return F.mse_loss(values.float(), target) / target.var().clamp_min(1e-6)


def encoder_loss(model: FusionModel, batch: EncoderBatch) -> tuple[Tensor, Tensor]:
    """Cross-entropy of an encoder's linear head, and its accuracy."""
    modality = unwrap(model).strategy.modalities[0]
    label = batch["label"]
    present = torch.ones(len(label), 1, dtype=torch.bool, device=label.device)
    logits = model({modality: (batch["values"], batch["mask"])}, present).logits.float()
    loss = F.cross_entropy(logits, soft_target(label, logits.shape[1], SMOOTHING))
    return loss, accuracy_of_named(logits, label)


def strategy_loss(model: Fuser, batch: StrategyBatch) -> tuple[Tensor, Tensor]:
    """The strategy's objective over the losses of its heads, and the accuracy of the label where what is present decides it."""
    strategy = unwrap(model).strategy
    features = {m: Features(*parts) for m, parts in batch["features"].items()}
    label = batch["label"]
    fused: Fused = model(features, batch["present"], need_attention="box" in batch)
    logits = fused.logits.float()
    losses = {"label": F.cross_entropy(logits, soft_target(label, logits.shape[1], SMOOTHING))}
    if fused.output.unimodal_logits:
        losses["unimodal"] = unimodal_loss(strategy, fused.output.unimodal_logits, batch)
    for question, answer in (fused.output.auxiliary or {}).items():
        losses[question] = masked_cross_entropy(answer, batch["auxiliary"][question], torch.ones_like(label, dtype=torch.bool))
    if fused.place is not None:
        losses |= location_losses(unwrap(model).model, fused, features, batch)
    targets = Targets(label, batch["content"], batch["own"], batch.get("epoch", 0), past_losses(unwrap(model), fused, batch))
    total = strategy.objective(losses, fused.output, features, batch["present"], targets)
    return total, accuracy_of_named(logits, label)


def unimodal_loss(strategy: Strategy, unimodal_logits: dict[str, Tensor], batch: StrategyBatch) -> Tensor:
    """Of the strategy's own single-modality classifiers, each over the samples that have its modality."""
    target = batch["own"] if strategy.unimodal == "label" else batch["content"]  # (B, M)
    losses = [masked_cross_entropy(logits, target[:, i], batch["present"][:, i]) for i, logits in enumerate(unimodal_logits.values())]
    return strategy.unimodal_weight * torch.stack(losses).sum()


def past_losses(model: Fuser, fused: Fused, batch: StrategyBatch) -> Tensor | None:
    """`Targets.history`, with the losses of this batch counted in; None for strategies that keep none, and outside training."""
    if model.history is None or "index" not in batch or not fused.output.unimodal_logits:
        return None
    logits = torch.stack([*fused.output.unimodal_logits.values()], 1).detach().float()  # (B, M, K)
    known = (batch["own"] >= 0) & batch["present"]
    losses = F.cross_entropy(logits.transpose(1, 2), batch["own"].clamp_min(0), reduction="none")  # (B, M)
    return model.history.update(batch["index"], losses, known)


def location_losses(model: FusionModel, fused: Fused, features: dict[str, Features], batch: StrategyBatch) -> dict[str, Tensor]:
    """Of box, mask and "is it there", and of the attention from the questions to the picture where there is any."""
    assert fused.place is not None
    look = None
    if fused.output.attention:
        is_present = dict(zip(model.strategy.modalities, batch["present"].T, strict=True))
        look = question_attention(fused.output.attention, features, is_present, model.picture)
    return localization_losses(fused.place, batch["box"], batch["mask"].float() / 255, batch["found"], batch["asked"], look)
