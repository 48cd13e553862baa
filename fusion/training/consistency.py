"""Teaching a shipped encoder new kinds of samples while what it already does stays the same.

Strategies are trained on the frozen tokens of an encoder. If a further training moved these tokens, all strategies would have to be
trained again. Here the encoder starts from its shipped weights, and a frozen copy of it, the teacher, is kept beside it:

- samples as they were drawn before: the tokens stay where the teacher's are (mean squared error);
- new kinds of samples: cross-entropy through the unchanged linear head, and the pooled vector is drawn to the teacher's pooled vector of
  an easier medium with the same content (a digit cut out of fluent speech and the same digit said alone), if the teacher reads that right;
- both: the trained strategies, unchanged as well, read the tokens too. A few of them, drawn for each batch, add their cross-entropy.

The weights that are saved are an average of those before and after the training (`fusion.training.averaging`): the part of the change that
is left out is worth more to samples as they were drawn before than to new kinds.

References: Hinton 2015 (distillation); Li & Hoiem 2016 (learning without forgetting).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from fusion.config import TrainConfig
from fusion.encoders import Encoder, Prepared, collate
from fusion.model import FusionModel
from fusion.tasks.base import PairSource, SampleSource
from fusion.training.loop import unwrap
from fusion.training.losses import SMOOTHING, accuracy_of_named, relative_error, soft_target
from fusion.types import Features

# 32-bit: with 16 bits on a CPU the loss was not finite in the first step once strategies read the tokens
RECIPE = TrainConfig(epochs=16, samples=9600, batch_size=96, lr=6e-4, weight_decay=0.01, precision="fp32")
NEW_SHARE = 0.5  # of the samples are of a new kind
LEARNED = 0.85  # share of the change of the weights that is kept
READERS = 3  # strategies that read each batch


@dataclass(frozen=True)
class Weights:
    """Of the losses, beside a cross-entropy of weight 1 on the new samples.

    tokens  squared error of the tokens of old samples, relative to the variance of the teacher's tokens
    pooled  squared error of the pooled vector of new samples
    label   cross-entropy of the old samples
    reader  cross-entropy through trained strategies, beside one of weight 1 through the linear head
    """

    tokens: float = 5.0
    reader: float = 1.0
    pooled: float = 0.5
    label: float = 1.0


class ConsistencyBatch(TypedDict):
    """values (B, N, ...), mask (B, N), label (B,), -1 for none; `easy_values`, `easy_mask`: what the teacher reads; new (B,) bool."""

    values: Tensor
    mask: Tensor
    easy_values: Tensor
    easy_mask: Tensor
    label: Tensor
    new: Tensor


@dataclass(frozen=True)
class ConsistencySample:
    """One medium, the medium that the teacher reads (the same one for an old kind of sample), its label or -1, and whether it is new."""

    prepared: Prepared
    easy: Prepared
    label: int
    new: bool


class ConsistencyData(Dataset[ConsistencySample]):
    """`count` samples of one modality per epoch, `NEW_SHARE` of them from `pairs` and the others from `source`; new ones in each epoch."""

    def __init__(
        self,
        source: SampleSource,
        pairs: PairSource,
        modality: str,
        encoder: Encoder,
        count: int,
        seed: int,
        teacher: Encoder | None = None,
    ) -> None:
        """`teacher`: an encoder that prepares in another way what the teacher reads; the same encoder if None."""
        self.source = source
        self.pairs = pairs
        self.modality = modality
        self.prepare = encoder.prepare
        self.prepare_easy = (teacher or encoder).prepare
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> ConsistencySample:
        number = self.epoch * self.count + index
        if index < NEW_SHARE * self.count:
            sample, easy = self.pairs.pair(number, self.seed)
            label = sample.label if sample.named else -1
            return ConsistencySample(self.prepare(sample.inputs[self.modality]), self.prepare_easy(easy.inputs[self.modality]), label, True)
        sample = self.source.sample(number, self.seed, "train", nothing=True)
        medium = sample.inputs[self.modality]
        return ConsistencySample(self.prepare(medium), self.prepare_easy(medium), sample.label if sample.named else -1, False)

    def collate(self, samples: list[ConsistencySample]) -> ConsistencyBatch:
        values, mask = collate([s.prepared for s in samples])
        easy_values, easy_mask = collate([s.easy for s in samples])
        return {
            "values": values,
            "mask": mask,
            "easy_values": easy_values,
            "easy_mask": easy_mask,
            "label": torch.tensor([s.label for s in samples]),
            "new": torch.tensor([s.new for s in samples]),
        }


class ConsistencyLoss:
    """The loss of `fusion.training.loop.train`; call it with the model and a batch. It freezes the linear head of the model.

    Args:
        model: an encoder with its linear head, with the weights that are to be kept.
        readers: trained strategies without encoders that read its tokens.
        teacher: whose tokens are to be kept; a copy of the model if None.
    """

    def __init__(
        self, model: FusionModel, readers: Sequence[FusionModel] = (), weights: Weights = Weights(), teacher: FusionModel | None = None
    ) -> None:
        self.weights = weights
        self.modality = model.strategy.modalities[0]
        self.readers = [reader.eval().requires_grad_(False) for reader in readers]
        self.teacher = copy.deepcopy(teacher or model).eval().requires_grad_(False)
        model.strategy.requires_grad_(False)
        model.head.requires_grad_(False)

    def __call__(self, model: FusionModel, batch: ConsistencyBatch) -> tuple[Tensor, Tensor]:
        """Mean loss and accuracy over all samples of a batch."""
        unwrap(model).eval()  # fixed statistics of normalisation and no dropout: at the start, the tokens are exactly the teacher's
        label, new = batch["label"], batch["new"]
        self.teacher.to(label.device)
        with torch.no_grad():
            wanted, wanted_logits = read(self.teacher, batch["easy_values"], batch["easy_mask"])
        features, logits = read(unwrap(model), batch["values"], batch["mask"])
        losses = self.cross_entropy(features, logits, label)
        right = new & (wanted_logits.argmax(-1) == label)
        apart = (features.pooled.float() - wanted.pooled.float()).square().mean(-1)  # (B,)
        total = mean_over(losses, new) + self.weights.label * mean_over(losses, ~new)
        total = total + self.weights.pooled * mean_over(apart, right)
        total = total + self.weights.tokens * token_error(features, wanted, ~new)
        return total, accuracy_of_named(logits, label)

    def cross_entropy(self, features: Features, logits: Tensor, label: Tensor) -> Tensor:
        """Of each sample (B,): through the linear head, whose logits (B, K) are given, and through some of the readers."""
        target = soft_target(label, logits.shape[1], SMOOTHING)
        losses = F.cross_entropy(logits, target, reduction="none")
        drawn = [self.readers[i].to(label.device) for i in torch.randperm(len(self.readers))[:READERS]]
        for reader in drawn:
            answers = alone(reader, self.modality, features)
            losses = losses + self.weights.reader / len(drawn) * F.cross_entropy(answers, target, reduction="none")
        return losses


def alone(reader: FusionModel, modality: str, features: Features) -> Tensor:
    """Logits (B, K) of a strategy that is given one of its modalities alone."""
    present = torch.zeros(len(features.pooled), len(reader.strategy.modalities), dtype=torch.bool, device=features.pooled.device)
    present[:, reader.strategy.modalities.index(modality)] = True
    return reader.fuse({modality: features}, present).logits.float()


def read(model: FusionModel, values: Tensor, mask: Tensor) -> tuple[Features, Tensor]:
    """Features and logits (B, K) of one modality through its linear head."""
    modality = model.strategy.modalities[0]
    features = model.encode({modality: (values, mask)})[modality]
    return features, alone(model, modality, features)


def mean_over(values: Tensor, rows: Tensor) -> Tensor:
    """Mean of values (B,) over the rows (B,) bool; 0 without any."""
    return (values * rows).sum() / rows.sum().clamp_min(1)


def token_error(features: Features, wanted: Features, rows: Tensor) -> Tensor:
    """Mean squared difference of the real tokens of some rows (B,) bool, which have the same number in both, over the variance wanted."""
    length = min(features.tokens.shape[1], wanted.tokens.shape[1])  # batches may be padded to different lengths
    mask = wanted.mask[:, :length] & rows[:, None]  # (B, T)
    if not mask.any():
        return features.tokens.sum() * 0
    return relative_error(features.tokens[:, :length][mask], wanted.tokens[:, :length][mask])
