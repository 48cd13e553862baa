"""Training a picture encoder further on photographs of pages, without moving what was trained on its tokens.

    loss = |tokens(photograph) - shipped tokens(clean twin)|^2 + |tokens(sample) - shipped tokens(sample)|^2 + cross-entropy of the head

The twin of a photograph is its ink alone, dark on white, read at the very same place, so that each token has a target. Samples of the
task as before are their own twins. The shipped encoder and its linear head stay as they are, and so do all strategies behind it.

    python -m fusion train --task digits --strategy pages --data DIR

Reference: Hinton 2015, Distilling the Knowledge in a Neural Network; Li & Hoiem 2016, Learning without Forgetting;
Wortsman 2022, Robust fine-tuning of zero-shot models (the mean of the weights before and after).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from fusion.config import TrainConfig
from fusion.encoders import Prepared, collate
from fusion.encoders.image_cnn import ImageCNN
from fusion.tasks.base import Photograph
from fusion.training.loop import StepResult, train, unwrap
from fusion.training.losses import relative_error

RECIPE = TrainConfig(epochs=6, samples=5000, batch_size=64, lr=6e-4, weight_decay=0.01, precision="fp32")
INK = 225.0  # grey levels between the paper and the ink of a twin


DrawPhotograph = Callable[[int, int], Photograph]  # index and seed of an endless stream


class TwinBatch(TypedDict):
    """Values (B, 1, S, S) of pictures and of their twins; label (B,)."""

    values: Tensor
    twin: Tensor
    label: Tensor


class TwinData(Dataset[tuple[Prepared, Prepared, int]]):
    """Photographs and their twins, new ones in every epoch."""

    def __init__(self, draw: DrawPhotograph, encoder: ImageCNN, count: int, seed: int) -> None:
        self.draw = draw
        self.encoder = encoder
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Prepared, Prepared, int]:
        found = self.draw(self.epoch * self.count + index, self.seed)
        strips = self.encoder.strips(found.picture)
        read = self.encoder.read(found.picture, strips)
        return read, read if found.ink is None else self.encoder.read(clean(found.ink), strips), found.label

    def collate(self, samples: list[tuple[Prepared, Prepared, int]]) -> TwinBatch:
        read, twins, labels = zip(*samples, strict=True)
        return {"values": collate(list(read))[0], "twin": collate(list(twins))[0], "label": torch.tensor(labels)}


def clean(ink: np.ndarray) -> np.ndarray:
    """Ink (H, W) uint8 as dark strokes on white (H, W, 3) uint8."""
    page = (255 - ink * (INK / 255)).astype(np.uint8)
    return np.repeat(page[..., None], 3, -1)


class Pair(nn.Module):
    """An encoder in training, the same as it was, and its linear head (K, D) and (K,), if the task has labels of pictures.

    Normalisation keeps its statistics: a batch of photographs must not change what samples as before are normalised by.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, encoder: ImageCNN, head: tuple[Tensor, Tensor] | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.before = copy.deepcopy(encoder).requires_grad_(False).eval()
        weight, bias = head or (torch.zeros(0, encoder.embed_dim), torch.zeros(0))
        self.register_buffer("weight", weight.float(), persistent=False)
        self.register_buffer("bias", bias.float(), persistent=False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        self.encoder.eval()
        self.before.eval()
        return self

    def forward(self, values: Tensor, twin: Tensor) -> tuple[Tensor, Tensor]:
        """Relative error of tokens and pooled vector against those of the twins, and the logits (B, K)."""
        mask = torch.ones(len(values), 1, dtype=torch.bool, device=values.device)
        with torch.no_grad():
            target = self.before(twin, mask)
        features = self.encoder(values, mask)
        distance = relative_error(features.tokens, target.tokens) + relative_error(features.pooled, target.pooled)
        return distance, F.linear(features.pooled, self.weight, self.bias)


def twin_loss(model: Pair, batch: TwinBatch) -> tuple[Tensor, Tensor]:
    """The distance from the twins, and cross-entropy of the labels; accuracy, or the share of the variance that is kept without labels."""
    distance, logits = model(batch["values"], batch["twin"])
    named = batch["label"] >= 0
    if not len(unwrap(model).bias) or not named.any():
        return distance, 1 - distance.detach()
    entropy = F.cross_entropy(logits[named], batch["label"][named], label_smoothing=0.02)
    return distance + entropy, (logits.argmax(1) == batch["label"])[named].float().mean()


def train_on_pages(
    encoder: ImageCNN,
    head: tuple[Tensor, Tensor] | None,
    draw: DrawPhotograph,
    folder: Path,
    config: TrainConfig = RECIPE,
    device: str = "auto",
    resume: bool = True,
) -> Iterator[StepResult]:
    """Trains `encoder` in place, from the weights that it has, and ends at the mean of these and the trained ones; `head` as for `Pair`."""
    torch.manual_seed(config.seed)
    data = TwinData(draw, copy.deepcopy(encoder).eval(), config.samples, config.seed + 1)
    pair = Pair(encoder, head)
    yield from train(pair, data, twin_loss, config, folder, device, resume)
    average(pair.encoder, pair.before)


@torch.no_grad()
def average(encoder: nn.Module, before: nn.Module) -> None:
    """Half way back to `before`: nearly all that was learned is kept, and samples as before are read no worse (measured)."""
    for new, old in zip(encoder.parameters(), before.parameters(), strict=True):
        new.lerp_(old.to(new.device), 0.5)
