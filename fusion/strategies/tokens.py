"""What strategies over tokens share: reading them safely, attention, and one transformer block.

    attend(q, k, v) = softmax(q k^T / sqrt(d)) v               per head, over the real keys
    block(x): x + attend(norm(x)), then x + MLP(norm(x))       pre-norm

Reference: Vaswani 2017, Attention Is All You Need (arXiv 1706.03762); Xiong 2020, On Layer Normalization (arXiv 2002.04745).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.types import Features

FEW_KEYS = 32  # on a CPU, at batch 64, below about this many keys two plain products beat the fused kernel


def read_tokens(
    modalities: tuple[str, ...], features: dict[str, Features], present: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Tokens (b, T, D), zero where missing; masks (b, T) of real tokens; there (B, 1): of those in `features`, in declared order.

    A missing modality keeps all its keys, so that softmax is defined; who reads its answer drops it by `there`. b is B, or 1 where one
    sample is looked at in B subsets: what a modality is before it meets others is computed once, see `rows_with`.
    """
    names = [m for m in modalities if m in features]
    there = {m: present[:, modalities.index(m), None] for m in names}
    if any(len(features[m].tokens) < len(present) for m in names):
        return {m: features[m].tokens for m in names}, {m: features[m].mask for m in names}, there
    tokens = {m: features[m].tokens.masked_fill(~there[m][..., None], 0.0) for m in names}
    return tokens, {m: features[m].mask | ~there[m] for m in names}, there


def rows_with(there: Tensor, x: Tensor) -> Tensor | slice:
    """The rows in which a modality has to be computed, now that subsets part: all, but of one sample in B subsets those that have it."""
    return slice(None) if len(x) == len(there) else rows_of(there)


def put_back(x: Tensor, there: Tensor) -> Tensor:
    """What was computed for all rows, for one that stands for all, or for those that are there, in its place among all; else zero."""
    if len(x) in (1, len(there)):
        return x * there.view(-1, *[1] * (x.ndim - 1))
    return x.new_zeros(len(there), *x.shape[1:]).index_copy(0, rows_of(there), x)


def rows_of(there: Tensor) -> Tensor:
    """Which rows of there (B, 1) are True."""
    return there[:, 0].nonzero().squeeze(1)


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, need_map: bool) -> tuple[Tensor, Tensor | None]:
    """Scaled dot-product attention.

    Args:
        q: (B, H, Tq, d); k, v: (B, H, Tk, d); mask: (B, Tk) True where a key is real, at least one per row.
        need_map: also return the map (B, H, Tq, Tk).
    """
    if not need_map and k.shape[2] >= FEW_KEYS:
        return F.scaled_dot_product_attention(q, k, v, mask[:, None, None]), None
    # keys before queries: a softmax over a last dimension shorter than a vector register is many times slower
    scores = (k * k.shape[-1] ** -0.5) @ q.transpose(-2, -1)  # (B, H, Tk, Tq)
    scores += torch.where(mask, 0.0, float("-inf"))[:, None, :, None]
    weights = scores.softmax(-2)
    answer = (v.transpose(-2, -1) @ weights).transpose(-2, -1)
    return answer, weights.transpose(-2, -1) if need_map else None


def heads_of(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, D) to (B, H, T, d)."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def split_heads(x: Tensor, num_heads: int) -> tuple[Tensor, ...]:
    """Queries, keys and values side by side (B, T, 3D), apart and by head: (B, H, T, d) each."""
    return x.view(*x.shape[:2], 3, num_heads, -1).permute(2, 0, 3, 1, 4).unbind()


def join_heads(x: Tensor) -> Tensor:
    """(B, H, T, d) to (B, T, D)."""
    return x.transpose(1, 2).flatten(2)


def by_layer(maps: list[dict[tuple[str, str], Tensor]]) -> dict[tuple[str, str], Tensor]:
    """Maps (b, H, Tq, Tk) of each layer to (B, L, H, Tq, Tk); a layer that was computed once for all subsets counts for each."""
    if len(maps) == 1:
        return {pair: weights[:, None] for pair, weights in maps[0].items()}
    return {pair: torch.stack(torch.broadcast_tensors(*(layer[pair] for layer in maps)), 1) for pair in maps[0]} if maps else {}


class Readout(nn.ModuleDict):
    """[pool(z_1), p_1, ..., pool(z_M), p_M]: tokens to one vector (B, M (dim + 1)), a learned average per modality.

    p_m is 1 where modality m is there; where it is not, both are 0.
    """

    def __init__(self, modalities: tuple[str, ...], dim: int) -> None:
        super().__init__({m: nn.Linear(dim, 1, bias=False) for m in modalities})

    def forward(self, tokens: dict[str, Tensor], masks: dict[str, Tensor], there: dict[str, Tensor]) -> Tensor:
        """Tokens (b, T, dim), masks (b or 1, T) with at least one True per row, there (B, 1); a modality may be left out.

        b is B, or the number of rows in which the modality is there.
        """
        like, parts = next(iter(tokens.values())), []
        for m, score in self.items():
            if m not in tokens:
                parts.append(like.new_zeros(len(next(iter(there.values()))), like.shape[-1] + 1))
                continue
            share = score(tokens[m]).squeeze(-1).masked_fill(~masks[m], float("-inf")).softmax(-1)
            parts += [put_back(torch.bmm(share[:, None], tokens[m]).squeeze(1), there[m]), there[m].to(like.dtype)]
        return torch.cat(parts, -1)


class ChannelDropout(nn.Dropout):
    """Drops whole channels of a sample, the same for all its tokens: a coin per token and channel costs more than the layer around."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[-1]), self.p)


def think(dim: int, dropout: float) -> nn.Sequential:
    """The MLP of a transformer, token by token."""
    return nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), ChannelDropout(dropout), nn.Linear(2 * dim, dim))


class Block(nn.Module):
    """Self-attention, then MLP, each on a normalised copy that is added back."""

    def __init__(self, dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norms = nn.ModuleList([nn.LayerNorm(dim), nn.LayerNorm(dim)])
        self.project, self.merge, self.think = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim), think(dim, dropout)

    def heads(self, x: Tensor) -> tuple[Tensor, ...]:
        """Queries, keys and values (B, H, T, d)."""
        return split_heads(self.project(self.norms[0](x)), self.num_heads)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) True where a token is real."""
        return self.conclude(x, join_heads(attend(*self.heads(x), mask, False)[0]))

    def conclude(self, x: Tensor, heard: Tensor) -> Tensor:
        """Adds what was heard to x, and a thought to both; token by token."""
        x = x + self.merge(heard)
        return x + self.think(self.norms[1](x))
