"""Early fusion: concatenate all embeddings and feed them to one network.

    fused = MLP([x_1, p_1, ..., x_M, p_M])      p_m = 1 where modality m is present, else 0 (and x_m as `missing` says)

Everything may interact with everything from the first layer on; nothing says how much each modality weighed, and a broken modality
spoils the whole vector. What stands in the place of a missing modality can be chosen, see `fusion.strategies.missing`.

Reference: Baltrusaitis 2019, Multimodal Machine Learning: A Survey and Taxonomy, section 5.1 (arXiv 1705.09406).
"""

from __future__ import annotations

import torch
from torch import Tensor

from fusion.strategies.base import Strategy, Targets, mlp
from fusion.strategies.missing import Missing, Policy
from fusion.types import Features, FusionOutput


class Early(Strategy):
    """Concatenates the embeddings of all modalities and feeds them to one MLP."""

    title = "Early fusion"
    formula = "fused = MLP([x₁, …, x_M])"
    paper = "Baltrušaitis et al. 2019"
    fuses = "embeddings"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        hidden: int = 192,
        dropout: float = 0.2,
        missing: Policy = "zero",
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim
        self.missing = Missing(missing, len(modalities), embed_dim)
        self.mix = mlp(len(modalities) * (embed_dim + 1), hidden, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        x = self.missing(x, present)
        x = torch.cat([x, present[..., None].to(x.dtype)], -1)  # (B, M, D + 1)
        return FusionOutput(fused=self.mix(x.flatten(1)))

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        own = self.missing.losses(self.embeddings(features, present), features, self.modalities, present)
        return super().objective(losses, output, features, present, targets) + sum(own)
