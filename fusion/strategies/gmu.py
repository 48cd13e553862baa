"""Gated multimodal unit: a gate for every number of every modality, computed from all modalities together.

    h_m   = tanh(W_m x_m)                              values of modality m
    z_m   = sigmoid(U_m [x_1, ..., x_M])               its gates, one per number of h_m
    fused = sum_m z_m * h_m                            for three modalities or more
    fused = z h_1 + (1 - z) h_2                        for two, which share one gate

Embeddings (B, M, D), gates (B, M, D). As in the paper nothing has a bias, so a missing modality (x_m = 0) adds exactly nothing, and a
classifier reads the sum: here an MLP with the head behind it. The weight shown of a modality is the mean of its gates, as a share of
those of all present modalities: how far the gates are open, not how much the answer depends on what passes through them.

Reference: Arevalo 2017, Gated Multimodal Units for Information Fusion (arXiv 1702.01992).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import PerModality, Strategy, mlp
from fusion.types import Features, FusionOutput


class GMU(Strategy):
    """Opens or closes a gate for every number of every modality, from what all modalities say together."""

    title = "Gated multimodal unit"
    formula = "fused = Σ σ(U_m [x₁, …, x_M]) ⊙ tanh(W_m x_m)"
    paper = "Arevalo et al. 2017 (GMU)"
    fuses = "embeddings"

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        M = len(modalities)
        self.out_dim = embed_dim
        self.values = PerModality(M, embed_dim, embed_dim, bias=False)
        self.gates = nn.Linear(M * embed_dim, (1 if M == 2 else M) * embed_dim, bias=False)
        self.mix = mlp(embed_dim, embed_dim, embed_dim, dropout)

    def open_gates(self, x: Tensor) -> Tensor:
        """Gates (B, M, D) in [0, 1] for embeddings of the same shape."""
        gates: Tensor = self.gates(x.flatten(1)).sigmoid().view(len(x), -1, self.embed_dim)
        if len(self.modalities) == 2:
            return torch.cat([gates, 1 - gates], 1)
        return gates

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        gates = self.open_gates(x)
        fused = (gates * self.values(x).tanh()).sum(1)  # (B, D)
        weights = gates.mean(-1) * present
        return FusionOutput(self.mix(fused), weights / weights.sum(-1, keepdim=True))
