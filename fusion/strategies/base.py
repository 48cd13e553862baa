"""What every strategy shares: its contract, and what to do where a modality is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from fusion.messages import Message, message
from fusion.types import Features, FusionOutput

READS_PAST = message(
    "These weights read all modalities with one MLP, which can combine them by itself; the paper averages an answer of each."
)


@dataclass(frozen=True)
class Targets:
    """What a strategy with a loss of its own may compare its output with; -1 stands for "nothing".

    label    (B,) class 0..K-1, -1 where what is present does not decide it
    content  (B, M) class that each modality shows by itself, -1 where it shows none or is missing
    own      (B, M) the label as far as each modality alone decides it
    epoch    of the training, from 0
    history  (B, M) mean loss of each modality's own classifier on these samples so far, NaN where there is none; None unless the
             strategy `keeps_history`
    """

    label: Tensor
    content: Tensor
    own: Tensor
    epoch: int = 0
    history: Tensor | None = None


class Strategy(nn.Module):
    """Features of any non-empty subset of the modalities to one FusionOutput.

    The first sentence of a subclass's docstring is shown to visitors. Class attributes: `title`, `formula`, `paper` for people,
    `fuses` for where it acts, `unimodal` for the target of its `unimodal_logits`, if any. Subclasses set `self.out_dim`, the width
    of `fused`, and `self.token_dim` where they return tokens.

    A missing modality's value never matters: every strategy reads features through `embeddings` or masks tokens by `present`.
    """

    title: ClassVar[str]
    formula: ClassVar[str]
    paper: ClassVar[str]
    fuses: ClassVar[Literal["tokens", "embeddings", "logits"]]
    unimodal: ClassVar[Literal["label", "content"]] = "label"  # the label as far as one modality decides it, or what it shows by itself
    unimodal_weight: ClassVar[float] = 0.3  # of the loss of its own single-modality classifiers
    keeps_history: ClassVar[bool] = False  # whether its loss needs `Targets.history`
    out_dim: int
    token_dim: int = 0
    held_out: float = 0.0  # share of the training samples that is kept for `after_training`
    cut: bool = False  # strategies on tokens: close every path between modalities except the readout, to measure what they are worth

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int) -> None:
        super().__init__()
        self.modalities = tuple(modalities)
        self.embed_dim = embed_dim
        self.num_classes = num_classes

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        """Fuses.

        Args:
            features: {modality: Features}; a modality that no sample has may be left out. All have batch B, or all have batch 1: one
                sample that is looked at in B subsets of its modalities.
            present: (B, M) bool in the order of `self.modalities`, at least one True per row.
            need_attention: also return attention maps, where the strategy has any.
        """
        raise NotImplementedError

    @property
    def differs(self) -> Message | None:
        """How it is built otherwise than its paper says, in a sentence; None where it is not."""
        return None

    @classmethod
    def options_for(cls, questions: dict[str, int], places: bool, kinds: dict[str, str]) -> dict[str, object]:
        """Further arguments for a task.

        Args:
            questions: {further question: number of its answers}.
            places: whether the task also asks where.
            kinds: {modality: its kind}.
        """
        return {}

    def build_head(self) -> nn.Module:
        """What turns `fused` (B, out_dim) into logits (B, K)."""
        return nn.Linear(self.out_dim, self.num_classes)

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        """The loss to train on; strategies with a loss of their own (ELBO, contrastive, uncertainty weights) override it.

        Args:
            losses: {name: scalar}: "label" cross-entropy, with `unimodal_logits` also "unimodal", one per question in `auxiliary`,
                and those of the task's further heads ("box", "mask", "found").
            targets: labels in more detail.
        """
        own = [] if output.loss is None else [output.loss]
        return torch.stack([*losses.values(), *own]).sum()

    def after_training(self, features: dict[str, Features], present: Tensor, targets: Targets) -> None:
        """Fits what is fitted to held-out samples, once and with all else as it is; only where `held_out` is not zero."""

    def embeddings(self, features: dict[str, Features], present: Tensor) -> Tensor:
        """Pooled vectors (B, M, D), zero where missing (by selection, so that not even a NaN gets through)."""
        like = next(iter(features.values())).pooled
        empty = torch.zeros_like(like)
        stacked = torch.stack([features[m].pooled if m in features else empty for m in self.modalities], 1)
        return torch.where(present[..., None], stacked, torch.zeros_like(stacked))


def mlp(in_dim: int, hidden: int, out_dim: int, dropout: float = 0.1) -> nn.Sequential:
    """Linear, GELU, dropout, Linear."""
    return nn.Sequential(nn.Linear(in_dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, out_dim))


class PerModality(nn.Module):
    """A Linear for every modality, (B, M, in_dim) to (B, M, out_dim), in one product."""

    def __init__(self, count: int, in_dim: int, out_dim: int, bias: bool = True) -> None:
        super().__init__()
        bound = in_dim**-0.5  # the initialisation of nn.Linear
        self.weight = nn.Parameter(torch.empty(count, in_dim, out_dim).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(count, 1, out_dim).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(0, 1)
        y = torch.bmm(x, self.weight) if self.bias is None else torch.baddbmm(self.bias, x, self.weight)
        return y.transpose(0, 1)


def mlp_per_modality(count: int, in_dim: int, hidden: int, out_dim: int, dropout: float = 0.1) -> nn.Sequential:
    """An `mlp` for every modality, (B, M, in_dim) to (B, M, out_dim)."""
    return nn.Sequential(PerModality(count, in_dim, hidden), nn.GELU(), nn.Dropout(dropout), PerModality(count, hidden, out_dim))
