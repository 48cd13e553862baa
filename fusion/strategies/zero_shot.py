"""Strategies for labels that are typed by a visitor: nothing is trained, and the labels are an input.

Each modality's reader (`fusion.heads.label_readers`) gives calibrated log-probabilities v_m (K,) of the labels and the log-odds o_m that
the medium shows any of them. Labels that mean the same share their probability. A modality that can know none of the labels has no vote
while another one has.

    late          log p = Σ w_m v_m (product rule), or log Σ w_m exp v_m (sum rule), every vote counting the same
    dynamic       the same with w_m from how sure the modality is of this input: c_m = (1 - H(v_m) / log K) σ(o_m)
    shared_space  log p = t cos(Σ u_m, l_k): u_m is the medium's point in the sentence space, l_k the label's

An input shows one of the labels if the modality with the highest o_m says so.

Reference: Kittler 1998 (product and sum rule); Han 2022 (confidence as weight); Radford 2021 (labels as sentences); Norouzi 2014 (ConSE).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.heads.label_readers import LabelReader
from fusion.strategies.base import Strategy
from fusion.types import Features, FusionOutput

SHARE = 1e-3  # least weight of a modality that votes
REACHED = "named"  # the question whether it is one of the labels; the first answer is yes
SHARPNESS = 20.0  # scale of cosines in the sentence space


class ZeroShot(Strategy):
    """What the strategies for typed labels share: the readers, their votes, and whether it is any of the labels."""

    fuses: ClassVar[Literal["tokens", "embeddings", "logits"]] = "logits"

    meanings: Tensor
    sharers: Tensor

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, meanings: tuple[int, ...], readers: Mapping[str, LabelReader]) -> None:
        """`embed_dim` is the width of the sentence space; `meanings` (K,) says which of the readers' G meanings each label has."""
        super().__init__(modalities, embed_dim, len(meanings))
        self.out_dim = len(meanings)
        self.readers = nn.ModuleDict({m: readers[m] for m in modalities})
        index = torch.tensor(meanings)
        self.meanings = nn.Buffer(index, persistent=False)
        self.sharers = nn.Buffer(index.bincount().float().log()[index], persistent=False)  # log of how many labels mean the same

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def per_label(self, logits: Tensor) -> Tensor:
        """Logits (..., G) of the meanings to log-probabilities (..., K) of the labels: those of one meaning share its probability."""
        return logits.log_softmax(-1)[..., self.meanings] - self.sharers

    def votes(self, features: dict[str, Features]) -> tuple[Tensor, Tensor]:
        """Log-probabilities (B, M, G) of the meanings, and log-odds (B, M) that it is one of them; a missing modality says nothing."""
        like = next(iter(features.values())).pooled
        rows = len(like)
        count = int(self.meanings.max()) + 1
        votes, known = [], []
        for m in self.modalities:
            if m in features:
                vote, odds = self.reader(m)(features[m].pooled)
            else:
                vote = like.new_full((rows, count), -math.log(count))
                odds = like.new_full((rows,), -math.inf)
            votes.append(vote)
            known.append(odds)
        return torch.stack(votes, 1), torch.stack(known, 1)

    def reader(self, modality: str) -> LabelReader:
        return cast("LabelReader", self.readers[modality])

    def heard(self, present: Tensor) -> Tensor:
        """Which modalities (B, M) are asked: those that are there and know the labels, or all that are there if none does."""
        votes = torch.tensor([self.reader(m).votes for m in self.modalities], device=present.device)
        heard = present & votes
        return torch.where(heard.any(-1, keepdim=True), heard, present)

    def combine(self, votes: Tensor, known: Tensor, weights: Tensor, features: dict[str, Features]) -> Tensor:
        """Logits (B, G) from votes (B, M, G) and weights (B, M) that sum to 1."""
        raise NotImplementedError

    def weigh(self, votes: Tensor, known: Tensor, heard: Tensor) -> Tensor:
        """Weights (B, M) of the modalities that are heard, up to a factor."""
        return heard.to(votes.dtype)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        votes, known = self.votes(features)
        votes, known = votes.expand(len(present), -1, -1), known.expand(len(present), -1)
        heard = self.heard(present)
        weights = self.weigh(votes, known, heard)
        weights = weights / weights.sum(-1, keepdim=True)
        fused = self.combine(votes, known, weights, features)
        odds = known.masked_fill(~heard, -math.inf).amax(-1)
        return FusionOutput(
            self.per_label(fused),
            weights,
            unimodal_logits={m: self.per_label(votes[:, i]) for i, m in enumerate(self.modalities)},
            auxiliary={REACHED: torch.stack([odds, torch.zeros_like(odds)], -1)},
        )


class ZeroShotUnimodal(ZeroShot):
    """Uses one modality and ignores the rest: the baseline that fusion has to beat."""

    title = "One modality alone"
    formula = "log p = v_m"
    paper = "baseline"

    def combine(self, votes: Tensor, known: Tensor, weights: Tensor, features: dict[str, Features]) -> Tensor:
        return votes[:, 0]


class ZeroShotLate(ZeroShot):
    """Adds up the votes of all modalities that know the labels: the product rule, or the sum rule as an option."""

    title = "Late fusion"
    formula = "log p = Σ v_m"
    paper = "Kittler et al. 1998"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        meanings: tuple[int, ...],
        readers: Mapping[str, LabelReader],
        rule: Literal["product", "sum"] = "product",
    ) -> None:
        super().__init__(modalities, embed_dim, meanings, readers)
        self.rule = rule

    def combine(self, votes: Tensor, known: Tensor, weights: Tensor, features: dict[str, Features]) -> Tensor:
        if self.rule == "sum":
            return ((votes.exp() * weights[..., None]).sum(1) + 1e-12).log()
        count = (weights > 0).sum(-1, keepdim=True)
        return torch.einsum("bm,bmk->bk", weights * count, votes)


class ZeroShotDynamic(ZeroShot):
    """Weights each modality by how sure it is of this input: a clear vote of something it recognises counts most."""

    title = "Dynamic fusion"
    formula = "log p = N Σ g_m v_m,  g_m ∝ (1 - H(v_m) / log K) σ(o_m)"
    paper = "Han et al. 2022"

    def weigh(self, votes: Tensor, known: Tensor, heard: Tensor) -> Tensor:
        entropy = -(votes.exp() * votes).sum(-1)
        certainty = (1 - entropy / math.log(max(2, votes.shape[-1]))).clamp(0, 1) * known.sigmoid()
        return (certainty + SHARE) * heard

    def combine(self, votes: Tensor, known: Tensor, weights: Tensor, features: dict[str, Features]) -> Tensor:
        count = (weights > 0).sum(-1, keepdim=True)
        return torch.einsum("bm,bmk->bk", weights * count, votes)


class ZeroShotSharedSpace(ZeroShot):
    """Places every medium in the sentence space, adds up the points, and takes the label that lies nearest."""

    title = "Shared space"
    formula = "log p = t · cos(Σ u_m, l_k)"
    paper = "Radford et al. 2021; Norouzi et al. 2014"
    fuses = "embeddings"

    def combine(self, votes: Tensor, known: Tensor, weights: Tensor, features: dict[str, Features]) -> Tensor:
        points = []
        for i, m in enumerate(self.modalities):
            if m in features:
                points.append(self.reader(m).point(features[m].pooled) * (weights[:, i : i + 1] > 0))
        together = F.normalize(torch.stack(points).sum(0), dim=-1)
        labels = self.reader(self.modalities[0]).labels
        return SHARPNESS * together @ labels.T


ZERO_SHOT: dict[str, type[ZeroShot]] = {"late": ZeroShotLate, "dynamic": ZeroShotDynamic, "shared_space": ZeroShotSharedSpace}
