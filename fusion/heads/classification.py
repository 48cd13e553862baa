"""Which label is it? Heads that turn the fused vector into logits, and what a prediction says of the probabilities.

    linear    z = A fused + b                        most strategies
    vote      the same, initialised to pass on the log-probabilities in the last K numbers of `fused`
    cosine    z_k = t cos(fused, c_k)                one learned vector per class, t a learned temperature

The contribution of a modality is measured: how much the probability of the answer falls when that modality is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


def vote_head(out_dim: int, num_classes: int) -> nn.Linear:
    """Linear (B, out_dim) to (B, K), initialised to pass on votes: the last K numbers of its input have weight one."""
    head = nn.Linear(out_dim, num_classes)
    with torch.no_grad():
        head.weight[:, -num_classes:].copy_(torch.eye(num_classes))
    return head


class Temperature(nn.Module):
    """Multiplies cosines by a learned scale between 1 and 100 (the clamp of CLIP)."""

    def __init__(self, scale: float = 10.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, cosine: Tensor) -> Tensor:
        scale = self.log_scale.clamp(0, math.log(100)).exp()
        return cosine * scale


class CosineHead(nn.Module):
    """Unit vectors (B, D) to logits (B, K): the cosine to one vector per class, times a temperature."""

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.randn(num_classes, dim))
        self.temperature = Temperature()

    def forward(self, fused: Tensor) -> Tensor:
        logits: Tensor = self.temperature(fused @ F.normalize(self.classes, dim=-1).T)
        return logits


def contributions(subsets: Mapping[tuple[str, ...], np.ndarray], given: tuple[str, ...]) -> dict[str, float]:
    """{modality: fall of the answer's probability when it is left out}; with nothing left every label is as likely.

    Args:
        subsets: {modalities given: probabilities (K,)} of every non-empty subset of `given`.
    """
    probs = subsets[given]
    answer = int(probs.argmax())
    uniform = np.full(len(probs), 1 / len(probs))
    found = {}
    for modality in given:
        others = tuple(m for m in given if m != modality)
        found[modality] = float(probs[answer] - subsets.get(others, uniform)[answer])
    return found
