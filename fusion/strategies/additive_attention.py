"""Additive attention: a small network scores each modality against a summary of all; the scores weight the sum of embeddings.

    h_m     = V_m x_m                                       modality m in a space that all share
    c       = mean over present m of h_m                    the summary, as query
    score_m = v^T tanh(W h_m + U c + b_m)                   weights = softmax over the present modalities
    fused   = MLP(sum_m weights_m h_m)

Bahdanau's alignment with modalities in the place of words: score and value come from the same h_m. Embeddings (B, M, D), weights
(B, M). A weight says how much of a vector went into a sum, not whether it helped. A sum of M vectors is no wider than one of them, so
modalities that must be combined have to share its dimensions. The MLP after it lets an answer depend on a combination.

Reference: Bahdanau 2015, Neural Machine Translation by Jointly Learning to Align and Translate (arXiv 1409.0473).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import PerModality, Strategy, mlp
from fusion.types import Features, FusionOutput


class AdditiveAttention(Strategy):
    """Scores every modality against a summary of all of them and sums the embeddings, weighted by these scores."""

    title = "Additive attention"
    formula = "fused = MLP(Σ w_m h_m),  w = softmax(vᵀ tanh(W h_m + U c + b_m))"
    paper = "Bahdanau et al. 2015"
    fuses = "embeddings"

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int, hidden: int = 48, dropout: float = 0.1) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim
        self.values = PerModality(len(modalities), embed_dim, embed_dim, bias=False)
        self.content = nn.Linear(embed_dim, hidden, bias=False)
        self.summary = nn.Linear(embed_dim, hidden, bias=False)
        self.bias = nn.Parameter(torch.zeros(len(modalities), hidden))
        self.score = nn.Linear(hidden, 1, bias=False)
        self.mix = mlp(embed_dim, 2 * embed_dim, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        h = self.values(x)  # (B, M, D), zero where missing
        summary = h.sum(1) / present.sum(1, keepdim=True)  # (B, D)
        scores = self.score(torch.tanh(self.content(h) + self.summary(summary)[:, None] + self.bias)).squeeze(-1)  # (B, M)
        weights = scores.masked_fill(~present, float("-inf")).softmax(-1)
        total = torch.bmm(weights[:, None], h).squeeze(1)  # (B, D)
        return FusionOutput(self.mix(total), weights)
