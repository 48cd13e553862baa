"""Shared space: every modality becomes a unit vector in one space where what means the same lies close together.

    u_m   = W_m norm(x_m) / |W_m norm(x_m)|          (B, D)
    fused = sum_{m present} u_m / |sum|              (B, D)
    z_k   = t_c cos(fused, c_k)                      (B, K), c_k one learned vector per class
    loss  = the task's + mean over ordered pairs (m, n) and samples i of
            -mean_{j: content_jn = content_im} log softmax_j( t u_im . u_jn )

As in CLIP a sample's vector in one modality is to find its partner in another one among all of the batch, in both directions; but
samples that say the same class are all its partners (so that there are no false negatives), and modalities that say nothing take no
part. What a modality says by itself counts, not the answer to the task: where image and sound say different digits, they meet those
of other samples that say the same. Limit: a mean of vectors adds what the modalities say; it cannot compute with it (a + b).

Reference: Radford 2021, Learning Transferable Visual Models From Natural Language Supervision (CLIP, arXiv 2103.00020); Khosla 2020,
Supervised Contrastive Learning (arXiv 2004.11362).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy
from fusion.types import Features, FusionOutput


class Temperature(nn.Module):
    """Multiplies cosines by a learned scale between 1 and 100 (the clamp of CLIP)."""

    def __init__(self, scale: float = 10.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, cosine: Tensor) -> Tensor:
        return cosine * self.log_scale.clamp(0, math.log(100)).exp()


class CosineHead(nn.Module):
    """Unit vectors (B, D) to logits (B, K): the cosine to one vector per class, times a temperature."""

    def __init__(self, dim: int, num_classes: int) -> None:
        super().__init__()
        self.classes = nn.Parameter(torch.randn(num_classes, dim))
        self.temperature = Temperature()

    def forward(self, fused: Tensor) -> Tensor:
        return self.temperature(fused @ F.normalize(self.classes, dim=-1).T)


def contrastive(space: Tensor, content: Tensor, temperature: nn.Module) -> Tensor:
    """Cross-entropy of finding those who say the same in another modality; 0 where nobody has a partner.

    Args:
        space: (M, B, D) unit vectors.
        content: (M, B) class that each says, -1 where it takes no part.
    """
    M, B, _ = space.shape
    flat = space.flatten(0, 1)
    scores = temperature(flat @ flat.T).view(M, B, M, B)
    usable = content >= 0
    same = (
        (content[:, :, None, None] == content)
        & usable[:, :, None, None]
        & ~torch.eye(M, dtype=torch.bool, device=content.device)[:, None, :, None]
    )
    # a large negative number and not -inf: a modality that nobody may be sought in would give NaN
    log_p = scores.masked_fill(~usable, -1e4).log_softmax(-1)  # (M, B, M, B)
    partners = same.sum(-1)  # (M, B, M)
    each = -(log_p * same).sum(-1) / partners.clamp_min(1)
    return each.sum() / (partners > 0).sum().clamp_min(1)


class SharedSpace(Strategy):
    """Projects every modality into one embedding space, where equal meanings lie close together, and compares by cosine."""

    title = "Shared space"
    formula = "z_k = t · cos(Σ_m u_m, c_k),  u_m = W_m x_m / |W_m x_m|"
    paper = "Radford et al. 2021 (CLIP)"
    fuses = "embeddings"

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int, share: float = 0.5) -> None:
        """`share` is how much the contrastive loss counts beside those of the task."""
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim, self.share = embed_dim, share
        self.project = PerModality(len(modalities), embed_dim, embed_dim, bias=False)
        self.temperature = Temperature()

    def build_head(self) -> nn.Module:
        return CosineHead(self.out_dim, self.num_classes)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        x = F.layer_norm(x, x.shape[-1:])
        space = F.normalize(self.project(x), dim=-1)  # (B, M, D), zero stays zero
        return FusionOutput(F.normalize(space.sum(1), dim=-1), space={m: space[:, i] for i, m in enumerate(self.modalities)})

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, content: Tensor
    ) -> Tensor:
        space = torch.stack([output.space[m] for m in self.modalities])
        said = torch.where(present, content, torch.full_like(content, -1)).T
        return super().objective(losses, output, features, present, content) + self.share * contrastive(space, said, self.temperature)
