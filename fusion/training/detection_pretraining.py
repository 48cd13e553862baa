"""The picture encoder of `digits-find`: trained to say of every cell which digit covers it, where its edges are and where ink is.

    python -m fusion train --task digits-find --strategy detection --data DIR

The head is discarded afterwards; what stays are tokens that represent what they lie on, whatever is asked for. The pooled vector learns
which digits are there and roughly where, so that strategies on pooled vectors get as much as one vector can hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, TypedDict, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

from fusion.config import EncoderConfig, TrainConfig
from fusion.encoders import Encoder, Prepared, collate
from fusion.heads.localization import SUB
from fusion.media.corruptions import corrupt
from fusion.model import build_encoder, load_weights, save_encoder
from fusion.tasks import Task
from fusion.tasks.digits.samples import draw_level
from fusion.training.loop import StepResult, forget_state, train

ENCODER = EncoderConfig("image_cnn", {"size": 96})
RECIPE = TrainConfig(epochs=12, samples=16000, batch_size=64, lr=1.5e-3, weight_decay=0.05)
GRID = 12  # cells along a side
DIGITS = 10
NONE = 10  # the class of a cell without a digit


class Scene(Protocol):
    """`picture` (H, W, 3) with the things `digits` (N,), their `boxes` (N, 4) in [0, 1] and `masks` (N, S, S)."""

    picture: np.ndarray
    digits: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray


class SceneSource(Protocol):
    """What samples of a task that asks where must also offer: pictures of several things, and where each of them is."""

    def scene(self, digits: np.ndarray, rng: np.random.Generator) -> Scene: ...


class DenseSample(TypedDict):
    """One scene: kind (T,), edges (T, 4), ink (S, S), centres (10, 2) and shown (10,) of the digits."""

    prepared: Prepared
    kind: np.ndarray
    edges: np.ndarray
    ink: np.ndarray
    centres: np.ndarray
    shown: np.ndarray


class DenseBatch(TypedDict):
    """The same for B scenes; kind is long, the others are float."""

    values: Tensor
    mask: Tensor
    kind: Tensor
    edges: Tensor
    ink: Tensor
    centres: Tensor
    shown: Tensor


class SceneData(Dataset[DenseSample]):
    """Scenes as an encoder reads them, with what lies in every cell; new ones in every epoch."""

    def __init__(self, source: SceneSource, encoder: Encoder, count: int, seed: int, severity: str = "train") -> None:
        self.source = source
        self.prepare = encoder.prepare
        self.count = count
        self.seed = seed
        self.severity = severity
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> DenseSample:
        rng = np.random.default_rng([self.seed, self.epoch * self.count + index, 79])
        digits = rng.permutation(DIGITS)[: rng.integers(3, 6)]
        scene = self.source.scene(digits, rng)
        picture = corrupt("image", scene.picture, draw_level(self.severity, "image", rng), rng)
        kind, edges = cells(scene.boxes, scene.digits)
        centres = np.zeros((DIGITS, 2), np.float32)
        centres[digits] = (scene.boxes[:, :2] + scene.boxes[:, 2:]) / 2
        shown = np.zeros(DIGITS, np.float32)
        shown[digits] = 1
        return {
            "prepared": self.prepare(picture),
            "kind": kind,
            "edges": edges,
            "ink": scene.masks.max(0),
            "centres": centres,
            "shown": shown,
        }

    def collate(self, samples: list[DenseSample]) -> DenseBatch:
        values, mask = collate([s["prepared"] for s in samples])

        def stack(arrays: list[np.ndarray]) -> Tensor:
            return torch.from_numpy(np.stack(arrays))

        return {
            "values": values,
            "mask": mask,
            "kind": stack([s["kind"] for s in samples]),
            "edges": stack([s["edges"] for s in samples]).float(),
            "ink": stack([s["ink"] for s in samples]).float(),
            "centres": stack([s["centres"] for s in samples]).float(),
            "shown": stack([s["shown"] for s in samples]).float(),
        }


def cells(boxes: np.ndarray, digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What lies in each of T cells of a scene with boxes (N, 4) of digits (N,).

    Returns:
        The digit whose box the cell's centre lies in (T,), `NONE` for none; distances to the four edges of that box (T, 4), in cells.
    """
    middle = (np.arange(GRID) + 0.5) / GRID
    x = np.tile(middle, GRID)[:, None]
    y = np.repeat(middle, GRID)[:, None]
    edges = np.stack([x - boxes[:, 0], y - boxes[:, 1], boxes[:, 2] - x, boxes[:, 3] - y], -1) * GRID  # (T, N, 4)
    inside = edges.min(-1) > 0
    covered = inside.any(1)
    which = inside.argmax(1)
    kind = np.where(covered, digits[which], NONE)
    own_edges = np.take_along_axis(edges, which[:, None, None], 1)[:, 0] * covered[:, None]
    return kind, own_edges


class DenseModel(nn.Module):
    """The encoder with linear heads on every token and on the pooled vector."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.cell = nn.Linear(encoder.embed_dim, DIGITS + 1 + 4 + SUB * SUB)
        self.whole = nn.Linear(encoder.embed_dim, DIGITS + 2 * DIGITS)

    def forward(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        features = self.encoder(values, mask)
        return self.cell(features.tokens).float(), self.whole(features.pooled).float()


def dense_loss(model: DenseModel, batch: DenseBatch) -> tuple[Tensor, Tensor]:
    """The sum of the losses of cells and of the pooled vector; accuracy is that of cells with a digit."""
    cell, whole = model(batch["values"], batch["mask"])
    kind, edges, ink = torch.split(cell, [DIGITS + 1, 4, SUB * SUB], -1)
    covered = batch["kind"] != NONE  # (B, T)
    loss = (
        kind_loss(kind, batch["kind"], covered)
        + F.smooth_l1_loss(F.softplus(edges)[covered], batch["edges"][covered], beta=0.2)
        + F.binary_cross_entropy_with_logits(ink, ink_of_cells(batch["ink"]))
        + F.binary_cross_entropy_with_logits(whole[:, :DIGITS], batch["shown"])
        + 3 * centre_loss(whole[:, DIGITS:], batch)
    )
    right = kind.argmax(-1) == batch["kind"]
    return loss, right[covered].float().mean()


def kind_loss(logits: Tensor, kind: Tensor, covered: Tensor) -> Tensor:
    """Cross-entropy of logits (B, T, 11); cells with and without a digit count the same, however many there are."""
    losses = F.cross_entropy(logits.flatten(0, 1), kind.flatten(), reduction="none", label_smoothing=0.02).view(kind.shape)
    return losses[covered].mean() + losses[~covered].mean()


def ink_of_cells(ink: Tensor) -> Tensor:
    """(B, S, S) to the sub-cells of each cell (B, T, SUB * SUB)."""
    B = len(ink)
    return ink.view(B, GRID, SUB, GRID, SUB).transpose(2, 3).reshape(B, GRID * GRID, SUB * SUB)


def centre_loss(raw: Tensor, batch: DenseBatch) -> Tensor:
    """Smooth L1 of the centres of the digits that are shown; raw (B, 20) is x and y of each digit before the sigmoid."""
    predicted = raw.view(len(raw), DIGITS, 2).sigmoid()
    distance = F.smooth_l1_loss(predicted, batch["centres"], reduction="none", beta=0.1).sum(-1)  # (B, 10)
    return (distance * batch["shown"]).sum() / batch["shown"].sum()


def train_detection_encoder(
    task: Task, data: Path, out: Path, start: Path | None, config: TrainConfig, device: str = "auto", resume: bool = True
) -> Iterator[StepResult]:
    """Trains it and writes `out`/encoders/image; `start` is a folder with an encoder of the same shape to begin with."""
    assert task.heads.localization is not None
    image = task.heads.localization.image
    torch.manual_seed(config.seed)
    encoder = build_encoder(ENCODER)
    if start is not None:
        encoder.load_state_dict(load_weights(start))
    model: DenseModel = DenseModel(encoder).to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    folder = out / "encoders" / image
    source = cast("SceneSource", task.samples("train", data, (image,)))
    samples = SceneData(source, encoder, config.samples, config.seed + 1)
    yield from train(model, samples, dense_loss, config, folder, device, resume)
    save_encoder(folder, encoder, ENCODER)
    forget_state(folder)
