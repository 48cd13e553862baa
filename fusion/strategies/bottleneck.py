"""Attention bottlenecks: the modalities exchange information only through a few tokens that they share.

    [z_m', f_m] = Block_m([z_m, f])              each modality by itself, over its own tokens and the n bottleneck tokens f
    f'          = mean over present m of f_m     the only place where modalities meet
    fused       = mean over present m of V_m z_m[0]              readout "average": z_m begins with a class token; (B, K)
                  MLP([pool(z_1), p_1, ..., pool(z_M), p_M, mean of f])      readout "concatenate"; p_m = 1 where m is present, else 0

Tokens (B, T_m, dim) per modality, bottleneck (B, n, dim). What crosses has to be condensed first, and cost grows with the sum of
T_m squared, not with the square of the sum. The first layer's bottleneck knows nothing yet: one modality reaches the tokens of another
from the second layer on, so depth 1 is late fusion. No token looks at a token of another modality, so there are no maps between
modalities to show. "average" is the published readout, a class token of each modality and the mean of their logits, and new trainings use
it. Weights without this option were trained with "concatenate", whose MLP can combine the modalities past the bottleneck.

Reference: Nagrani 2021, Attention Bottlenecks for Multimodal Fusion (arXiv 2107.00135).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.messages import Message
from fusion.strategies.base import READS_PAST, Strategy, mlp
from fusion.strategies.tokens import Block, Classifiers, Readout, ReadoutKind, read_tokens, rows_to_compute, scatter_rows
from fusion.types import Features, FusionOutput

DROPOUT = 0.1


class Bottleneck(Strategy):
    """Gives each modality its own transformer; they exchange information through a few shared bottleneck tokens."""

    title = "Attention bottleneck"
    formula = "[z_m′, f_m] = Transformer_m([z_m, f]),  f′ = mean_m f_m"
    paper = "Nagrani et al. 2021 (MBT)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 48,
        num_heads: int = 2,
        depth: int = 2,
        num_bottlenecks: int = 4,
        readout: ReadoutKind = "concatenate",
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.averages = readout == "average"
        self.out_dim = num_classes if self.averages else embed_dim
        self.token_dim = dim
        self.in_proj = nn.ModuleDict({m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, dim)) for m in modalities})
        self.bottleneck = nn.Parameter(torch.randn(num_bottlenecks, dim) * 0.02)
        self.layers = nn.ModuleList([nn.ModuleDict({m: Block(dim, num_heads, DROPOUT) for m in modalities}) for _ in range(depth)])
        self.norms = nn.ModuleDict({m: nn.LayerNorm(dim) for m in modalities})
        if self.averages:
            self.class_tokens = nn.ParameterDict({m: nn.Parameter(torch.randn(1, 1, dim) * 0.02) for m in modalities})
            self.classify = Classifiers(self.modalities, dim, num_classes)
        else:
            self.score = Readout(self.modalities, dim)
            self.mix = mlp(len(modalities) * (dim + 1) + dim, embed_dim, embed_dim, DROPOUT)

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
        n = len(self.bottleneck)
        count = present.sum(1)[:, None, None]  # (B, 1, 1) modalities present
        tokens = {m: self.in_proj[m](x) for m, x in tokens.items()}
        if self.averages:
            tokens = {m: torch.cat([self.class_tokens[m].expand(len(x), -1, -1), x], 1) for m, x in tokens.items()}
            masks = {m: F.pad(mask, (1, 0), value=True) for m, mask in masks.items()}
        masks_with_bottleneck = {m: F.pad(mask, (0, n), value=True) for m, mask in masks.items()}
        shared = self.bottleneck[None]  # (1, n, dim), later (B, n, dim)
        alone = dict.fromkeys(tokens, shared)  # where the paths between modalities are cut: each keeps the bottleneck that it left
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleDict)
            after = []  # the bottleneck after each modality's block, (B, n, dim)
            for m, x in tokens.items():
                # of one sample in B subsets the first layer, where modalities have not met, is computed once
                before = alone[m] if self.cut else shared
                own = before if len(before) == 1 else before[rows_to_compute(x, is_present[m])]
                b = max(len(x), len(own))
                sequence = torch.cat([x.expand(b, -1, -1), own.expand(b, -1, -1)], 1)  # (b, T + n, dim)
                sequence = layer[m](sequence, masks_with_bottleneck[m])
                tokens[m], own = torch.split(sequence, [x.shape[1], n], 1)
                after.append(scatter_rows(own, is_present[m]))
                alone[m] = after[-1]
            shared = sum(after[1:], after[0]) / count
        tokens = {m: self.norms[m](x) for m, x in tokens.items()}
        if self.averages:
            fused = self.classify({m: x[:, 0] for m, x in tokens.items()}, is_present)
            return FusionOutput(fused, tokens={m: x[:, 1:] for m, x in tokens.items()})
        pooled = torch.cat([self.score(tokens, masks, is_present), shared.sum(1) / max(n, 1)], -1)
        return FusionOutput(self.mix(pooled), tokens=tokens)
