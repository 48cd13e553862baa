"""Early fusion of tokens: the tokens of all modalities form one sequence, in which every token attends to every other one.

    t_mi  = A_m LayerNorm(x_mi) + e_m            token i of modality m, told apart by a learned embedding e_m
    z     = Transformer([t_1, ..., t_S])         every token attends to every other one, its own modality included
    fused = mean over present m of V_m pool(z_m)            readout "average", (B, K)
            MLP([pool(z_1), p_1, ..., pool(z_M), p_M])      readout "concatenate", p_m = 1 where modality m is present, else 0

The single-stream model of VisualBERT, read by pooling each modality's tokens. A [CLS] token, as used there, has to hold what
all modalities say in one sum of values: in `digits-add` it learned the sum modulo five and never its parity. The MLP of "concatenate" can
combine the modalities by itself, whatever attention does; "average" leaves that to attention. New trainings average; weights without
this option were trained with "concatenate". Tokens
(B, S, dim) with S the sum over modalities; cost grows with S squared, and a modality with many tokens can drown one with few. One
softmax spans all modalities, so a map of an ordered pair of different modalities is its block of the joint map, renormalised over the
real tokens of the key modality: rows sum to 1, and how much weight a modality as a whole got is not in them.

Reference: Li 2019, VisualBERT: A Simple and Performant Baseline for Vision and Language (arXiv 1908.03557).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.messages import Message
from fusion.strategies.base import READS_PAST, Strategy, mlp
from fusion.strategies.tokens import AverageReadout, Block, Pair, ReadoutKind, attend, join_heads, read_tokens, stack_layers
from fusion.types import Features, FusionOutput


class EarlyTokens(Strategy):
    """Concatenates the tokens of all modalities into one sequence, in which every token attends to every other."""

    title = "Early fusion of tokens"
    formula = "fused = MLP(pool(Transformer([t₁, …, t_S])))"
    paper = "Li et al. 2019 (VisualBERT)"
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
        self.in_proj = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim, bias=False)) for m in modalities})
        self.modality_embedding = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.blocks = nn.ModuleList([Block(dim, num_heads, dropout) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        if self.averages:
            self.readout = AverageReadout(self.modalities, dim, num_classes)
        else:
            self.score = nn.Linear(dim, len(modalities), bias=False)  # a row of weights per modality
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
        lengths = {m: x.shape[1] for m, x in tokens.items()}
        x = torch.cat([self.in_proj[m](x) + self.modality_embedding[m] for m, x in tokens.items()], 1)  # (b, S, dim), b being B or 1
        real = torch.cat([*masks.values()], 1)  # (b, S)
        owner = torch.tensor([self.modalities.index(m) for m, n in lengths.items() for _ in range(n)], device=x.device)  # (S,)
        own = owner == torch.arange(len(self.modalities), device=x.device)[:, None]  # (M, S)
        maps: list[dict[Pair, Tensor]] = []
        for block in self.blocks:
            assert isinstance(block, Block)
            if self.cut:
                x = block_within(block, x.expand(len(present), -1, -1), real, own)
            elif need_attention or len(x) < len(present):
                attended, layer_maps = attend_by_modality(block.heads(x), real, own, present, lengths, need_attention)
                x = residual_of_present(block, x, attended, own, present)
                maps.append(layer_maps)
            else:
                x = block(x, real & present[:, owner])
        x = self.norm(x)
        parts = dict(zip(lengths, torch.split(x, [*lengths.values()], 1), strict=True))
        fused = self.readout(parts, masks, is_present) if self.averages else self.mix(self.read(x, own & real[:, None], present))
        return FusionOutput(fused, attention=stack_layers(maps) if need_attention and not self.cut else {}, tokens=parts)

    def read(self, x: Tensor, own: Tensor, present: Tensor) -> Tensor:
        """[pool(z_1), p_1, ..., pool(z_M), p_M] (B, M (dim + 1)), a learned average of each modality's tokens.

        Args:
            x: (B, S, dim); own: (B, M, S) real tokens of each modality; present: (B, M).
        """
        scores = self.score.weight @ x.transpose(1, 2)  # (B, M, S)
        weights = torch.where(own, scores, torch.finfo(x.dtype).min).softmax(-1)
        pooled = F.pad(weights @ x, (0, 1), value=1.0)  # (B, M, dim + 1)
        return (pooled * present[..., None]).flatten(1)


def attend_by_modality(
    qkv: tuple[Tensor, Tensor, Tensor], real: Tensor, own: Tensor, present: Tensor, lengths: dict[str, int], need_maps: bool
) -> tuple[Tensor, dict[Pair, Tensor]]:
    """Attention over the whole sequence in B subsets of the modalities, computed one key modality at a time.

    A softmax over the sequence is, for each key modality, a softmax over its tokens (which is the map), and a softmax over the
    modalities' log-sum-exps of scores. Of one sample in B subsets only the latter differs, so the former is computed once. In plain words
    it is `attend` with the tokens of missing modalities masked; tests compare the two.

    Args:
        qkv: queries, keys and values (b, H, S, d); b is B, or 1 for one sample in B subsets.
        real: (b, S) tokens that are no padding; own: (M, S) the modality that a token belongs to; present: (B, M).
        lengths: {modality: number of tokens} in the order of the sequence.

    Returns:
        What the tokens attended to (B, S, dim), and the maps {(query, key): (b, H, Tq, Tk)} where asked for.
    """
    q, k, v = qkv
    sizes = [*lengths.values()]
    given = own.any(1)  # (M,) modalities that have tokens here: M' of them
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
    scores = scores.masked_fill(~real[:, None, None], float("-inf"))  # (b, H, S, S)
    by_key = torch.split(scores, sizes, -1)
    peaks = [part.amax(-1, keepdim=True) for part in by_key]  # (b, H, S, 1) for each key modality
    odds = torch.cat([part - peak for part, peak in zip(by_key, peaks, strict=True)], -1).exp()  # (b, H, S, S)

    # sums over the keys of each modality in one product: of the values, and of a column of ones, which gives the softmax's denominator
    values = F.pad(v, (0, 1), value=1.0) * own[given][:, None, None, :, None]  # (M', b, H, S, d + 1)
    sums = odds @ values
    totals = sums[..., -1:]  # (M', b, H, S, 1)
    means = sums[..., :-1] / totals  # what a query attends to within each key modality

    log_sum_exp = torch.stack(peaks) + totals.log()
    missing = ~present.T[given][:, :, None, None, None]  # (M', B, 1, 1, 1)
    weights = log_sum_exp.masked_fill(missing, float("-inf")).softmax(0)  # (M', B, H, S, 1)
    attended = join_heads((weights * means).sum(0))

    maps: dict[Pair, Tensor] = {}
    if need_maps:
        for key, part, total in zip(lengths, torch.split(odds, sizes, -1), totals, strict=True):
            for query, weights_of_pair in zip(lengths, torch.split(part / total, sizes, 2), strict=True):
                if query != key:
                    maps[query, key] = weights_of_pair
    return attended, maps


def block_within(block: Block, x: Tensor, real: Tensor, own: Tensor) -> Tensor:
    """The block (B, S, dim) with attention only within each modality.

    Args:
        x: (B, S, dim); real: (b, S) tokens that are no padding; own: (M, S) the modality that a token belongs to.
    """
    q, k, v = block.heads(x)
    attended = torch.zeros_like(x)
    for mine in own[own.any(1)]:
        keys = (real & mine).expand(len(x), -1)
        keys = keys | ~keys.any(1, keepdim=True)  # softmax has to be defined
        attended = torch.where(mine[:, None], join_heads(attend(q, k, v, keys, need_map=False)[0]), attended)
    return block.residual(x, attended)


def residual_of_present(block: Block, x: Tensor, attended: Tensor, own: Tensor, present: Tensor) -> Tensor:
    """The rest of the block (B, S, dim); of one sample in B subsets only for present tokens, those of missing modalities are zero.

    Args:
        x: (b, S, dim), b being B or 1; attended: (B, S, dim); own: (M, S); present: (B, M).
    """
    if len(x) == len(present):
        return block.residual(x, attended)
    row, token = (present[:, :, None] & own).any(1).nonzero(as_tuple=True)
    after = block.residual(x[0, token], attended[row, token])
    return torch.zeros_like(attended).index_put((row, token), after)
