"""Multimodal transformer (MulT): a transformer for every ordered pair of modalities, then one for each modality.

    u_m     = Conv1d(x_m) sqrt(d) + sinusoid(i)                        temporal convolution of width 3, then positions
    z_(q<-k) = u_q;  L times:
              z = z + CrossAttention(norm(z), norm(u_k));  z = z + MLP(norm(z))       keys are the low-level tokens u_k in every layer
    z_q     = Transformer_q([z_(q<-k) for all k])                      self-attention over (M - 1) d channels
    h       = [last token of z_q for all q]
    fused   = h + W_2 ReLU(W_1 h)                                      (B, M (M - 1) d), read by a linear head

Built as published, with the projections, norms and MLP of each pair its own: M (M - 1) transformers of L layers. A missing key modality
adds nothing to z, a missing query modality is zero in h; the paper has neither. The pairs of a query run as one batched product, and of
one sample in many subsets only two kinds of each pair are computed: with its key modality and without.

Reference: Tsai 2019, Multimodal Transformer for Unaligned Multimodal Language Sequences (arXiv 1906.00295).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy
from fusion.strategies.tokens import Block, ChannelDropout, Pair, read_tokens, rows_to_compute, scatter_rows, stack_layers
from fusion.types import Features, FusionOutput


class MulT(Strategy):
    """Gives every ordered pair of modalities a transformer of its own, then each modality one over what these found."""

    title = "Multimodal transformer"
    formula = "z_(q←k) = Transformer(u_q → u_k),  z_q = Transformer([z_(q←k)]),  fused = [last z_q]"
    paper = "Tsai et al. 2019 (MulT)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 24,
        num_heads: int = 3,
        depth: int = 3,
        memory_depth: int = 2,
        dropout: float = 0.1,
    ) -> None:
        """`dim`, `num_heads` and `depth` are those of each pair; the self-attention of a modality is (M - 1) times as wide."""
        super().__init__(modalities, embed_dim, num_classes)
        M = len(modalities)
        wide = dim * max(M - 1, 1)
        self.dim = dim
        self.token_dim = wide
        self.out_dim = M * wide
        self.pairs = tuple((q, k) for q in self.modalities for k in self.modalities if q != k)
        self.convolutions = nn.ModuleDict({m: nn.Conv1d(embed_dim, dim, 3, padding=1, bias=False) for m in modalities})
        self.layers = nn.ModuleList([PairLayer(len(self.pairs), dim, num_heads, dropout) for _ in range(depth if self.pairs else 0)])
        self.memory = nn.ModuleDict({m: nn.ModuleList([Block(wide, num_heads, dropout) for _ in range(memory_depth)]) for m in modalities})
        self.norms = nn.ModuleDict({m: nn.LayerNorm(wide) for m in modalities})
        self.inner = nn.Linear(self.out_dim, self.out_dim)
        self.outer = nn.Linear(self.out_dim, self.out_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, is_present = read_tokens(self.modalities, features, present)
        low = {m: self.low_level(m, x, masks[m]) for m, x in tokens.items()}
        crossed, maps = self.cross(low, masks, is_present, need_attention)
        found, last = {}, []
        for m in self.modalities:
            if m not in low:
                last.append(present.new_zeros(len(present), self.token_dim, dtype=torch.float32))
                continue
            rows = rows_to_compute(low[m], is_present[m])
            x = crossed[m][rows] if len(crossed[m]) == len(present) else crossed[m]
            mask = masks[m].expand(len(x), -1)
            memory = self.memory[m]
            assert isinstance(memory, nn.ModuleList)
            for block in memory:
                x = block(x, mask)
            found[m] = self.norms[m](x)
            position = torch.arange(mask.shape[1], device=mask.device)
            end = (mask * position).argmax(1)
            last.append(scatter_rows(found[m][torch.arange(len(x)), end], is_present[m]))
        h = torch.cat(last, -1)
        fused = h + self.outer(self.dropout(F.relu(self.inner(h))))
        return FusionOutput(fused, attention=maps, tokens=found)

    def low_level(self, modality: str, x: Tensor, mask: Tensor) -> Tensor:
        """Tokens (b, T, embed_dim) to (b, T, dim), with positions; those that are not real count as zero."""
        x = (x * mask[..., None]).transpose(1, 2)
        x = self.convolutions[modality](x).transpose(1, 2) * self.dim**0.5
        return x + sinusoid(x.shape[1], self.dim, x.device)

    def cross(
        self, low: dict[str, Tensor], masks: dict[str, Tensor], is_present: dict[str, Tensor], need_maps: bool
    ) -> tuple[dict[str, Tensor], dict[Pair, Tensor]]:
        """What each query modality found in the others (B, T, (M - 1) dim), and the maps of the pairs where asked for.

        Of one sample in B subsets every pair is computed in a batch of two, with its key modality and without, and rows take what fits.
        """
        found: dict[str, Tensor] = {}
        maps: list[dict[Pair, Tensor]] = [{} for _ in self.layers]
        for q in low:
            keys = [k for k in self.modalities if k != q]
            if not keys:
                found[q] = low[q]
                continue
            z, weights = self.ask(q, keys, low, masks, is_present, need_maps)  # (M - 1, b, T, dim)
            if len(low[q]) < len(is_present[q]):
                nobody = torch.zeros_like(is_present[q])
                kind = torch.cat([is_present.get(k, nobody) for k in keys], 1).logical_not().long()  # (B, M - 1) 0 with its key, 1 without
                z = torch.stack([part[kind[:, i]] for i, part in enumerate(z)])
            found[q] = torch.cat([*z], -1)
            for layer_maps, each_pair in zip(maps, weights, strict=need_maps):
                real = [(i, k) for i, k in enumerate(keys) if k in low]
                layer_maps |= {(q, k): each_pair[i, : len(low[q]), :, :, : low[k].shape[1]] for i, k in real}
        return found, stack_layers(maps) if need_maps else {}

    def ask(
        self,
        q: str,
        keys: list[str],
        low: dict[str, Tensor],
        masks: dict[str, Tensor],
        is_present: dict[str, Tensor],
        need_maps: bool,
    ) -> tuple[Tensor, list[Tensor]]:
        """The transformers of all pairs of a query modality, side by side: z (M - 1, b, T, dim), and each layer's maps where asked for."""
        x = low[q]
        b = len(x)
        longest = max((low[k].shape[1] for k in keys if k in low), default=1)
        blank = x.new_zeros(b, longest, self.dim)
        every = torch.ones(b, longest, dtype=torch.bool, device=x.device)
        u = torch.stack([F.pad(low[k], (0, 0, 0, longest - low[k].shape[1])) if k in low else blank for k in keys])
        usable = torch.stack([F.pad(masks[k], (0, longest - masks[k].shape[1])) if k in low else every for k in keys])
        if b < len(is_present[q]):
            x, u, usable = torch.cat([x, x]), torch.cat([u, u], 1), torch.cat([usable, usable], 1)
            with_key = torch.tensor([[k in low, False] for k in keys], device=x.device)
        else:
            nobody = torch.zeros_like(is_present[q])
            with_key = torch.cat([is_present.get(k, nobody) for k in keys], 1).T  # (M - 1, b)
        z = x.expand(len(keys), -1, -1, -1)
        first = self.modalities.index(q) * len(keys)
        maps = []
        for layer in self.layers:
            assert isinstance(layer, PairLayer)
            z, weights = layer(z, u, usable, with_key & (not self.cut), slice(first, first + len(keys)), need_maps)
            if weights is not None:
                maps.append(weights)
        return z, maps


class PairLayer(nn.Module):
    """One layer of the transformers of all P pairs: attention to the low-level tokens of the key, then an MLP; pre-norm."""

    def __init__(self, pairs: int, dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norm_query = NormPerPair(pairs, dim)
        self.norm_key = NormPerPair(pairs, dim)
        self.norm_mlp = NormPerPair(pairs, dim)
        self.query = PerModality(pairs, dim, dim)
        self.key_value = PerModality(pairs, dim, 2 * dim)
        self.out_proj = PerModality(pairs, dim, dim)
        self.inner = PerModality(pairs, dim, 4 * dim)
        self.outer = PerModality(pairs, 4 * dim, dim)
        self.dropout = ChannelDropout(dropout)

    def forward(
        self, z: Tensor, u: Tensor, usable: Tensor, with_key: Tensor, pairs: slice, need_maps: bool
    ) -> tuple[Tensor, Tensor | None]:
        """z after the layer, and the maps (p, b, H, T, Tk) where asked for.

        Args:
            z, u: (p, b, T, dim) tokens of the query so far, and (p, b, Tk, dim) low-level tokens of the key.
            usable: (p, b, Tk) real tokens of the key, at least one per row.
            with_key: (p, b) whether the key modality is there.
            pairs: which p of the pairs these are.
        """
        q = self.heads(each(self.query, self.norm_query(z, pairs), pairs))  # (p, b, H, T, d)
        k, v = (self.heads(x) for x in each(self.key_value, self.norm_key(u, pairs), pairs).chunk(2, -1))
        weights = None
        if need_maps:
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
            weights = scores.masked_fill(~usable[:, :, None, None], float("-inf")).softmax(-1)
            attended = weights @ v
        else:
            attended = F.scaled_dot_product_attention(q, k, v, usable[:, :, None, None])
        joined = attended.transpose(2, 3).flatten(3)
        z = z + self.drop(each(self.out_proj, joined, pairs)) * with_key[..., None, None]
        inner = F.relu(each(self.inner, self.norm_mlp(z, pairs), pairs))
        z = z + self.drop(each(self.outer, inner, pairs))
        return z, weights

    def heads(self, x: Tensor) -> Tensor:
        """(P, b, T, dim) to (P, b, H, T, d)."""
        P, b, T, dim = x.shape
        return x.reshape(P, b, T, self.num_heads, dim // self.num_heads).transpose(2, 3)

    def drop(self, x: Tensor) -> Tensor:
        """Drops whole channels of a sample and pair, the same for all its tokens."""
        dropped: Tensor = self.dropout(x.flatten(0, 1)).view_as(x)
        return dropped


class NormPerPair(nn.Module):
    """A LayerNorm for every pair, x (p, b, T, dim) of some of them."""

    def __init__(self, pairs: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(pairs, 1, 1, dim))
        self.bias = nn.Parameter(torch.zeros(pairs, 1, 1, dim))

    def forward(self, x: Tensor, pairs: slice) -> Tensor:
        return torch.addcmul(self.bias[pairs], F.layer_norm(x, x.shape[-1:]), self.weight[pairs])


def each(layer: PerModality, x: Tensor, pairs: slice) -> Tensor:
    """A Linear of its own for every pair: x (p, b, T, in_dim) of some of them to (p, b, T, out_dim)."""
    assert layer.bias is not None
    p, b, T, _ = x.shape
    return torch.baddbmm(layer.bias[pairs], x.reshape(p, b * T, -1), layer.weight[pairs]).view(p, b, T, -1)


def sinusoid(length: int, dim: int, device: torch.device) -> Tensor:
    """Positions (length, dim): sines in the first half of the channels, cosines in the second, wavelengths up to 10,000 tokens."""
    half = dim // 2
    rates = 10_000.0 ** -(torch.arange(half, device=device) / max(half - 1, 1))
    angles = torch.arange(length, device=device)[:, None] * rates
    return F.pad(torch.cat([angles.sin(), angles.cos()], -1), (0, dim - 2 * half))
