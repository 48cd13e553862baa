"""The network that finds handwriting on a page (`fusion.encoders.handwriting`), trained on drawn sheets and on canvases.

    python -m fusion train --task digits --strategy finder --data DIR

Sheets hold digits of all sizes; a quarter of the pictures are canvases of the task, so that large digits and clutter are known too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from fusion.config import TrainConfig
from fusion.encoders.handwriting import CELL, SIDE, InkFinder, as_page
from fusion.training.loop import StepResult, train

RECIPE = TrainConfig(epochs=18, samples=2400, batch_size=24, lr=4e-3, weight_decay=0.01, precision="fp32")
DrawPage = Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]  # a picture (H, W, 3) uint8 and the ink on it (H, W) uint8


class FinderBatch(TypedDict):
    """page (B, 1, S, S), ink (B, S / 4, S / 4) in [0, 1], real (B, S / 4, S / 4) bool: inside the picture."""

    page: Tensor
    ink: Tensor
    real: Tensor


class Pages(Dataset[tuple[np.ndarray, np.ndarray, np.ndarray]]):
    """New pages in every epoch."""

    def __init__(self, draw: DrawPage, count: int, seed: int) -> None:
        self.draw = draw
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        picture, ink = self.draw(np.random.default_rng([self.seed, self.epoch, index, 83]))
        page, (across, down) = as_page(picture)
        rows, cols = round(down * picture.shape[0]), round(across * picture.shape[1])
        small = cv2.resize(ink, (cols, rows), interpolation=cv2.INTER_AREA if across < 1 else cv2.INTER_LINEAR)
        square = np.zeros((SIDE, SIDE), np.float32)
        square[:rows, :cols] = small / 255
        real = np.zeros((SIDE // CELL, SIDE // CELL), bool)
        real[: -(-rows // CELL), : -(-cols // CELL)] = True
        whole = np.zeros((SIDE, SIDE), np.float32)
        whole[: page.shape[0], : page.shape[1]] = page
        return whole, square, real

    def collate(self, samples: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> FinderBatch:
        page, ink, real = (torch.from_numpy(np.stack(part)) for part in zip(*samples, strict=True))
        covered = F.max_pool2d(ink[:, None], CELL, CELL)[:, 0]
        return {"page": page[:, None], "ink": (covered > 0.25).float(), "real": real}


def finder_loss(model: torch.nn.Module, batch: FinderBatch) -> tuple[Tensor, Tensor]:
    """Cross-entropy and Dice of each page; accuracy is the overlap of marked cells with those that hold ink."""
    logits = model(batch["page"])
    ink, real = batch["ink"], batch["real"]
    weight = real * (1 + 2 * ink)
    entropy = (F.binary_cross_entropy_with_logits(logits, ink, reduction="none") * weight).sum() / weight.sum()
    marks = logits.sigmoid() * real
    dice = 1 - 2 * (marks * ink).sum((1, 2)) / ((marks + ink).sum((1, 2)) + 1)
    marked = (logits > 0) & real
    overlap = (marked & (ink > 0)).sum() / (marked | (ink > 0)).sum().clamp_min(1)
    return entropy + 0.3 * dice.mean(), overlap


def train_finder(
    finder: InkFinder, draw: DrawPage, folder: Path, config: TrainConfig = RECIPE, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """Trains `finder` in place on drawn pages; the state of the run lies in `folder`/.training."""
    torch.manual_seed(config.seed)
    yield from train(finder, Pages(draw, config.samples, config.seed + 1), finder_loss, config, folder, device, resume)
