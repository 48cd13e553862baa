"""Feature-wise linear modulation: the other modalities scale and shift every channel of a modality's tokens.

    c_m  = mean over the other present modalities k of C_k x_k        (B, dim) what the others say, as one vector
    h    = ReLU(A z),  z' = h + ReLU((1 + gamma_m(c_m)) * norm(W h) + beta_m(c_m))        per block, token by token
    fused = mean over present m of V_m pool(z_m)                      (B, K)

Tokens (B, T_m, dim). gamma and beta are linear in c_m, without a bias: a modality that is alone is not modulated. In the paper one
modality, the question, modulates the convolutions of another, the picture; here every modality is modulated by all others. Its blocks
have a 3x3 convolution and batch statistics where these have a linear layer and statistics of one token, since tokens of sound and
text lie on no grid and one sample must not depend on the others of its batch. The modulation is the same at every place, so what
is asked for can be made to stand out, but nothing is told from where it came.

Reference: Perez 2018, FiLM: Visual Reasoning with a General Conditioning Layer (arXiv 1709.07871).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy
from fusion.strategies.tokens import AverageReadout, ChannelDropout, read_tokens, rows_to_compute
from fusion.types import Features, FusionOutput


class FiLM(Strategy):
    """Lets the other modalities scale and shift every channel of a modality's tokens."""

    title = "Feature-wise modulation"
    formula = "z′ = h + ReLU((1 + γ(c)) ⊙ norm(W h) + β(c))"
    paper = "Perez et al. 2018 (FiLM)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 48,
        depth: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = num_classes
        self.token_dim = dim
        self.in_proj = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim)) for m in modalities})
        self.condition = PerModality(len(modalities), embed_dim, dim)
        self.blocks = nn.ModuleList([nn.ModuleDict({m: FilmBlock(dim, dropout) for m in modalities}) for _ in range(depth)])
        self.readout = AverageReadout(self.modalities, dim, num_classes)

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def conditions(self, features: dict[str, Features], present: Tensor) -> Tensor:
        """(B, M, dim): what the others say, for each modality; zero where there are none."""
        x = self.embeddings(features, present)
        said: Tensor = self.condition(F.layer_norm(x, x.shape[-1:])) * present[..., None]
        if self.cut:
            return torch.zeros_like(said)
        others = (present.sum(1, keepdim=True) - present.long()).clamp_min(1)
        return (said.sum(1, keepdim=True) - said) / others[..., None]

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, is_present = read_tokens(self.modalities, features, present)
        conditions = self.conditions(features, present)
        for m in tokens:
            x = self.in_proj[m](tokens[m])
            condition = conditions[rows_to_compute(x, is_present[m]), self.modalities.index(m)]
            for block in self.blocks:
                assert isinstance(block, nn.ModuleDict)
                x = block[m](x, condition)
            tokens[m] = x
        return FusionOutput(self.readout(tokens, masks, is_present), tokens=tokens)


class FilmBlock(nn.Module):
    """One residual block whose channels a condition scales and shifts."""

    def __init__(self, dim: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(dim, dim)
        self.outer = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim, elementwise_affine=False)  # the modulation is its affine part
        self.modulate = nn.Linear(dim, 2 * dim, bias=False)
        self.dropout = ChannelDropout(dropout)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """x (b or 1, T, dim) and condition (b, dim) to (b, T, dim)."""
        gamma, beta = self.modulate(condition)[:, None].chunk(2, -1)  # (b, 1, dim)
        h: Tensor = F.relu(self.inner(x))
        modulated: Tensor = F.relu(torch.addcmul(beta, 1 + gamma, self.norm(self.outer(h))))
        after: Tensor = h + self.dropout(modulated)
        return after
