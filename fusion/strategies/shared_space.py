"""Shared space: every modality becomes a unit vector in one space, where samples of equal meaning lie close together.

    u_m   = W_m norm(x_m) / |W_m norm(x_m)|          (B, D)
    fused = sum_{m present} u_m / |sum|              (B, D)
    z_k   = t_c cos(fused, c_k)                      (B, K), c_k one learned vector per class
    loss  = the task's + mean over ordered pairs (m, n) and samples i of
            -mean_{j: content_jn = content_im} log softmax_j( t u_im . u_jn )

Supervised contrastive learning across modalities, at half weight beside the cross-entropy to class vectors that are trained as well;
CLIP has neither. As there, a sample's vector in one modality has to find its positive in another one among all of the batch, in both
directions, but all samples that show the same class are positives (so there are no false negatives), and modalities that show none take
no part. The
class that a modality shows by itself counts, not the task's label: where image and sound show different digits, each is pulled to
those of other samples that show the same. Limit: a mean of vectors adds what the modalities show; it cannot compute with it (a + b).

Reference: Khosla 2020, Supervised Contrastive Learning (arXiv 2004.11362), across modalities as in Radford 2021, Learning Transferable
Visual Models From Natural Language Supervision (CLIP, arXiv 2103.00020).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.heads.classification import CosineHead, Temperature
from fusion.strategies.base import PerModality, Strategy, Targets
from fusion.types import Features, FusionOutput


def contrastive(space: Tensor, content: Tensor, temperature: nn.Module) -> Tensor:
    """Cross-entropy of finding the samples that show the same class in another modality; 0 where there are none.

    Args:
        space: (M, B, D) unit vectors.
        content: (M, B) class that each shows, -1 where it takes no part.
        temperature: scales cosines to logits.
    """
    M, B, _ = space.shape
    flat = space.flatten(0, 1)
    scores = temperature(flat @ flat.T).view(M, B, M, B)
    usable = content >= 0
    same_class = content[:, :, None, None] == content  # (M, B, M, B)
    same_modality = torch.eye(M, dtype=torch.bool, device=content.device)[:, None, :, None]
    positive = same_class & usable[:, :, None, None] & ~same_modality
    # a large negative number and not -inf: a modality without any usable sample would give NaN
    log_p = scores.masked_fill(~usable, -1e4).log_softmax(-1)  # (M, B, M, B)
    positives = positive.sum(-1)  # (M, B, M)
    losses = -(log_p * positive).sum(-1) / positives.clamp_min(1)
    total: Tensor = losses.sum() / (positives > 0).sum().clamp_min(1)
    return total


class SharedSpace(Strategy):
    """Projects every modality into one embedding space, where equal meanings lie close together, and compares by cosine."""

    title = "Shared space"
    formula = "z_k = t · cos(Σ_m u_m, c_k),  u_m = W_m x_m / |W_m x_m|"
    paper = "Khosla et al. 2020 (SupCon); Radford et al. 2021"
    fuses = "embeddings"

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int, contrastive_weight: float = 0.5) -> None:
        """`contrastive_weight` is how much the contrastive loss counts beside those of the task."""
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim
        self.contrastive_weight = contrastive_weight
        self.project = PerModality(len(modalities), embed_dim, embed_dim, bias=False)
        self.temperature = Temperature()

    def build_head(self) -> nn.Module:
        return CosineHead(self.out_dim, self.num_classes)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        x = F.layer_norm(x, x.shape[-1:])
        space = F.normalize(self.project(x), dim=-1)  # (B, M, D), zero stays zero
        fused = F.normalize(space.sum(1), dim=-1)
        return FusionOutput(fused, space={m: space[:, i] for i, m in enumerate(self.modalities)})

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        assert output.space is not None
        space = torch.stack([output.space[m] for m in self.modalities])
        shown = torch.where(present, targets.content, torch.full_like(targets.content, -1)).T
        extra = contrastive(space, shown, self.temperature)
        return super().objective(losses, output, features, present, targets) + self.contrastive_weight * extra
