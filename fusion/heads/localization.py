"""Where is it? A head that gives a box, a mask and the probability that what is asked for is there, and its losses.

From tokens after fusion (dense), each cell of the picture says how likely it holds the answer, where the four edges of the box lie
from its own centre, and which of its 4x4 sub-cells are ink:

    box = sum_t softmax(score)_t * (centre_t + edges_t)        mask = the sub-cells of all t

A strategy that returns no tokens has one vector left for all of this: box and a coarse mask come from an MLP on `fused`. That it loses
the place is not the head's fault: nothing of a pooled vector says where.

Where a strategy has attention maps, the questions' tokens are told to look into the box as well; box, mask and answer alone leave
their attention loose, for all they have to say is which digit was asked for.

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


class Placed(NamedTuple):
    """box (B, 4) x0, y0, x1, y1 in [0, 1] of the square the encoder read; found (B,), mask (B, S, S), scores (B, T) or None are logits."""

    box: Tensor
    found: Tensor
    mask: Tensor
    scores: Tensor | None


class PlaceHead(nn.Module):
    """FusionOutput to Placed, on a picture of `grid` x `grid` tokens; `token_dim` 0 means that there is only `fused`."""

    def __init__(self, out_dim: int, token_dim: int, grid: int, picture: str = "image") -> None:
        """`picture` names the modality that is looked in."""
        super().__init__()
        self.grid, self.token_dim, self.picture = grid, token_dim, picture
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

    def forward(self, output: FusionOutput) -> Placed:
        return self.dense(output.tokens[self.picture], output.fused) if self.token_dim else self.pooled(output.fused)

    def dense(self, tokens: Tensor, fused: Tensor) -> Placed:
        B, G = len(tokens), self.grid
        score, edges, ink = self.cells(tokens).split([1, 4, SUB * SUB], -1)
        share = score.transpose(1, 2).softmax(-1)  # (B, 1, T)
        box = torch.addcmul(self.centres, F.softplus(edges), self.outward)  # (B, T, 4)
        mask = ink.view(B, G, G, SUB, SUB).permute(0, 1, 3, 2, 4).reshape(B, G * SUB, G * SUB)
        found = self.found(torch.cat([fused, (share @ tokens).squeeze(1)], -1)).squeeze(-1)
        return Placed((share @ box).squeeze(1), found, mask, score.squeeze(-1))

    def pooled(self, fused: Tensor) -> Placed:
        found, box, ink = self.whole(fused).split([1, 4, (2 * self.grid) ** 2], -1)
        mask = F.interpolate(ink.view(-1, 1, 2 * self.grid, 2 * self.grid), scale_factor=SUB // 2, mode="bilinear").squeeze(1)
        return Placed(box.sigmoid() @ self.corners, found.squeeze(-1), mask, None)


def box_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes (B, 4) row by row, in [0, 1]."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inside = (high - low).clamp_min(0).prod(-1)
    area = (a[:, 2:] - a[:, :2]).clamp_min(0).prod(-1) + (b[:, 2:] - b[:, :2]).clamp_min(0).prod(-1)
    return inside / (area - inside).clamp_min(1e-9)


def cell_centres(grid: int) -> Tensor:
    """(T, 2): x and y in [0, 1] of the cells' middles, row by row."""
    middle = (torch.arange(grid) + 0.5) / grid
    return torch.stack([middle.repeat(grid), middle.repeat_interleave(grid)], -1)


def inside_box(box: Tensor, grid: int) -> Tensor:
    """(B, T) bool: cells of the grid whose centre lies in the box; the nearest one where the box is smaller than a cell."""
    x, y = cell_centres(grid).to(box.device).unbind(-1)
    inside = (x >= box[:, :1]) & (x <= box[:, 2:3]) & (y >= box[:, 1:2]) & (y <= box[:, 3:4])
    away = (x - box[:, ::2].mean(-1, keepdim=True)) ** 2 + (y - box[:, 1::2].mean(-1, keepdim=True)) ** 2
    return inside | F.one_hot(away.argmin(-1), grid * grid).bool()


def questions_look(
    attention: dict[tuple[str, str], Tensor], features: dict[str, Features], there: dict[str, Tensor], picture: str = "image"
) -> Tensor:
    """(B, T): how much the questions look at each cell of the picture, the mean over layers, heads, real tokens and questions given.

    Sums to 1 over T, or to 0 where no question is there.

    Args:
        attention: {(query, key): (B, L, H, Tq, Tk)}; there: {modality: (B,) bool}.
    """
    looks, count = [], []
    for (query, key), weights in attention.items():
        if key == picture and query != picture:
            real = features[query].mask[:, None, None, :, None]
            each = (weights * real).sum((1, 2, 3)) / real.sum((1, 2, 3)) / (weights.shape[1] * weights.shape[2])
            looks.append(each * there[query][:, None])
            count.append(there[query])
    return torch.stack(looks).sum(0) / torch.stack(count).sum(0).clamp_min(1)[:, None]


def place_losses(placed: Placed, box: Tensor, mask: Tensor, found: Tensor, asked: Tensor, look: Tensor | None = None) -> dict[str, Tensor]:
    """Smooth L1 of the box (with cross-entropy of the cells that vote for it), cross-entropy and Dice of the mask, cross-entropy of
    "is it there", and minus the log of the attention that lies in the box.

    Args:
        box: (B, 4); mask: (B, S, S) in [0, 1]; found: (B,) bool, it is there. Where it is not, only that counts.
        asked: (B,) bool, picture and question are both there; where not, nothing counts.
        look: (B, T), see `questions_look`.
    """
    there = (found & asked).float()
    total = there.sum().clamp_min(1)
    each = F.smooth_l1_loss(placed.box, box, beta=0.02, reduction="none").sum(-1) * 5
    if placed.scores is not None:
        target = inside_box(box, int(placed.scores.shape[1] ** 0.5)).float()
        each = each + F.cross_entropy(placed.scores, target / target.sum(-1, keepdim=True), reduction="none") * 0.2
    ink = F.binary_cross_entropy_with_logits(placed.mask, mask, reduction="none").mean((1, 2)) * 3
    drawn = placed.mask.sigmoid()
    dice = 1 - 2 * (drawn * mask).sum((1, 2)) / (drawn + mask).sum((1, 2)).clamp_min(1e-6)
    known = F.binary_cross_entropy_with_logits(placed.found, found.float(), reduction="none")
    losses = {
        "box": (each * there).sum() / total,
        "mask": ((ink + dice) * there).sum() / total,
        "found": (known * asked).sum() / asked.sum().clamp_min(1),
    }
    if look is not None:
        inside = inside_box(box, int(look.shape[1] ** 0.5)).float()
        losses["look"] = 0.1 * (-(look * inside).sum(-1).clamp_min(1e-6).log() * there).sum() / total
    return losses
