"""Late fusion: one classifier per modality, then a calibrated weighted vote.

    log-odds = sum_m  w_m * log softmax(z_m / T_m)      z_m = A_m x_m + b_m, w_m = softplus, T_m > 0, missing modalities do not vote

The product rule of Kittler with a learned reliability and temperature per modality. The vote is additive in log-odds, so it cannot
express a question whose answer depends on a combination (a + b): no w makes it so.

Reference: Kittler 1998, On Combining Classifiers (IEEE PAMI 20(3)); Guo 2017 (temperature).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy
from fusion.types import Features, FusionOutput


class Late(Strategy):
    """Classifies each modality on its own and adds up their votes, each with a learned weight and temperature."""

    title = "Late fusion"
    formula = "log p = Σ w_m · log softmax(z_m / T_m)"
    paper = "Kittler et al. 1998"
    fuses = "logits"

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = num_classes
        self.classifiers = PerModality(len(modalities), embed_dim, num_classes)
        self.weight = nn.Parameter(torch.full((len(modalities),), 0.5413))  # softplus(0.5413) = 1
        self.log_temperature = nn.Parameter(torch.zeros(len(modalities)))

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        scaled = self.classifiers(x) / self.log_temperature.exp()[:, None]  # (B, M, K)
        weights = F.softplus(self.weight) * present  # (B, M)
        fused = torch.einsum("bm,bmk->bk", weights.to(scaled.dtype), scaled.log_softmax(-1))
        unimodal = {m: scaled[:, i] for i, m in enumerate(self.modalities)}
        return FusionOutput(fused, weights / weights.sum(-1, keepdim=True), unimodal_logits=unimodal)
