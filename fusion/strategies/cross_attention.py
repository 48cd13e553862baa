"""Cross-attention: the tokens of every modality query the tokens of every other one.

    y_(q<-k) = softmax(Q_q K_k^T / sqrt(d)) V_k                 for each ordered pair of modalities, per head
    z_q      = LayerNorm(t_q + mean over present k of W_q y_(q<-k));  z_q = LayerNorm(z_q + MLP(z_q))
    fused    = MLP([mean over present q of pool(z_q), ...])

As in MulT every ordered pair (query, key) has attention of its own, but projections belong to a modality, not to a pair: M of them
instead of M(M-1). Rows sum to 1 over the real tokens of one key modality. A modality that is alone has nobody to ask and passes
through. Maps are built only where asked for; otherwise a fused kernel runs.

Reference: Tsai 2019, Multimodal Transformer for Unaligned Multimodal Language Sequences (arXiv 1906.00295).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import Strategy, perceptron
from fusion.types import Features, FusionOutput


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, need_map: bool) -> tuple[Tensor, Tensor | None]:
    """Scaled dot-product attention.

    Args:
        q: (B, H, Tq, d); k, v: (B, H, Tk, d); mask: (B, Tk) True where a key is real, at least one per row.
        need_map: build the map (B, H, Tq, Tk) explicitly.
    """
    if not need_map:
        return F.scaled_dot_product_attention(q, k, v, mask[:, None, None]), None
    scores = (q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5
    weights = scores.masked_fill(~mask[:, None, None], float("-inf")).softmax(-1)
    return weights @ v, weights


class CrossAttention(Strategy):
    """Lets every token of one modality ask all tokens of the others: which word belongs to which patch, sound and frame."""

    title = "Cross-attention"
    formula = "softmax(Q_q K_kᵀ / √d) V_k  for every pair of modalities"
    paper = "Tsai et al. 2019 (MulT)"
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
        self.num_heads, self.out_dim, self.token_dim = num_heads, embed_dim, dim
        self.inward = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim)) for m in modalities})
        self.layers = nn.ModuleList([CrossLayer(self.modalities, dim, num_heads, dropout) for _ in range(depth)])
        self.score = nn.ModuleDict({m: nn.Linear(dim, 1, bias=False) for m in modalities})
        self.mix = perceptron(len(modalities) * (dim + 1), embed_dim, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        names = [m for m in self.modalities if m in features]
        there = {m: present[:, self.modalities.index(m)] for m in names}
        clean = {m: torch.where(there[m][:, None, None], features[m].tokens, torch.zeros_like(features[m].tokens)) for m in names}
        # a missing modality keeps one key so that softmax is defined; its answer is dropped by `there`
        masks = {m: features[m].mask & there[m][:, None] for m in names}
        for m in names:
            masks[m][:, 0] |= ~there[m]
        tokens = {m: self.inward[m](clean[m]) for m in names}
        maps: list[dict[tuple[str, str], Tensor]] = []
        for layer in self.layers:
            tokens, weights = layer(tokens, masks, there, need_attention)
            maps.append(weights)
        pooled = []
        like = tokens[names[0]]
        for m in self.modalities:
            if m not in names:
                pooled.append(like.new_zeros(len(present), like.shape[-1] + 1))
                continue
            share = self.score[m](tokens[m]).squeeze(-1).masked_fill(~masks[m], float("-inf")).softmax(-1)
            vector = torch.einsum("bt,btd->bd", share, tokens[m]) * there[m][:, None]
            pooled.append(torch.cat([vector, there[m][:, None].to(vector.dtype)], -1))
        fused = self.mix(torch.cat(pooled, -1))
        attention = {pair: torch.stack([layer[pair] for layer in maps], 1) for pair in maps[0]} if need_attention else {}
        return FusionOutput(fused, attention=attention, tokens=tokens)


class CrossLayer(nn.Module):
    """One round of asking: every modality attends to every other one that is there, then thinks (MLP)."""

    def __init__(self, modalities: tuple[str, ...], dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.project = nn.ModuleDict({m: nn.Linear(dim, 3 * dim) for m in modalities})
        self.merge = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.think = nn.ModuleDict({m: perceptron(dim, 2 * dim, dim, dropout) for m in modalities})
        self.norms = nn.ModuleDict({m: nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)]) for m in modalities})

    def forward(
        self, tokens: dict[str, Tensor], masks: dict[str, Tensor], there: dict[str, Tensor], need_map: bool
    ) -> tuple[dict[str, Tensor], dict[tuple[str, str], Tensor]]:
        heads = {}
        for m, x in tokens.items():
            B, T, D = x.shape
            heads[m] = self.project[m](x).view(B, T, 3, self.num_heads, D // self.num_heads).permute(2, 0, 3, 1, 4)  # (3, B, H, T, d)
        out, maps = {}, {}
        for query, x in tokens.items():
            total, count = torch.zeros_like(x), torch.zeros(len(x), 1, 1, dtype=x.dtype, device=x.device)
            for key in tokens:
                if key == query:
                    continue
                answer, weights = attend(heads[query][0], heads[key][1], heads[key][2], masks[key], need_map)
                asked = there[key][:, None, None].to(x.dtype)
                total = total + answer.transpose(1, 2).flatten(2) * asked
                count = count + asked
                if weights is not None:
                    maps[query, key] = weights
            x = self.norms[query][0](x + self.merge[query](total / count.clamp_min(1)))
            out[query] = self.norms[query][1](x + self.think[query](x))
        return out, maps
