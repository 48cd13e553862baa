"""What strategies over tokens share: reading them safely, attention, and one transformer block.

    attend(q, k, v) = softmax(q k^T / sqrt(d)) v               per head, over the real keys
    block(x): x + attend(norm(x)), then x + MLP(norm(x))       pre-norm

One sample in B subsets of its modalities comes as tokens of batch 1 beside `present` of batch B. What a modality is before it meets
others is then computed once (batch 1), afterwards only in the rows where the modality is present (`rows_to_compute`), and put back
into the full batch by `scatter_rows`.

Reference: Vaswani 2017, Attention Is All You Need (arXiv 1706.03762); Xiong 2020, On Layer Normalization (arXiv 2002.04745).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.types import Features

FEW_KEYS = 32  # on a CPU, at batch 64, below about this many keys two plain products beat the fused kernel

Pair = tuple[str, str]  # (query modality, key modality)
ReadoutKind = Literal["concatenate", "average"]  # one MLP over all modalities' vectors, or the mean of each one's own logits


def read_tokens(
    modalities: tuple[str, ...], features: dict[str, Features], present: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]:
    """Tokens, masks and presence of each modality in `features`, in declared order.

    A missing modality keeps all its keys, so that softmax is defined; whoever reads the result drops it by `is_present`.

    Args:
        modalities: all modalities of the strategy.
        features: each of batch b, which is B, or 1 for one sample in B subsets.
        present: (B, M) bool.

    Returns:
        tokens (b, T, D), zero where the modality is missing; masks (b, T), True where a token is real; is_present (B, 1) bool.
    """
    names = [m for m in modalities if m in features]
    tokens = {m: features[m].tokens for m in names}
    masks = {m: features[m].mask for m in names}
    is_present = {m: present[:, modalities.index(m), None] for m in names}
    one_sample = any(len(x) < len(present) for x in tokens.values())
    if not one_sample:
        tokens = {m: x.masked_fill(~is_present[m][..., None], 0.0) for m, x in tokens.items()}
        masks = {m: mask | ~is_present[m] for m, mask in masks.items()}
    return tokens, masks, is_present


def rows_to_compute(x: Tensor, is_present: Tensor) -> Tensor | slice:
    """The rows of the full batch in which x (b, ...) has to be computed: all if b is B, else those where the modality is present.

    Args:
        is_present: (B, 1) bool.
    """
    if len(x) == len(is_present):
        return slice(None)
    return present_rows(is_present)


def scatter_rows(x: Tensor, is_present: Tensor) -> Tensor:
    """Scatters x back to the full batch (B, ...); rows where the modality is missing are zero.

    Args:
        x: (b, ...) for all rows (b = B), for one row that stands for all (b = 1), or for the rows where the modality is present.
        is_present: (B, 1) bool.
    """
    if len(x) in (1, len(is_present)):
        return x * is_present.view(-1, *[1] * (x.ndim - 1))
    return x.new_zeros(len(is_present), *x.shape[1:]).index_copy(0, present_rows(is_present), x)


def present_rows(is_present: Tensor) -> Tensor:
    """Indices of the rows of is_present (B, 1) that are True."""
    return is_present[:, 0].nonzero().squeeze(1)


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
    attended = (v.transpose(-2, -1) @ weights).transpose(-2, -1)
    return attended, weights.transpose(-2, -1) if need_map else None


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, D) to (B, H, T, d)."""
    B, T, _ = x.shape
    return x.view(B, T, num_heads, -1).transpose(1, 2)


def split_qkv(x: Tensor, num_heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values side by side (B, T, 3D) to (B, H, T, d) each."""
    B, T, _ = x.shape
    q, k, v = x.view(B, T, 3, num_heads, -1).permute(2, 0, 3, 1, 4).unbind()
    return q, k, v


def join_heads(x: Tensor) -> Tensor:
    """(B, H, T, d) to (B, T, D)."""
    return x.transpose(1, 2).flatten(2)


def stack_layers(maps: Sequence[Mapping[Pair, Tensor]]) -> dict[Pair, Tensor]:
    """Maps (b, H, Tq, Tk) of each layer to (B, L, H, Tq, Tk); a layer of batch 1, computed once for all subsets, counts for each."""
    if not maps:
        return {}
    if len(maps) == 1:
        return {pair: weights[:, None] for pair, weights in maps[0].items()}  # without a copy
    batch = {pair: max(len(layer[pair]) for layer in maps) for pair in maps[0]}
    return {pair: torch.stack([layer[pair].expand(B, -1, -1, -1) for layer in maps], 1) for pair, B in batch.items()}


def pool(score: nn.Module, tokens: Tensor, mask: Tensor) -> Tensor:
    """Tokens (b, T, dim) to one vector (b, dim), their average weighted by the softmax of a learned score of each.

    Args:
        mask: (b or 1, T), at least one True per row.
    """
    weights = score(tokens).squeeze(-1).masked_fill(~mask, float("-inf")).softmax(-1)  # (b, T)
    return torch.bmm(weights[:, None], tokens).squeeze(1)


class Readout(nn.ModuleDict):
    """[pool(z_1), p_1, ..., pool(z_M), p_M]: tokens to one vector (B, M (dim + 1)), a learned average per modality.

    p_m is 1 where modality m is present; where it is not, both are 0.
    """

    def __init__(self, modalities: tuple[str, ...], dim: int) -> None:
        super().__init__({m: nn.Linear(dim, 1, bias=False) for m in modalities})
        self.dim = dim

    def forward(self, tokens: dict[str, Tensor], masks: dict[str, Tensor], is_present: dict[str, Tensor]) -> Tensor:
        """Tokens (b, T, dim), masks (b or 1, T) with at least one True per row, is_present (B, 1); a modality may be left out.

        b is B, or the number of rows in which the modality is present.
        """
        B = len(next(iter(is_present.values())))
        like = next(iter(tokens.values()))
        parts = []
        for m, score in self.items():
            if m in tokens:
                parts.append(scatter_rows(pool(score, tokens[m], masks[m]), is_present[m]))
                parts.append(is_present[m].to(like.dtype))
            else:
                parts.append(like.new_zeros(B, self.dim + 1))
        return torch.cat(parts, -1)


class AverageReadout(nn.Module):
    """Mean over the present modalities of W_m pool(z_m): tokens to logits (B, K), with a learned average per modality.

    Each modality answers for itself and the answers are added up, so nothing here computes with what several modalities say: where an
    answer needs more than one of them, their tokens must have met before.
    """

    def __init__(self, modalities: tuple[str, ...], dim: int, num_classes: int) -> None:
        super().__init__()
        self.score = nn.ModuleDict({m: nn.Linear(dim, 1, bias=False) for m in modalities})
        self.classify = Classifiers(modalities, dim, num_classes)

    def forward(self, tokens: dict[str, Tensor], masks: dict[str, Tensor], is_present: dict[str, Tensor]) -> Tensor:
        """Arguments as for `Readout`."""
        pooled = {m: pool(self.score[m], x, masks[m]) for m, x in tokens.items()}
        answer: Tensor = self.classify(pooled, is_present)
        return answer


class Classifiers(nn.ModuleDict):
    """Mean over the present modalities of W_m v_m: a vector of each to logits (B, K)."""

    def __init__(self, modalities: tuple[str, ...], dim: int, num_classes: int) -> None:
        super().__init__({m: nn.Linear(dim, num_classes) for m in modalities})

    def forward(self, vectors: dict[str, Tensor], is_present: dict[str, Tensor]) -> Tensor:
        """Vectors (b, dim), b as for `scatter_rows`; is_present (B, 1)."""
        answers = [scatter_rows(self[m](v), is_present[m]) for m, v in vectors.items()]
        count = sum(is_present[m].float() for m in vectors)
        total: Tensor = torch.stack(answers).sum(0) / count
        return total


class ChannelDropout(nn.Dropout):
    """Drops whole channels of a sample, the same for all its tokens: a coin per token and channel costs more than the layer around."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * F.dropout(x.new_ones(len(x), 1, x.shape[-1]), self.p)


def token_mlp(dim: int, dropout: float) -> nn.Sequential:
    """The MLP of a transformer block, token by token."""
    return nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), ChannelDropout(dropout), nn.Linear(2 * dim, dim))


class Block(nn.Module):
    """Pre-norm transformer block: self-attention, then MLP, each added back to its input."""

    def __init__(self, dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out_proj = nn.Linear(dim, dim)
        self.mlp = token_mlp(dim, dropout)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, T, d) of x (B, T, D)."""
        return split_qkv(self.qkv(self.norm1(x)), self.num_heads)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x (B, T, D), mask (B, T) True where a token is real."""
        q, k, v = self.heads(x)
        attended, _ = attend(q, k, v, mask, need_map=False)
        return self.residual(x, join_heads(attended))

    def residual(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows attention, token by token: both residual connections and the MLP."""
        x = x + self.out_proj(attended)
        x = x + self.mlp(self.norm2(x))
        return x
