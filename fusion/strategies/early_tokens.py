"""Early fusion of tokens: all tokens of all modalities stand in one line, and every one looks at every other one.

    t_mi  = A_m LayerNorm(x_mi) + e_m            token i of modality m, told apart by a learned embedding e_m
    z     = Transformer([t_1, ..., t_S])         every token attends to every other one, its own modality included
    fused = MLP([pool(z_1), p_1, ..., pool(z_M), p_M])      p_m = 1 where modality m is there, else 0

The single-stream model of VisualBERT, read by pooling each modality's tokens. One more token that gathers the answer, as there, has to
hold what all modalities say in one sum of values: in `digits-add` it learned the sum modulo five and never its parity. Tokens
(B, S, dim) with S the sum over modalities; cost grows with S squared, and a modality with many tokens can drown one with few. One
softmax spans all modalities, so a map of an ordered pair of different modalities is its block of the joint map, renormalised over the
real tokens of the key modality: rows sum to 1, and how much one modality heeds another as a whole is not in them.

Reference: Li 2019, VisualBERT: A Simple and Performant Baseline for Vision and Language (arXiv 1908.03557).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import Strategy, perceptron
from fusion.strategies.tokens import Block, by_layer, join_heads, read_tokens
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
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim, self.token_dim = embed_dim, dim
        self.inward = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim, bias=False)) for m in modalities})
        self.kind = nn.ParameterDict({m: nn.Parameter(torch.randn(dim) * 0.02) for m in modalities})
        self.blocks = nn.ModuleList([Block(dim, num_heads, dropout) for _ in range(depth)])
        self.norm, self.score = nn.LayerNorm(dim), nn.Linear(dim, len(modalities), bias=False)  # a row of weights per modality
        self.mix = perceptron(len(modalities) * (dim + 1), embed_dim, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, there = read_tokens(self.modalities, features, present)
        lengths = {m: x.shape[1] for m, x in tokens.items()}
        x = torch.cat([self.inward[m](x) + self.kind[m] for m, x in tokens.items()], 1)  # (b, S, dim), b being B or 1
        real = torch.cat([*masks.values()], 1)
        kinds = torch.tensor([self.modalities.index(m) for m, n in lengths.items() for _ in range(n)], device=x.device)
        own = kinds == torch.arange(len(self.modalities), device=x.device)[:, None]  # (M, S)
        maps: list[dict[tuple[str, str], Tensor]] = []
        for block in self.blocks:
            if need_attention or len(x) < len(present):
                x, weights = look(block, x, real, own, present, lengths, need_attention)
                maps.append(weights)
            else:
                x = block(x, real & present[:, kinds])
        x = self.norm(x)
        parts = dict(zip(lengths, x.split([*lengths.values()], 1), strict=True))
        fused = self.mix(self.read(x, own & real[:, None], present))
        return FusionOutput(fused, attention=by_layer(maps) if need_attention else {}, tokens=parts)

    def read(self, x: Tensor, own: Tensor, present: Tensor) -> Tensor:
        """[pool(z_1), p_1, ..., pool(z_M), p_M] (B, M (dim + 1)) of a line (B, S, dim), a learned average of each modality's tokens."""
        share = torch.where(own, self.score.weight @ x.transpose(1, 2), torch.finfo(x.dtype).min).softmax(-1)  # (B, M, S)
        return (F.pad(share @ x, (0, 1), value=1.0) * present[..., None]).flatten(1)


def look(
    block: Block, x: Tensor, real: Tensor, own: Tensor, present: Tensor, lengths: Mapping[str, int], need_map: bool
) -> tuple[Tensor, dict[tuple[str, str], Tensor]]:
    """The block over a line x (b, S, dim) in B subsets, b being B or 1: (B, S, dim), and its maps {(query, key): (b, H, Tq, Tk)}.

    A softmax over the whole line is one over each modality's tokens, which are the maps, and one over the modalities' log-sum-exps; of
    one sample in B subsets only the latter differs. Tokens that are not there are left at zero.

    Args:
        real: (b, S) tokens that are no padding; own: (M, S) to which modality a token belongs; present: (B, M).
        lengths: {modality: tokens} in the order of the line.
    """
    sizes, given = [*lengths.values()], own.any(1)
    q, k, v = block.heads(x)
    scores = ((q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)).masked_fill(~real[:, None, None], float("-inf")).split(sizes, -1)
    peaks = [part.amax(-1, keepdim=True) for part in scores]
    odds = torch.cat([part - peak for part, peak in zip(scores, peaks, strict=True)], -1).exp()  # (b, H, Sq, Sk)
    # all modalities' sums over keys in one product: of the values, and of a further one that is 1 everywhere
    sums = odds @ (F.pad(v, (0, 1), value=1.0) * own[given][:, None, None, :, None])  # (M', b, H, Sq, d + 1)
    answers, wholes = sums[..., :-1] / sums[..., -1:], sums[..., -1:]
    share = (torch.stack(peaks) + wholes.log()).masked_fill(~present.T[given][:, :, None, None, None], float("-inf")).softmax(0)
    heard = join_heads((share * answers).sum(0))  # (B, S, dim)
    maps = {}
    if need_map:
        for key, part, whole in zip(lengths, odds.split(sizes, -1), wholes, strict=True):
            maps |= {(query, key): w for query, w in zip(lengths, (part / whole).split(sizes, 2), strict=True) if query != key}
    if len(x) == len(present):
        return block.conclude(x, heard), maps
    row, place = (present[:, :, None] & own).any(1).nonzero(as_tuple=True)
    return heard.new_zeros(heard.shape).index_put((row, place), block.conclude(x[0, place], heard[row, place])), maps
