"""Perceiver: a few latent vectors read the tokens of all modalities, again and again.

    s_mi = A_m [LayerNorm(x_mi), fourier(i)] + e_m         token i of modality m with its position and a learned embedding e_m
    l    = l + Attention(norm(l), norm(s));  l = l + MLP(norm(l))        N latents query all S tokens of all modalities at once
    l    = Block(l)                                        self-attention among the latents; both again, with the same weights
    fused = mean over the latents

Latents (B, N, dim), the same learned start for every input. Nothing but the latents ever meets two modalities, and the answer comes
from them alone, so no readout can go round them. Cost grows with N S and not with S squared, whatever the modalities. Positions are
Fourier features of the place in the sequence of tokens, from -1 to 1 over the real ones: a picture's rows follow one another. Limit:
what no latent picks up is lost, and a latent is not a place, so a box can only be read from `fused`.

Reference: Jaegle 2021, Perceiver: General Perception with Iterative Attention (arXiv 2103.03206).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fusion.strategies.base import Strategy
from fusion.strategies.tokens import Block, attend, join_heads, read_tokens, split_heads, token_mlp
from fusion.types import Features, FusionOutput

BANDS = 4  # frequencies of the position, 1 to 2^(BANDS - 1) half periods


def fourier(mask: Tensor) -> Tensor:
    """Positions of tokens (b, T, 1 + 2 BANDS): the place itself in [-1, 1], and its sine and cosine at each frequency.

    Args:
        mask: (b, T) True where a token is real; what stands at the others means nothing.
    """
    rank = (mask.cumsum(1) - 1).float()
    place = 2 * rank / rank[:, -1:].clamp_min(1) - 1
    angles = place[..., None] * math.pi * 2.0 ** torch.arange(BANDS, device=mask.device) / 2
    return torch.cat([place[..., None], angles.sin(), angles.cos()], -1)


class Perceiver(Strategy):
    """Lets a few latent vectors read the tokens of all modalities again and again, and answers from these alone."""

    title = "Perceiver"
    formula = "l = l + softmax(Q_l K_tokensᵀ / √d) V_tokens,  fused = mean l"
    paper = "Jaegle et al. 2021 (Perceiver)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 48,
        num_heads: int = 2,
        depth: int = 2,
        num_latents: int = 8,
        dropout: float = 0.1,
    ) -> None:
        """`depth` is how often the tokens are read."""
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = dim
        self.num_heads = num_heads
        self.depth = depth
        self.norm_in = nn.ModuleDict({m: nn.LayerNorm(embed_dim) for m in modalities})
        self.in_proj = nn.ModuleDict({m: nn.Linear(embed_dim + 1 + 2 * BANDS, dim) for m in modalities})
        self.modality_embedding = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.latents = nn.Parameter(torch.randn(num_latents, dim) * 0.2)
        self.norm_latents = nn.LayerNorm(dim)
        self.norm_tokens = nn.LayerNorm(dim)
        self.norm_mlp = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out_proj = nn.Linear(dim, dim)
        self.mlp = token_mlp(dim, dropout)
        self.block = Block(dim, num_heads, dropout)
        self.norm = nn.LayerNorm(dim)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, is_present = read_tokens(self.modalities, features, present)
        keys, values, real = [], [], []
        for m, x in tokens.items():
            placed = torch.cat([self.norm_in[m](x), fourier(masks[m]).to(x.dtype)], -1)
            x = self.norm_tokens(self.in_proj[m](placed) + self.modality_embedding[m])
            k, v = self.key_value(x).chunk(2, -1)
            keys.append(split_heads(k, self.num_heads))  # (b, H, T, d)
            values.append(split_heads(v, self.num_heads))
            real.append(masks[m] & is_present[m])  # (B, T)
        if self.cut:  # latents of their own for each modality, which meet in the mean
            alone = [self.read(k, v, mask) for k, v, mask in zip(keys, values, real, strict=True)]
            there = torch.cat([*is_present.values()], 1).to(alone[0].dtype)  # (B, M')
            fused = torch.einsum("mbd,bm->bd", torch.stack(alone), there) / there.sum(1, keepdim=True)
        else:
            fused = self.read(torch.cat(keys, 2), torch.cat(values, 2), torch.cat(real, 1))
        return FusionOutput(fused)

    def read(self, keys: Tensor, values: Tensor, real: Tensor) -> Tensor:
        """The mean of the latents (B, dim) after they have read keys and values (b, H, S, d), of which real (B, S) count."""
        B = len(real)
        real = real | ~real.any(1, keepdim=True)  # softmax has to be defined; such rows are not used
        keys = keys.expand(B, -1, -1, -1)
        values = values.expand(B, -1, -1, -1)
        x = self.latents.expand(B, -1, -1)
        everyone = torch.ones(B, len(self.latents), dtype=torch.bool, device=real.device)
        for _ in range(self.depth):
            q = split_heads(self.query(self.norm_latents(x)), self.num_heads)
            attended, _ = attend(q, keys, values, real, need_map=False)
            x = x + self.out_proj(join_heads(attended))
            x = x + self.mlp(self.norm_mlp(x))
            x = self.block(x, everyone)
        mean: Tensor = self.norm(x).mean(1)
        return mean
