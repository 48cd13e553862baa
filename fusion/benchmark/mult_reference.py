"""MulT as in its paper, from torch's own modules and without any optimisation: what `bench --reference` times.

    z_(q<-k) = a transformer whose queries are the tokens of q, whose keys and values are those of k; one for each ordered pair
    fused    = W [last token of transformer_q([z_(q<-k) for all k]) for all q]

It is no strategy and is never trained. The authors' code and the copies in MultiBench and MMSA use an attention of their own that also
returns its maps, so they are slower than this.

Reference: Tsai 2019, Multimodal Transformer for Unaligned Multimodal Language Sequences (arXiv 1906.00295).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.types import Features


class PlainMulT(nn.Module):
    """Features of all modalities to (B, embed_dim). Width, heads and layers are the defaults of the authors' code, memory 3 layers."""

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, dim: int = 40, num_heads: int = 8, depth: int = 4) -> None:
        super().__init__()
        wide = dim * (len(modalities) - 1)
        self.in_proj = nn.ModuleDict({m: nn.Linear(embed_dim, dim) for m in modalities})
        self.pairs = nn.ModuleDict(
            {
                f"{q} {k}": nn.ModuleList([PlainBlock(dim, num_heads) for _ in range(depth)])
                for q in modalities
                for k in modalities
                if q != k
            }
        )
        self.memory = nn.ModuleDict({m: nn.ModuleList([PlainBlock(wide, num_heads) for _ in range(3)]) for m in modalities})
        self.out_proj = nn.Linear(wide * len(modalities), embed_dim)

    def forward(self, features: dict[str, Features]) -> Tensor:
        tokens = {m: layer(features[m].tokens) for m, layer in self.in_proj.items()}
        last = []
        for q, memory in self.memory.items():
            parts = []
            for k in [m for m in tokens if m != q]:
                x = tokens[q]
                pair = self.pairs[f"{q} {k}"]
                assert isinstance(pair, nn.ModuleList)
                for block in pair:
                    x = block(x, tokens[k])
                parts.append(x)
            x = torch.cat(parts, -1)
            assert isinstance(memory, nn.ModuleList)
            for block in memory:
                x = block(x, x)
            last.append(x[:, -1])
        out: Tensor = self.out_proj(torch.cat(last, -1))
        return out


class PlainBlock(nn.Module):
    """Pre-norm block: attention of x to y, then an MLP, each added back to its input."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(dim) for _ in range(2)])
        self.attention = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.ReLU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        y = self.norms[0](y)
        x = x + self.attention(self.norms[0](x), y, y, need_weights=False)[0]
        x = x + self.mlp(self.norms[1](x))
        return x
