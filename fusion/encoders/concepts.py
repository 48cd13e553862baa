"""A concept bottleneck on a pretrained trunk: probabilities of groups of the teacher's classes, beside a newly learned projection.

The classifier over the teacher's classes comes from distillation and is not trained on the task. It knows song birds, wall clocks and
saxophones, of which the task's own pictures and sounds have few or none, and it knows many classes that the task does not have.

The learned projection beside it (`LearnedReading`) is kept from overfitting to the few training media: most of its input is dropped at
random, and for half of the samples all of it, so that the named concepts have to be sufficient by themselves.

Reference: Koh 2020 (Concept Bottleneck Models); Lampert 2009 (attributes for classes never seen); Srivastava 2014 (dropout).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.types import Panel

Spans = Sequence[Sequence[int]]  # (first, last) of classes that belong together
Groups = Sequence[Spans]  # the classes of each group, in the order of the labels
LEAST = 3.4e-4  # probabilities below are treated as equal
LOWEST = math.log(LEAST)


def as_lists(value: Any) -> Any:
    """Nested tuples as nested lists, as in JSON."""
    return [as_lists(each) for each in value] if isinstance(value, tuple | list) else value


class NamedConcepts(nn.Module):
    """Vectors (..., W) of a trunk to embeddings (..., D) of the log-probabilities of groups of classes and of all others.

    Args:
        count: classes of the classifier.
        exclusive: one class at a time (softmax, a group is the sum), or several (sigmoid, a group is its likeliest class).
        neutral: classes that are evidence neither for nor against the groups ("animal", "inside, small room"); not part of "all others".
    """

    def __init__(self, embed_dim: int, width: int, count: int, spans: Groups, exclusive: bool, neutral: Spans = ()) -> None:
        super().__init__()
        self.exclusive = exclusive
        self.weight = nn.Buffer(torch.zeros(count, width))
        self.bias = nn.Buffer(torch.zeros(count))
        self.embed = nn.Linear(len(spans) + 1, embed_dim, bias=False)
        self.gate = nn.Linear(len(spans) + 1, 1)
        nn.init.zeros_(self.gate.weight)
        nn.init.constant_(self.gate.bias, 2.0)
        member = torch.zeros(len(spans) + 1, count)
        for row, group in enumerate(spans):
            for first, last in group:
                member[row, first : last + 1] = 1
        member[-1] = (member[:-1].sum(0) == 0).float()
        for first, last in neutral:
            member[-1, first : last + 1] = 0
        self.member = nn.Buffer(member, persistent=False)

    def probs(self, vector: Tensor) -> Tensor:
        """Probabilities (..., count) of the classes."""
        logits = F.linear(vector, self.weight, self.bias).float()
        return logits.softmax(-1) if self.exclusive else logits.sigmoid()

    def groups(self, vector: Tensor) -> Tensor:
        """Log-probabilities (..., groups + 1), the last one of all other classes, at least -8."""
        found = self.probs(vector)
        each = found @ self.member.T if self.exclusive else (found[..., None, :] * self.member).amax(-1)
        return each.clamp_min(LEAST).log()

    def forward(self, vector: Tensor, learned: Tensor) -> Tensor:
        """The sum of `learned` (..., D) and the embedded concepts, gated: small where the concepts indicate none of the groups."""
        groups = self.groups(vector)
        named: Tensor = self.embed((groups - LOWEST) / 2)  # zero for a group of negligible probability
        gate: Tensor = self.gate(groups).sigmoid()
        return (learned + named) * gate

    def panel(self, vector: Tensor, names: tuple[str, ...], count: int = 10) -> Panel:
        """The likeliest names for a vector (W,)."""
        found = self.probs(vector).topk(min(count, len(names)))
        return Panel("bars", "concepts.names", found.values.cpu().numpy(), names=tuple(names[i] for i in found.indices))


class LearnedReading(nn.Module):
    """Vectors (B, T, W) of a trunk to embeddings (B, T, D), learned with the task's labels.

    In training a channel is dropped for all tokens of a sample at once; if it were dropped per token, other tokens would make up for it.

    Args:
        drop: probability that a channel is dropped; silent: that all channels of a sample are.
        adapter: rectified units of a second way, which adds nothing at first: further training can add to embeddings of new kinds of
            media there and leave those of others as they are (Houlsby 2019). None if 0.
    """

    def __init__(self, width: int, embed_dim: int, drop: float = 0.8, silent: float = 0.5, adapter: int = 0) -> None:
        super().__init__()
        self.adapter = build_adapter(width, adapter, embed_dim) if adapter else None
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, embed_dim)
        self.drop = drop
        self.silent = silent

    def forward(self, hidden: Tensor) -> Tensor:
        x: Tensor = self.norm(hidden)
        if not self.training:
            return self.project(x)
        channels = torch.rand(len(x), 1, x.shape[-1], device=x.device) >= self.drop
        samples = torch.rand(len(x), 1, 1, device=x.device) >= self.silent
        return self.project(x * channels / (1 - self.drop)) * samples

    def project(self, x: Tensor) -> Tensor:
        projected: Tensor = self.linear(x)
        return projected if self.adapter is None else projected + self.adapter(x)


def build_adapter(width: int, units: int, embed_dim: int) -> nn.Sequential:
    """A rectified layer of `units` between two linear ones, the last of which is zero."""
    last = nn.Linear(units, embed_dim, bias=False)
    nn.init.zeros_(last.weight)
    return nn.Sequential(nn.Linear(width, units), nn.ReLU(), last)
