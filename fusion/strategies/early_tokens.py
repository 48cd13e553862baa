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

import torch
from torch import Tensor, nn

from fusion.strategies.base import Strategy, perceptron
from fusion.strategies.tokens import Block, Readout, by_layer, join_heads, read_tokens
from fusion.types import Features, FusionOutput


class EarlyTokens(Strategy):
    """Puts the tokens of all modalities in one line and lets every token look at every other one, its own kind included."""

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
        self.norm, self.score = nn.LayerNorm(dim), Readout(self.modalities, dim)
        self.mix = perceptron(len(modalities) * (dim + 1), embed_dim, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        tokens, masks, there = read_tokens(self.modalities, features, present)
        lengths = {m: x.shape[1] for m, x in tokens.items()}
        x = torch.cat([self.inward[m](x) + self.kind[m] for m, x in tokens.items()], 1)  # (b, S, dim), b being B or 1
        together = torch.cat([masks[m] & there[m] for m in tokens], 1)
        maps: list[dict[tuple[str, str], Tensor]] = []
        for block in self.blocks:
            if need_attention or len(x) < len(present):
                x, weights = look(block, x, masks, there)
                maps.append(weights)
            else:
                x = block(x, together)
        parts = dict(zip(lengths, self.norm(x).split([*lengths.values()], 1), strict=True))
        return FusionOutput(self.mix(self.score(parts, masks, there)), attention=by_layer(maps) if need_attention else {}, tokens=parts)


def look(block: Block, x: Tensor, masks: dict[str, Tensor], there: dict[str, Tensor]) -> tuple[Tensor, dict[tuple[str, str], Tensor]]:
    """The block over a line x (b, S, dim) in B subsets, b being B or 1: (B, S, dim), and its maps {(query, key): (b, H, Tq, Tk)}.

    A softmax over the whole line is one over each modality's tokens, which are the maps, and one over the modalities' log-sum-exps;
    of one sample in B subsets only the latter differs, and tokens that are not there are left at zero.
    """
    lengths, B = [mask.shape[1] for mask in masks.values()], len(next(iter(there.values())))
    q, k, v = block.heads(x)
    scores = (k * k.shape[-1] ** -0.5) @ q.transpose(-2, -1)  # (b, H, Tk, Tq), see `attend`
    answers, sums, maps = [], [], {}
    for m, part, value in zip(masks, scores.split(lengths, 2), v.split(lengths, 2), strict=True):
        part = part.masked_fill(~masks[m][:, None, :, None], float("-inf"))
        weights = part.softmax(2)
        answers.append((value.transpose(-2, -1) @ weights).transpose(-2, -1))
        sums.append(part.logsumexp(2).masked_fill(~there[m][..., None], float("-inf")))
        maps |= {(one, m): w for one, w in zip(masks, weights.transpose(-2, -1).split(lengths, 2), strict=True) if one != m}
    share = torch.stack(sums).softmax(0)[..., None]  # (M, B, H, S, 1)
    heard = join_heads(sum(s * answer for s, answer in zip(share, answers, strict=True)))  # (B, S, dim)
    if len(x) == B:
        return block.conclude(x, heard), maps
    at = torch.cat([there[m].expand(B, n) for m, n in zip(masks, lengths, strict=True)], 1).nonzero(as_tuple=True)
    return heard.new_zeros(heard.shape).index_put(at, block.conclude(x[0, at[1]], heard[at])), maps
