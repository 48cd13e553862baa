"""Mixture of experts by subset: a router sends the modalities to a few of E experts, one of which belongs to each combination.

    t_m   = W_m x_m + a_m                  where modality m is present; a vector of its own from the bank where it is missing:
            bank[m, s]                     s is the combination of modalities that are present
    h     = t + Attention(norm(t))         the M tokens look at one another
    g     = softmax of the k largest of R norm(h)        (B, M, E), the other gates are zero
    y     = h + sum_e g_e Expert_e(norm(h))
    fused = mean_m y_m                                   (B, D)

There are as many experts as combinations, 2^M - 1. For a sample with some modalities missing (the S-router) the expert of its own
combination is the target of the first gate, by cross-entropy; samples with all modalities (the G-router) spread over all experts, held
even by the coefficient of variation of importance and load. So experts learn from complete samples what they need for the incomplete ones.
`FusionOutput.experts` is how much each expert took part: the map of subsets to experts.

    loss = the task's + .01 (CV^2(importance) + CV^2(load)) + .1 cross-entropy(R h, expert of the combination)

Differences from the paper: one layer instead of several, one vector per modality instead of patches, and no sorting of samples by the
number of their modalities (a batch has all kinds).

Reference: Yun 2024, Flex-MoE: Modeling Arbitrary Modality Combination via the Flexible Mixture-of-Experts (arXiv 2410.08245).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy
from fusion.strategies.tokens import attend, join_heads, split_qkv
from fusion.types import Features, FusionOutput

BALANCE, SPECIALISE = 0.01, 0.1  # weights of the two losses of the router


class MixtureOfExperts(Strategy):
    """Sends the modalities to a few of many experts, one of which belongs to each combination of modalities."""

    title = "Mixture of experts"
    formula = "y = h + Σ_{e in top k} g_e Expert_e(h),  one expert per combination"
    paper = "Yun et al. 2024 (Flex-MoE)"
    fuses = "embeddings"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 48,
        num_heads: int = 2,
        top_k: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        M = len(modalities)
        E = 2**M - 1
        self.out_dim = dim
        self.num_heads = num_heads
        self.top_k = min(top_k, E)
        self.project = PerModality(M, embed_dim, dim)
        self.bank = nn.Parameter(torch.randn(E, M, dim) * 0.02)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out_proj = nn.Linear(dim, dim)
        self.router = nn.Linear(dim, E)
        self.experts = nn.Sequential(PerModality(E, dim, dim), nn.GELU(), nn.Dropout(dropout), PerModality(E, dim, dim))

    def combination(self, present: Tensor) -> Tensor:
        """(B,) number of the combination of present modalities, 0 to E - 1; bit i is modality i, less one."""
        bits = 2 ** torch.arange(len(self.modalities), device=present.device)
        return (present * bits).sum(-1) - 1

    def tokens(self, features: dict[str, Features], present: Tensor) -> Tensor:
        """(B, M, dim), those of missing modalities from the bank."""
        x = self.project(self.embeddings(features, present))
        return torch.where(present[..., None], x, self.bank[self.combination(present)])

    def route(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the router and gates (B, M, E) of tokens (B, M, dim); all but `top_k` gates of a token are zero, and they sum to 1."""
        logits: Tensor = self.router(h)
        least = logits.topk(self.top_k, -1).values[..., -1:]
        return logits, logits.masked_fill(logits < least, float("-inf")).softmax(-1)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        t = self.tokens(features, present)
        q, k, v = split_qkv(self.qkv(self.norm1(t)), self.num_heads)
        attended, _ = attend(q, k, v, torch.ones_like(present), need_map=False)
        t = t + self.out_proj(join_heads(attended))
        h = self.norm2(t)
        logits, gates = self.route(h)
        B, M, E = gates.shape
        repeated = h.reshape(B * M, 1, -1).expand(-1, E, -1)
        answers = self.experts(repeated).view(B, M, E, -1)  # all of them: E small products in one, cheaper here than to sort
        y = t + (gates[..., None] * answers).sum(2)
        loss = self.router_loss(logits, gates, present) if self.training else None
        return FusionOutput(y.mean(1), experts=gates.mean(1), loss=loss)

    def router_loss(self, logits: Tensor, gates: Tensor, present: Tensor) -> Tensor:
        """Balance over the samples with all modalities, and specialisation of the first gate of the others."""
        whole = present.all(-1)
        own = F.cross_entropy(logits.flatten(0, 1), self.combination(present).repeat_interleave(logits.shape[1]), reduction="none")
        partial = (~whole).repeat_interleave(logits.shape[1])
        specialised = (own * partial).sum() / partial.sum().clamp_min(1)
        gates = gates * whole[:, None, None]
        load = (logits.softmax(-1) * whole[:, None, None]).sum((0, 1))  # smooth: a count of tokens has no gradient
        even = squared_variation(gates.sum((0, 1))) + squared_variation(load)
        return BALANCE * even + SPECIALISE * specialised


def squared_variation(x: Tensor) -> Tensor:
    """Variance over squared mean of x (E,), 0 where all are equal."""
    return x.var(unbiased=False) / x.mean().square().clamp_min(1e-10)
