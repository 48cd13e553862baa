"""Gated cross-attention: tokens attend to those of all other modalities through a gate that is closed when training begins.

    y_m  = softmax(Q_m norm(z_m) [K_k t_k, ...]^T / sqrt(d)) [V_k t_k, ...]        one softmax over the tokens of all others, per head
    z_m  = z_m + tanh(a) O y_m,  z_m = z_m + tanh(b) MLP(norm(z_m))                a, b learned numbers per layer and modality
    z_m  = Block_m(z_m)                                                            self-attention within the modality
    fused = mean over present m of W_m pool(z_m)                                   (B, K)

t are the tokens before fusion, the same in every layer. At a = b = 0 each modality is read alone; training opens the gates as far as the
others help. A modality that is alone attends to nothing. In Flamingo a frozen language model attends to pictures this way, and the
closed gate keeps what it knew; here every modality attends to all others, is trained with the rest, and its tokens
are not condensed by a resampler first. A map of two modalities is its part of the joint softmax, renormalised: rows sum to 1.

Reference: Alayrac 2022, Flamingo: a Visual Language Model for Few-Shot Learning (arXiv 2204.14198), section 2.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import Strategy
from fusion.strategies.tokens import (
    AverageReadout,
    Block,
    Pair,
    attend,
    join_heads,
    read_tokens,
    rows_to_compute,
    split_heads,
    stack_layers,
    token_mlp,
)
from fusion.types import Features, FusionOutput


class GatedCrossAttention(Strategy):
    """Lets each modality's tokens attend to all others through a gate that training opens as far as it helps."""

    title = "Gated cross-attention"
    formula = "z = z + tanh(a) · softmax(Q K_othersᵀ / √d) V_others"
    paper = "Alayrac et al. 2022 (Flamingo)"
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
        gate: float = 0.0,
    ) -> None:
        """`gate` is what the gates start with, before tanh."""
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = num_classes
        self.token_dim = dim
        self.in_proj = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim)) for m in modalities})
        self.layers = nn.ModuleList(
            [nn.ModuleDict({m: GatedLayer(dim, num_heads, dropout, gate) for m in modalities}) for _ in range(depth)]
        )
        self.readout = AverageReadout(self.modalities, dim, num_classes)

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, is_present = read_tokens(self.modalities, features, present)
        source = {m: self.in_proj[m](x) for m, x in tokens.items()}  # (b, T, dim)
        maps: list[dict[Pair, Tensor]] = [{} for _ in self.layers]
        found = {}
        for m, x in source.items():
            rows = rows_to_compute(x, is_present[m])
            others = [k for k in source if k != m]
            count = len(present) if isinstance(rows, slice) else len(rows)
            keys = {k: source[k].expand(count, -1, -1) for k in others}
            usable = {
                k: (masks[k] & is_present[k])[rows] if not self.cut else torch.zeros_like(masks[k][:1]).expand(count, -1) for k in others
            }
            x = x.expand(count, -1, -1)
            for i, layer in enumerate(self.layers):
                assert isinstance(layer, nn.ModuleDict)
                x, weights = layer[m](x, masks[m], keys, usable, need_attention)
                maps[i] |= {(m, k): w for k, w in weights.items()}
            found[m] = x
        fused = self.readout(found, masks, is_present)
        return FusionOutput(fused, attention=stack_layers(maps) if need_attention else {}, tokens=found)


class GatedLayer(nn.Module):
    """Gated attention to the others, a gated MLP, then a transformer block within the modality."""

    def __init__(self, dim: int, num_heads: int, dropout: float, gate: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.query = nn.Linear(dim, dim)
        self.key_value = nn.Linear(dim, 2 * dim)
        self.out_proj = nn.Linear(dim, dim)
        self.mlp = token_mlp(dim, dropout)
        self.attention_gate = nn.Parameter(torch.tensor(gate))
        self.mlp_gate = nn.Parameter(torch.tensor(gate))
        self.block = Block(dim, num_heads, dropout)

    def forward(
        self, x: Tensor, mask: Tensor, keys: dict[str, Tensor], usable: dict[str, Tensor], need_maps: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """x (b, T, dim) after the layer, and its maps {modality: (b, H, T, Tk)} where asked for.

        Args:
            mask: (b or 1, T) real tokens of this modality.
            keys, usable: {other modality: tokens (b, Tk, dim)}, and which of them count (b, Tk).
        """
        maps: dict[str, Tensor] = {}
        if keys:
            attended, maps = self.attend_to(x, keys, usable, need_maps)
            x = x + self.attention_gate.tanh() * self.out_proj(attended) * some(usable)
        x = x + self.mlp_gate.tanh() * self.mlp(self.norm2(x))
        return self.block(x, mask.expand(len(x), -1)), maps

    def attend_to(self, x: Tensor, keys: dict[str, Tensor], usable: dict[str, Tensor], need_maps: bool) -> tuple[Tensor, dict[str, Tensor]]:
        """What x attends to (b, T, dim); where nothing is usable the result means nothing."""
        real = torch.cat([*usable.values()], 1)
        real = real | ~real.any(1, keepdim=True)  # softmax has to be defined
        k, v = self.key_value(torch.cat([*keys.values()], 1)).chunk(2, -1)
        q, k, v = (split_heads(part, self.num_heads) for part in (self.query(self.norm1(x)), k, v))
        attended, weights = attend(q, k, v, real, need_maps)
        maps = {}
        if weights is not None:
            parts = torch.split(weights, [tokens.shape[1] for tokens in keys.values()], -1)
            maps = {m: part / part.sum(-1, keepdim=True).clamp_min(1e-12) for m, part in zip(keys, parts, strict=True)}
        return join_heads(attended), maps


def some(usable: dict[str, Tensor]) -> Tensor:
    """(b, 1, 1): 1 where at least one token counts, else 0."""
    return torch.cat([*usable.values()], 1).any(1).float()[:, None, None]
