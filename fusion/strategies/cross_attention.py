"""Co-attention: the tokens of every modality query the tokens of every other one.

    y_(q<-k) = softmax(Q_q K_k^T / sqrt(d)) V_k                 for each ordered pair of modalities, per head
    z_q      = LayerNorm(t_q + mean over present k of W_q y_(q<-k));  z_q = LayerNorm(z_q + MLP(z_q))
    fused    = mean over present m of V_m pool(z_m)            readout "average", (B, K)
               MLP([pool(z_1), p_1, ..., pool(z_M), p_M])      readout "concatenate", p_m = 1 where modality m is present, else 0

A co-attentional layer as in ViLBERT, for any number of modalities: queries of one, keys and values of another. Projections belong to a
modality, not to a pair, and there is no self-attention within a modality. Rows sum to 1 over the real tokens of one key modality. A
modality that is alone attends to nothing and passes through. All queries to one key modality are one product, so a layer makes M of
them; maps are kept only where asked for. For a transformer of its own for each ordered pair see `mult`.

The MLP of "concatenate" can combine the modalities by itself, whatever attention does; "average" leaves that to attention. New
trainings average; weights without this option were trained with "concatenate".

Reference: Lu 2019, ViLBERT: Pretraining Task-Agnostic Visiolinguistic Representations (arXiv 1908.02265), section 3.1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.messages import Message
from fusion.strategies.base import READS_PAST, Strategy, mlp
from fusion.strategies.tokens import (
    AverageReadout,
    Pair,
    Readout,
    ReadoutKind,
    attend,
    join_heads,
    read_tokens,
    rows_to_compute,
    scatter_rows,
    split_heads,
    stack_layers,
    token_mlp,
)
from fusion.types import Features, FusionOutput


class CrossAttention(Strategy):
    """Lets the tokens of each modality attend to those of every other: words to patches, moments and frames."""

    title = "Cross-attention"
    formula = "softmax(Q_q K_kᵀ / √d) V_k  for every pair of modalities"
    paper = "Lu et al. 2019 (ViLBERT)"
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
        readout: ReadoutKind = "concatenate",
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.averages = readout == "average"
        self.out_dim = num_classes if self.averages else embed_dim
        self.token_dim = dim
        self.num_heads = num_heads
        self.in_proj = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim)) for m in modalities})
        self.layers = nn.ModuleList([CrossLayer(self.modalities, dim, num_heads, dropout) for _ in range(depth)])
        if self.averages:
            self.readout = AverageReadout(self.modalities, dim, num_classes)
        else:
            self.score = Readout(self.modalities, dim)
            self.mix = mlp(len(modalities) * (dim + 1), embed_dim, embed_dim, dropout)

    @classmethod
    def options_for(cls, questions: dict[str, int], places: bool, kinds: dict[str, str]) -> dict[str, object]:
        return {"readout": "average"}

    @property
    def differs(self) -> Message | None:
        return None if self.averages else READS_PAST

    def build_head(self) -> nn.Module:
        return nn.Identity() if self.averages else super().build_head()

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, is_present = read_tokens(self.modalities, features, present)
        tokens = {m: self.in_proj[m](x) for m, x in tokens.items()}
        # a present modality takes the mean over the others that are present: each counts 1 / (their number), a missing one nothing
        others = (present.sum(1, keepdim=True) - 1).clamp_min(1)  # (B, 1)
        key_weights = {m: (x / others)[..., None, None] * (not self.cut) for m, x in is_present.items()}  # (B, 1, 1, 1)
        maps: list[dict[Pair, Tensor]] = []
        for i, layer in enumerate(self.layers):
            if i > 0:
                tokens = {m: scatter_rows(x, is_present[m]) for m, x in tokens.items()}
            tokens, layer_maps = layer(tokens, masks, is_present, key_weights, need_attention)
            maps.append(layer_maps)
        fused = self.readout(tokens, masks, is_present) if self.averages else self.mix(self.score(tokens, masks, is_present))
        return FusionOutput(fused, attention=stack_layers(maps) if need_attention else {}, tokens=tokens)


class CrossLayer(nn.Module):
    """One layer: every modality attends to every other one that is present, then an MLP; post-norm."""

    def __init__(self, modalities: tuple[str, ...], dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.ModuleDict({m: nn.Linear(dim, 3 * dim) for m in modalities})
        self.out_proj = nn.ModuleDict({m: nn.Linear(dim, dim) for m in modalities})
        self.mlp = nn.ModuleDict({m: token_mlp(dim, dropout) for m in modalities})
        self.norm1 = nn.ModuleDict({m: nn.LayerNorm(dim) for m in modalities})
        self.norm2 = nn.ModuleDict({m: nn.LayerNorm(dim) for m in modalities})

    def forward(
        self,
        tokens: dict[str, Tensor],
        masks: dict[str, Tensor],
        is_present: dict[str, Tensor],
        key_weights: dict[str, Tensor],
        need_maps: bool,
    ) -> tuple[dict[str, Tensor], dict[Pair, Tensor]]:
        """Tokens after the layer, and its maps {(query, key): (b, H, Tq, Tk)} where asked for.

        Args:
            tokens, masks: per modality (b, T, D) and (b, T); b is B, or 1 for one sample in B subsets.
            is_present: (B, 1) bool per modality.
            key_weights: (B, 1, 1, 1) per key modality, its weight in the mean over what a query attended to.
        """
        attended, maps = self.attend_to_others(tokens, masks, need_maps)
        out = {}
        for m, x in tokens.items():
            rows = rows_to_compute(x, is_present[m])
            total = torch.zeros_like(x)
            if attended[m]:
                weighted = [key_weights[key][rows] * part for key, part in attended[m].items()]
                total = join_heads(sum(weighted[1:], weighted[0]))
            x = self.norm1[m](x + self.out_proj[m](total))
            out[m] = self.norm2[m](x + self.mlp[m](x))
        return out, maps

    def attend_to_others(
        self, tokens: dict[str, Tensor], masks: dict[str, Tensor], need_maps: bool
    ) -> tuple[dict[str, dict[str, Tensor]], dict[Pair, Tensor]]:
        """{query: {key: (b, H, Tq, d)}} for each ordered pair of different modalities, and the maps of the pairs.

        The queries of all other modalities to one key modality are one product. For that the queries of all modalities stand in one
        sequence, twice over: those of all others are then the slice that begins after the key modality's own.
        """
        names = [*tokens]
        lengths = [x.shape[1] for x in tokens.values()]
        qkv = torch.cat([self.qkv[m](x) for m, x in tokens.items()], 1)  # (b, S, 3D)
        q, k, v = qkv.chunk(3, -1)
        queries = split_heads(torch.cat([q, q], 1), self.num_heads)  # (b, H, 2S, d)
        keys = torch.split(split_heads(k, self.num_heads), lengths, 2)
        values = torch.split(split_heads(v, self.num_heads), lengths, 2)

        attended: dict[str, dict[str, Tensor]] = {m: {} for m in names}
        maps: dict[Pair, Tensor] = {}
        if len(names) == 1:
            return attended, maps
        start = 0
        for i, key in enumerate(names):
            start += lengths[i]
            others = names[i + 1 :] + names[:i]
            other_lengths = lengths[i + 1 :] + lengths[:i]
            asking = queries[:, :, start : start + sum(other_lengths)]
            answer, weights = attend(asking, keys[i], values[i], masks[key], need_maps)
            for query, part in zip(others, torch.split(answer, other_lengths, 2), strict=True):
                attended[query][key] = part
            if weights is not None:
                for query, part in zip(others, torch.split(weights, other_lengths, 2), strict=True):
                    maps[query, key] = part
        return attended, maps
