"""What stands in the place of a missing modality: nothing, a learned vector, or what the others lead one to expect.

    zero          x_m = 0
    learned       x_m = v_m, one vector per modality, the same for every sample
    reconstruct   x_m = mean over present k of R_km x_k + r_m, trained to come near the embedding that was dropped

Modality dropout hides embeddings that are known, so their reconstruction has a target in training: loss = mean square error over what
was hidden. A flag beside x_m still says that it is missing.

Reference: Ma 2021, SMIL: Multimodal Learning with Severely Missing Modality (arXiv 2103.05677; reconstruction); Lee 2023, Multimodal
Prompting with Missing Modalities (arXiv 2303.03369; learned vectors).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from fusion.types import Features

Policy = Literal["zero", "learned", "reconstruct"]
POLICIES: tuple[Policy, ...] = ("zero", "learned", "reconstruct")


class Missing(nn.Module):
    """Fills the places of missing modalities in embeddings (B, M, D)."""

    def __init__(self, policy: Policy, count: int, embed_dim: int) -> None:
        super().__init__()
        self.policy = policy
        if policy == "learned":
            self.vectors = nn.Parameter(torch.randn(count, embed_dim) * 0.02)
        if policy == "reconstruct":
            bound = embed_dim**-0.5
            self.weight = nn.Parameter(torch.empty(count, count, embed_dim, embed_dim).uniform_(-bound, bound))  # from k to m
            self.bias = nn.Parameter(torch.zeros(count, embed_dim))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """x (B, M, D), zero where present (B, M) is False, with these places filled."""
        if self.policy == "learned":
            return torch.where(present[..., None], x, self.vectors)
        if self.policy == "reconstruct":
            return torch.where(present[..., None], x, self.reconstruct(x, present))
        return x

    def reconstruct(self, x: Tensor, present: Tensor) -> Tensor:
        """What the present modalities lead one to expect of every modality, (B, M, D)."""
        total = torch.einsum("bkd,kmde->bme", x, self.weight)
        expected: Tensor = total / present.sum(1)[:, None, None] + self.bias
        return expected

    def losses(self, x: Tensor, features: dict[str, Features], modalities: tuple[str, ...], present: Tensor) -> list[Tensor]:
        """[mean square error of what was hidden and is known], or nothing where the policy learns nothing of the kind.

        Args:
            x: (B, M, D) what `forward` was given.
            features: those of dropped modalities included.
        """
        if self.policy != "reconstruct":
            return []
        expected = self.reconstruct(x, present)
        errors = [
            (expected[:, i] - features[m].pooled).square().mean(-1)[~present[:, i]] for i, m in enumerate(modalities) if m in features
        ]
        hidden = torch.cat(errors)
        return [hidden.sum() / max(1, len(hidden))]
