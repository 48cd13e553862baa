"""Quality-aware fusion: a vote in which a modality counts as much as the energy of its own classifier says, for every input.

    z_m   = A_m x_m + a_m                              (B, K) logits of modality m alone
    w_m   = log sum_k exp(z_mk) / 10                   its confidence: minus the energy, at temperature 1
    fused = sum_{m present} w_m z_m                    (B, K)

    loss  = cross-entropy of fused and of every z_m
            + sum_m mean_i max(0, -s (w_mi - w_mj) + |l_mi - l_mj|)

where j is the sample after i in the batch, l is a sample's loss in that modality averaged over the epochs so far (scaled to [0, 1] over
the batch), and s = 1 if l_mi < l_mj, else -1: samples that were easy all along get more confidence, by the difference of their losses.
No gradient of the vote reaches w. A confidence below a thousandth counts as that. The sum is additive, so an answer that only a
combination decides (a + b) is out of reach.

Reference: Zhang 2023, Provable Dynamic Fusion for Low-Quality Multimodal Data (QMF, arXiv 2306.02050).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy, Targets
from fusion.types import Features, FusionOutput

SCALE = 0.1  # of minus the energy, as in the authors' code
LEAST = 1e-3


class QualityAware(Strategy):
    """Lets each modality vote with the confidence that the energy of its own classifier gives it for this input."""

    title = "Quality-aware fusion"
    formula = "z = Σ w_m z_m,  w_m = log Σ_k exp(z_mk) / 10"
    paper = "Zhang et al. 2023 (QMF)"
    fuses = "logits"
    unimodal_weight = 1.0
    keeps_history = True

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = num_classes
        self.classifiers = PerModality(len(modalities), embed_dim, num_classes)

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        logits = self.classifiers(self.embeddings(features, present))  # (B, M, K)
        weights = confidence(logits) * present  # (B, M)
        if self.training:
            weights = weights.detach()
        fused = torch.einsum("bm,bmk->bk", weights, logits)
        unimodal = {m: logits[:, i] for i, m in enumerate(self.modalities)}
        return FusionOutput(fused, weights / weights.sum(-1, keepdim=True), unimodal_logits=unimodal)

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        """Adds the ranking loss; without a history of losses there is nothing to rank by."""
        total = super().objective(losses, output, features, present, targets)
        if targets.history is None:
            return total
        assert output.unimodal_logits is not None
        logits = torch.stack([output.unimodal_logits[m] for m in self.modalities], 1)
        return total + ranking_loss(confidence(logits), targets.history, present)


def confidence(logits: Tensor) -> Tensor:
    """Logits (B, M, K) to (B, M), at least `LEAST`."""
    return (SCALE * logits.logsumexp(-1)).clamp_min(LEAST)


def ranking_loss(weights: Tensor, history: Tensor, present: Tensor) -> Tensor:
    """How far confidences (B, M) are from the order and the differences of past losses.

    Args:
        history: (B, M) mean loss of each sample so far, NaN where there is none.
        present: (B, M) bool; pairs of samples that both have a modality and a history count.
    """
    known = present & history.isfinite()
    past = torch.where(known, history, torch.zeros_like(history))
    past = past / past.amax(0, keepdim=True).clamp_min(1e-6)  # losses are not negative: in [0, 1]
    difference = past - past.roll(-1, 0)
    both = known & known.roll(-1, 0)
    lead = weights - weights.roll(-1, 0)
    misses = F.relu(difference.abs() + difference.sign() * lead)
    return ((misses * both).sum(0) / both.sum(0).clamp_min(1)).sum()
