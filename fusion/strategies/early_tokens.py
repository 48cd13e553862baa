"""Early fusion of tokens: all tokens of all modalities go into one transformer, with one more that gathers the answer.

    t_mi  = A_m LayerNorm(x_mi) + e_m            token i of modality m, told apart by a learned embedding e_m
    z     = Transformer([c, t_1, ..., t_S])      every token attends to every other one, its own modality included
    fused = B z_c                                what the gathering token c ends as

The single-stream model of VisualBERT. Tokens (B, S, dim) with S the sum over modalities; cost grows with S squared, and a modality
with many tokens can drown one with few. One softmax spans all modalities, so a map of an ordered pair of different modalities is its
block of the joint map, renormalised over the real tokens of the key modality: rows sum to 1, and how much one modality heeds another
as a whole is not in them.

Reference: Li 2019, VisualBERT: A Simple and Performant Baseline for Vision and Language (arXiv 1908.03557).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import Strategy
from fusion.strategies.tokens import Block, attend, read_tokens
from fusion.types import Features, FusionOutput


class EarlyTokens(Strategy):
    """Puts the tokens of all modalities in one line and lets every token look at every other one, its own kind included."""

    title = "Early fusion of tokens"
    formula = "fused = Transformer([c, t₁, …, t_S])_c"
    paper = "Li et al. 2019 (VisualBERT)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 64,
        num_heads: int = 4,
        depth: int = 2,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim, self.token_dim = embed_dim, dim
        self.inward = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim, bias=False)) for m in modalities})
        self.kind = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.gather = nn.Parameter(torch.randn(dim) * 0.02)
        self.blocks = nn.ModuleList([Block(dim, num_heads, dropout) for _ in range(depth)])
        self.norm, self.outward = nn.LayerNorm(dim), nn.Linear(dim, embed_dim)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, there = read_tokens(self.modalities, features, present)
        lengths = {m: x.shape[1] for m, x in tokens.items()}
        line = [self.inward[m](x) + self.kind[m] for m, x in tokens.items()]
        x = torch.cat([self.gather.expand(len(present), 1, -1), *line], 1)  # (B, 1 + S, dim)
        mask = torch.cat([torch.ones_like(present[:, :1]), *(masks[m] & there[m] for m in tokens)], 1)
        maps = []
        for block in self.blocks:
            if need_attention:
                maps.append(block_maps(*block.heads(x)[:2], lengths, masks))
            x = block(x, mask)
        x = self.norm(x)
        attention = {pair: torch.stack([layer[pair] for layer in maps], 1) for pair in maps[0]} if need_attention else {}
        parts = dict(zip(lengths, x[:, 1:].split([*lengths.values()], 1), strict=True))
        return FusionOutput(self.outward(x[:, 0]), attention=attention, tokens=parts)


def block_maps(q: Tensor, k: Tensor, lengths: dict[str, int], masks: dict[str, Tensor]) -> dict[tuple[str, str], Tensor]:
    """Blocks (B, H, Tq, Tk) of the joint map, renormalised over the key modality.

    Dividing a block by its row sums is the same as a softmax over that block alone, which cannot divide by zero.
    """
    queries, keys = (dict(zip(lengths, x[:, :, 1:].split([*lengths.values()], 2), strict=True)) for x in (q, k))
    pairs = [(one, other) for other in lengths for one in lengths if one != other]
    return {(one, other): attend(queries[one], keys[other], keys[other], masks[other], True)[1] for one, other in pairs}
