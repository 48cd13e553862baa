"""The fixed encoder of a number: bumps at 16 places of its range, as four tokens of four bumps each.

    b_i(x)  = exp(-((x - c_i) / 0.2)^2 / 2)        c_i evenly spaced from -1.2 to 1.2
    pooled  = (b_1, ..., b_16)
    token_t = 2 (0, ..., b_4t+1, ..., b_4t+4, ..., 0) + place_t

Nothing of it is learned. A linear layer on the bumps can be any smooth function of the number, so that whatever a strategy cannot learn
is due to how it fuses.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fusion.playground.data import SIDES
from fusion.types import Features

WIDTH, TOKENS = 16, 4
SPREAD = 0.2  # standard deviation of a bump
CENTRES = torch.linspace(-1.2, 1.2, WIDTH)
GROUPS = torch.eye(TOKENS).repeat_interleave(WIDTH // TOKENS, 1)  # (T, D)
PLACES = 0.5 * torch.stack([torch.cos(torch.arange(WIDTH) * (t + 1) * torch.pi / WIDTH) for t in range(TOKENS)])  # (T, D), orthogonal


def encode(numbers: Tensor) -> Features:
    """Numbers (N,) to features of width `WIDTH`."""
    bumps = torch.exp(-(((numbers[:, None] - CENTRES) / SPREAD) ** 2) / 2)  # (N, D)
    tokens = 2 * bumps[:, None] * GROUPS + PLACES  # (N, T, D)
    carried = (bumps[:, None] * GROUPS).sum(-1)  # (N, T)
    mask = torch.ones(len(numbers), TOKENS, dtype=torch.bool)
    return Features(tokens, mask, bumps, carried / carried.sum(-1, keepdim=True))


def encode_sides(values: Tensor) -> dict[str, Features]:
    """x and y (N, 2) to the features of both sides."""
    return {side: encode(values[:, i]) for i, side in enumerate(SIDES)}


def rows_of(features: dict[str, Features], rows: Tensor) -> dict[str, Features]:
    """The features of some samples."""
    return {side: Features(f.tokens[rows], f.mask[rows], f.pooled[rows], f.weights[rows]) for side, f in features.items()}
