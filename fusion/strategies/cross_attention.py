"""Cross-attention: the tokens of every modality query the tokens of every other one.

    y_(q<-k) = softmax(Q_q K_k^T / sqrt(d)) V_k                 for each ordered pair of modalities, per head
    z_q      = LayerNorm(t_q + mean over present k of W_q y_(q<-k));  z_q = LayerNorm(z_q + MLP(z_q))
    fused    = MLP([pool(z_1), p_1, ..., pool(z_M), p_M])      p_m = 1 where modality m is there, else 0

As in MulT every ordered pair (query, key) has attention of its own, but projections belong to a modality, not to a pair: M of them
instead of M(M-1). Rows sum to 1 over the real tokens of one key modality. A modality that is alone has nobody to ask and passes
through. All modalities ask one key modality in the same product, so a layer makes M of them; maps are kept only where asked for.

Reference: Tsai 2019, Multimodal Transformer for Unaligned Multimodal Language Sequences (arXiv 1906.00295).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import Strategy, perceptron
from fusion.strategies.tokens import Readout, attend, by_layer, heads_of, join_heads, put_back, read_tokens, rows_with, think
from fusion.types import Features, FusionOutput


class CrossAttention(Strategy):
    """Lets the tokens of each modality attend to those of every other: words to patches, moments and frames."""

    title = "Cross-attention"
    formula = "softmax(Q_q K_kᵀ / √d) V_k  for every pair of modalities"
    paper = "Tsai et al. 2019 (MulT)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 48,
        num_heads: int = 2,
        depth: int = 1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.num_heads, self.out_dim, self.token_dim = num_heads, embed_dim, dim
        self.inward = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim)) for m in modalities})
        self.layers = nn.ModuleList([CrossLayer(self.modalities, dim, num_heads, dropout) for _ in range(depth)])
        self.score = Readout(self.modalities, dim)
        self.mix = perceptron(len(modalities) * (dim + 1), embed_dim, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, there = read_tokens(self.modalities, features, present)
        tokens = {m: self.inward[m](x) for m, x in tokens.items()}
        # what a present modality hears is the mean over the others that are there: each answer counts 1 / (their number)
        share = {m: (x / (present.sum(1, keepdim=True) - 1).clamp_min(1))[..., None, None] for m, x in there.items()}  # (B, 1, 1, 1)
        maps: list[dict[tuple[str, str], Tensor]] = []
        for layer in self.layers:
            tokens, weights = layer(tokens, masks, there, share, need_attention)
            maps.append(weights)
            if layer is not self.layers[-1]:
                tokens = {m: put_back(x, there[m]) for m, x in tokens.items()}
        fused = self.mix(self.score(tokens, masks, there))
        return FusionOutput(fused, attention=by_layer(maps) if need_attention else {}, tokens=tokens)


class CrossLayer(nn.Module):
    """One round of asking: every modality attends to every other one that is there, then thinks (MLP)."""

    def __init__(self, modalities: tuple[str, ...], dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.project = nn.ModuleDict({m: nn.Linear(dim, 3 * dim) for m in modalities})
        self.merge = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.think = nn.ModuleDict({m: think(dim, dropout) for m in modalities})
        self.norms = nn.ModuleDict({m: nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)]) for m in modalities})

    def forward(
        self,
        tokens: dict[str, Tensor],
        masks: dict[str, Tensor],
        there: dict[str, Tensor],
        share: dict[str, Tensor],
        need_map: bool,
    ) -> tuple[dict[str, Tensor], dict[tuple[str, str], Tensor]]:
        """Per modality tokens (b, T, D) and masks (b, T), b being B or 1; there (B, 1); share (B, 1, 1, 1) in what the others hear."""
        names, lengths = [*tokens], [x.shape[1] for x in tokens.values()]
        line = torch.cat([self.project[m](x) for m, x in tokens.items()], 1)  # (b, S, 3D)
        q, k, v = line.chunk(3, -1)
        # the line twice over, so that whoever asks one modality stands in a row behind it
        queries = heads_of(torch.cat([q, q], 1), self.num_heads)
        keys, values = heads_of(k, self.num_heads).split(lengths, 2), heads_of(v, self.num_heads).split(lengths, 2)
        heard: dict[str, list[tuple[str, Tensor]]] = {m: [] for m in names}
        maps, end = {}, 0
        for i, key in enumerate(names if len(names) > 1 else ()):
            end += lengths[i]
            others, asking = names[i + 1 :] + names[:i], lengths[i + 1 :] + lengths[:i]
            answer, weights = attend(queries[:, :, end : end + sum(asking)], keys[i], values[i], masks[key], need_map)
            for m, part in zip(others, answer.split(asking, 2), strict=True):
                heard[m].append((key, part))
            if weights is not None:
                maps |= {(m, key): part for m, part in zip(others, weights.split(asking, 2), strict=True)}
        out = {}
        for m, x in tokens.items():
            rows = rows_with(there[m], x)
            total = [share[key][rows] * answer for key, answer in heard[m]]
            x = self.norms[m][0](x + self.merge[m](join_heads(sum(total[1:], total[0])) if total else torch.zeros_like(x)))
            out[m] = self.norms[m][1](x + self.think[m](x))
        return out, maps
