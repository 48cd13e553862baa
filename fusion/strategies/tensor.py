"""Tensor fusion: the outer product of all modalities, read by an MLP.

    z_m   = W_m norm(x_m)                            (B, r), r small; z_m = 0 where modality m is missing
    outer = [z_1, 1] x ... x [z_M, 1]                (B, (r + 1)^M)
    fused = MLP(outer)                               (B, D)

The appended 1 keeps every lower order: single modalities, pairs, triples and the product of all are side by side. A missing modality
is [0, ..., 0, 1], which leaves exactly the product of the others. The projection keeps it small: 7^4 = 2,401 numbers with r = 6,
where four whole embeddings of 96 numbers would give 88 million. Limit: the size still grows as a power of M (see `low_rank`), and
whatever r numbers cannot hold of a modality is lost.

Reference: Zadeh 2017, Tensor Fusion Network for Multimodal Sentiment Analysis (arXiv 1707.07250).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy, mlp
from fusion.types import Features, FusionOutput


class TensorFusion(Strategy):
    """Takes the outer product of a summary of each modality, so that every combination of features has a weight of its own."""

    title = "Tensor fusion"
    formula = "fused = MLP([z₁, 1] ⊗ … ⊗ [z_M, 1])"
    paper = "Zadeh et al. 2017 (TFN)"
    fuses = "embeddings"

    def __init__(
        self, modalities: tuple[str, ...], embed_dim: int, num_classes: int, rank: int = 6, hidden: int = 128, dropout: float = 0.1
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim
        self.project = PerModality(len(modalities), embed_dim, rank)
        self.mix = mlp((rank + 1) ** len(modalities), hidden, embed_dim, dropout)

    def outer(self, features: dict[str, Features], present: Tensor) -> Tensor:
        """(B, (r + 1)^M): the products of all orders, the first modality's number changing slowest."""
        x = self.embeddings(features, present)  # (B, M, D)
        x = F.layer_norm(x, x.shape[-1:])
        factors = F.pad(self.project(x) * present[..., None], (0, 1), value=1.0).unbind(1)  # (B, r + 1) per modality
        outer = factors[0]
        for z in factors[1:]:
            outer = (outer[..., None] * z[:, None]).flatten(1)
        return outer

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        return FusionOutput(fused=self.mix(self.outer(features, present)))
