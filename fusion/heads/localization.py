"""Localization head: a box, a mask and the probability that the object asked for is in the picture, and the losses of all three.

From tokens after fusion (dense), each cell of the picture predicts how likely it holds the object, the offsets of the four box edges
from its own centre, and which of its 4x4 sub-cells belong to the mask:

    box = sum_t softmax(score)_t * (centre_t + edges_t)        mask = the sub-cells of all t

A strategy that returns no tokens leaves one vector for all of this: box and a coarse mask come from an MLP on `fused`. Such a head
localizes poorly, since a pooled vector carries little spatial information.

Where a strategy has attention maps, the attention of the question tokens is supervised as well: the losses of box, mask and answer do not
constrain it, because these tokens only need to carry which object was asked for.

Reference: Tian 2019, FCOS (box edges from every cell); Girshick 2015, Fast R-CNN (smooth L1); Milletari 2016, V-Net (Dice loss);
Liu 2017, Attention Correctness in Neural Image Captioning (arXiv 1605.09553; supervised attention).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.types import Features, FusionOutput

SUB = 4  # mask cells along one side of an image token


class Location(NamedTuple):
    """Output of the head.

    box     (B, 4) x0, y0, x1, y1 in [0, 1] of the square that the image encoder reads
    found   (B,) logits: the object is in the picture
    mask    (B, S, S) logits
    scores  (B, T) logits of the cells, or None without tokens
    """

    box: Tensor
    found: Tensor
    mask: Tensor
    scores: Tensor | None


class LocalizationHead(nn.Module):
    """FusionOutput to Location, on a picture of `grid` x `grid` tokens; with `token_dim` 0 it uses only `fused`."""

    centres: Tensor
    outward: Tensor
    corners: Tensor

    def __init__(self, out_dim: int, token_dim: int, grid: int, picture: str = "image") -> None:
        """`picture` names the modality in which the object is located."""
        super().__init__()
        self.grid = grid
        self.token_dim = token_dim
        self.picture = picture
        if token_dim:
            self.cells = nn.Sequential(
                nn.LayerNorm(token_dim), nn.Linear(token_dim, token_dim), nn.GELU(), nn.Linear(token_dim, 5 + SUB * SUB)
            )
            self.found = nn.Sequential(nn.Linear(out_dim + token_dim, token_dim), nn.GELU(), nn.Linear(token_dim, 1))
            self.register_buffer("centres", cell_centres(grid).repeat(1, 2), persistent=False)  # (T, 4): x, y, x, y
            self.register_buffer("outward", torch.tensor([-1.0, -1.0, 1.0, 1.0]) / grid, persistent=False)
        else:
            corners = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])  # of centre, width and height
            self.register_buffer("corners", corners, persistent=False)
            self.whole = nn.Sequential(nn.LayerNorm(out_dim), nn.Linear(out_dim, 128), nn.GELU(), nn.Linear(128, 5 + (2 * grid) ** 2))

    def forward(self, output: FusionOutput) -> Location:
        if not self.token_dim:
            return self.pooled(output.fused)
        assert output.tokens is not None, "a strategy with a token_dim returns tokens"
        return self.dense(output.tokens[self.picture], output.fused)

    def dense(self, tokens: Tensor, fused: Tensor) -> Location:
        B, G = len(tokens), self.grid
        score, edges, ink = self.cells(tokens).split([1, 4, SUB * SUB], -1)
        weight = score.transpose(1, 2).softmax(-1)  # (B, 1, T)
        box = torch.addcmul(self.centres, F.softplus(edges), self.outward)  # (B, T, 4)
        mask = ink.view(B, G, G, SUB, SUB).permute(0, 1, 3, 2, 4).reshape(B, G * SUB, G * SUB)
        found = self.found(torch.cat([fused, (weight @ tokens).squeeze(1)], -1)).squeeze(-1)
        return Location((weight @ box).squeeze(1), found, mask, score.squeeze(-1))

    def pooled(self, fused: Tensor) -> Location:
        found, box, ink = self.whole(fused).split([1, 4, (2 * self.grid) ** 2], -1)
        mask = F.interpolate(ink.view(-1, 1, 2 * self.grid, 2 * self.grid), scale_factor=SUB // 2, mode="bilinear").squeeze(1)
        return Location(box.sigmoid() @ self.corners, found.squeeze(-1), mask, None)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (B, 4) row by row, in [0, 1]."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inside = (high - low).clamp_min(0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).clamp_min(0).prod(-1) + (b[:, 2:] - b[:, :2]).clamp_min(0).prod(-1)
    return inside / (area - inside).clamp_min(1e-9)


def cell_centres(grid: int) -> Tensor:
    """(T, 2): x and y in [0, 1] of the cell centres, row by row."""
    middle = (torch.arange(grid) + 0.5) / grid
    return torch.stack([middle.repeat(grid), middle.repeat_interleave(grid)], -1)


def inside_box(box: Tensor, grid: int) -> Tensor:
    """(B, T) bool: cells of the grid whose centre lies in the box; the nearest one where the box is smaller than a cell."""
    x, y = cell_centres(grid).to(box.device).unbind(-1)
    inside = (x >= box[:, :1]) & (x <= box[:, 2:3]) & (y >= box[:, 1:2]) & (y <= box[:, 3:4])
    distance = (x - box[:, ::2].mean(-1, keepdim=True)) ** 2 + (y - box[:, 1::2].mean(-1, keepdim=True)) ** 2
    return inside | F.one_hot(distance.argmin(-1), grid * grid).bool()


def question_attention(
    attention: dict[tuple[str, str], Tensor], features: dict[str, Features], present: dict[str, Tensor], picture: str = "image"
) -> Tensor:
    """(B, T): attention of the question tokens to each cell of the picture, the mean over layers, heads, real tokens and given questions.

    Sums to 1 over T, or to 0 where no question is given.

    Args:
        attention: {(query, key): (B, L, H, Tq, Tk)}; present: {modality: (B,) bool}.
    """
    maps, counts = [], []
    for (query, key), weights in attention.items():
        if key == picture and query != picture:
            real = features[query].mask[:, None, None, :, None]
            mean = (weights * real).sum((1, 2, 3)) / real.sum((1, 2, 3)) / (weights.shape[1] * weights.shape[2])
            maps.append(mean * present[query][:, None])
            counts.append(present[query])
    return torch.stack(maps).sum(0) / torch.stack(counts).sum(0).clamp_min(1)[:, None]


def localization_losses(
    location: Location, box: Tensor, mask: Tensor, found: Tensor, asked: Tensor, attention: Tensor | None = None
) -> dict[str, Tensor]:
    """Smooth L1 of the box (with cross-entropy of the cell scores), cross-entropy and Dice of the mask, cross-entropy of `found`, and the
    negative log of the attention inside the box.

    Args:
        box: (B, 4); mask: (B, S, S) in [0, 1]; found: (B,) bool, the object is in the picture. Where it is not, only `found` has a loss.
        asked: (B,) bool, picture and question are both present; otherwise there is no loss.
        attention: (B, T), see `question_attention`.
    """
    visible = (found & asked).float()
    total = visible.sum().clamp_min(1)
    box_loss = F.smooth_l1_loss(location.box, box, beta=0.02, reduction="none").sum(-1) * 5
    if location.scores is not None:
        target = inside_box(box, int(location.scores.shape[1] ** 0.5)).float()
        box_loss = box_loss + F.cross_entropy(location.scores, target / target.sum(-1, keepdim=True), reduction="none") * 0.2
    mask_loss = F.binary_cross_entropy_with_logits(location.mask, mask, reduction="none").mean((1, 2)) * 3
    probability = location.mask.sigmoid()
    dice = 1 - 2 * (probability * mask).sum((1, 2)) / (probability + mask).sum((1, 2)).clamp_min(1e-6)
    found_loss = F.binary_cross_entropy_with_logits(location.found, found.float(), reduction="none")
    losses = {
        "box": (box_loss * visible).sum() / total,
        "mask": ((mask_loss + dice) * visible).sum() / total,
        "found": (found_loss * asked).sum() / asked.sum().clamp_min(1),
    }
    if attention is not None:
        inside = inside_box(box, int(attention.shape[1] ** 0.5)).float()
        losses["look"] = 0.1 * (-(attention * inside).sum(-1).clamp_min(1e-6).log() * visible).sum() / total
    return losses
