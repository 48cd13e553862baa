"""The picture encoder of `digits-find`: trained to say of every cell which digit covers it, where its edges are and where ink is.

    python -m fusion train --task digits-find --strategy detection --data DIR

The head is thrown away afterwards; what stays are tokens that know what they lie on, before anybody has asked for anything. The pooled
vector learns which digits are there and roughly where, so that strategies on pooled vectors get what one vector can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from fusion.config import EncoderConfig, TrainConfig
from fusion.encoders import collate
from fusion.heads.localization import SUB
from fusion.media.corruptions import corrupt
from fusion.model import build_encoder, load_weights, save_encoder
from fusion.tasks import Task
from fusion.tasks.digits.samples import draw_level
from fusion.training.loop import StepResult, forget_state, train

ENCODER = EncoderConfig("image_cnn", {"size": 96})
RECIPE = TrainConfig(epochs=12, samples=16000, batch_size=64, lr=1.5e-3, weight_decay=0.05)
GRID, NONE = 12, 10  # cells along a side; the class of a cell without a digit


class SceneSource(Protocol):
    """What samples of a task that asks where must also offer: pictures of several things, and where each of them is."""

    def scene(self, digits: np.ndarray, rng: np.random.Generator) -> Any:
        """`picture` (H, W, 3) with the things `digits` (N,), their `boxes` (N, 4) in [0, 1] and `masks` (N, S, S)."""


class SceneData(Dataset):
    """Scenes as an encoder reads them, with what lies in every cell; new ones in every epoch."""

    def __init__(self, source: SceneSource, encoder: nn.Module, count: int, seed: int, severity: str = "train") -> None:
        self.source, self.prepare, self.count, self.seed, self.severity, self.epoch = source, encoder.prepare, count, seed, severity, 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, self.epoch * self.count + index, 79])
        digits = rng.permutation(10)[: rng.integers(3, 6)]
        scene = self.source.scene(digits, rng)
        picture = corrupt("image", scene.picture, draw_level(self.severity, "image", rng), rng)
        kind, edges = cells(scene.boxes, scene.digits)
        centres, shown = np.zeros((10, 2), np.float32), np.zeros(10, np.float32)
        centres[digits] = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
        shown[digits] = 1
        return {
            "prepared": self.prepare(picture),
            "kind": kind,
            "edges": edges,
            "ink": scene.masks.max(0),
            "centres": centres,
            "shown": shown,
        }

    def collate(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        values, mask = collate([s["prepared"] for s in samples])
        stacked = {k: torch.from_numpy(np.stack([s[k] for s in samples])) for k in ("kind", "edges", "ink", "centres", "shown")}
        return {"values": values, "mask": mask} | {k: v if k == "kind" else v.float() for k, v in stacked.items()}


def cells(boxes: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which digit the centre of each cell lies on (T,), `NONE` for none, and the distances to its box's four edges (T, 4) in cells."""
    middle = (np.arange(GRID) + 0.5) / GRID
    x, y = np.tile(middle, GRID)[:, None], np.repeat(middle, GRID)[:, None]
    edges = np.stack([x - boxes[:, 0], y - boxes[:, 1], boxes[:, 2] - x, boxes[:, 3] - y], -1) * GRID  # (T, N, 4)
    inside = edges.min(-1) > 0
    which = inside.argmax(1)
    kind = np.where(inside.any(1), digits[which], NONE)
    return kind, np.take_along_axis(edges, which[:, None, None], 1)[:, 0] * inside.any(1)[:, None]


class DenseModel(nn.Module):
    """The encoder with linear heads on every token and on the pooled vector."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.cell = nn.Linear(encoder.embed_dim, 11 + 4 + SUB * SUB)
        self.whole = nn.Linear(encoder.embed_dim, 10 + 20)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(values, mask)
        return self.cell(features.tokens).float(), self.whole(features.pooled).float()


def dense_loss(model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Cross-entropy of cells and ink, smooth L1 of edges, and what the pooled vector says; accuracy is that of cells with a digit."""
    cell, whole = model(batch["values"], batch["mask"])
    kind, edges, ink = cell.split([11, 4, SUB * SUB], -1)
    B, on = len(kind), batch["kind"] != NONE
    entropy = F.cross_entropy(kind.flatten(0, 1), batch["kind"].flatten(), reduction="none", label_smoothing=0.02).view(B, -1)
    what = entropy[on].mean() + entropy[~on].mean()
    where = F.smooth_l1_loss(F.softplus(edges)[on], batch["edges"][on], beta=0.2)
    target = batch["ink"].view(B, GRID, SUB, GRID, SUB).transpose(2, 3).reshape(B, GRID * GRID, SUB * SUB)
    drawn = F.binary_cross_entropy_with_logits(ink, target)
    there = F.binary_cross_entropy_with_logits(whole[:, :10], batch["shown"])
    about = F.smooth_l1_loss(whole[:, 10:].view(B, 10, 2).sigmoid(), batch["centres"], reduction="none", beta=0.1).sum(-1)
    roughly = (about * batch["shown"]).sum() / batch["shown"].sum()
    return what + where + drawn + there + 3 * roughly, (kind.argmax(-1) == batch["kind"])[on].float().mean()


def train_detection_encoder(
    task: Task, data: Path, out: Path, start: Path | None, config: TrainConfig, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """Trains it and writes `out`/encoders/image; `start` is a folder with an encoder of the same shape to begin with."""
    torch.manual_seed(config.seed)
    encoder = build_encoder(ENCODER)
    if start is not None:
        encoder.load_state_dict(load_weights(start))
    model = DenseModel(encoder).to(memory_format=torch.channels_last)
    home = out / "encoders" / task.heads.localization.image
    samples = SceneData(task.samples("train", data, (task.heads.localization.image,)), encoder, config.samples, config.seed + 1)
    yield from train(model, samples, dense_loss, config, home, device, resume)
    save_encoder(home, encoder, ENCODER)
    forget_state(home)
