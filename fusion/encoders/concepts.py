"""What a pretrained trunk shows by name: groups of the classes that its teacher knew, as a few numbers beside what is learned anew.

The classifier over the teacher's classes comes from distillation and is not trained on the task. It knows song birds, wall clocks and
saxophones, of which the task's own pictures and sounds have few or none, and it knows much that is none of the task's classes.

Reference: Koh 2020 (Concept Bottleneck Models); Lampert 2009 (attributes for classes never seen).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.types import Panel

Spans = tuple[tuple[tuple[int, int], ...], ...]  # of each group: first and last of the classes that belong to it
LEAST = 3.4e-4  # probability below which nothing is told apart


class NamedConcepts(nn.Module):
    """Vectors (..., W) of a trunk to embeddings (..., D) of the log-probabilities of groups of classes and of all others.

    Args:
        count: classes of the classifier.
        exclusive: whether one class at a time is there (softmax, a group is the sum), or several (sigmoid, a group is its likeliest).
    """

    def __init__(self, embed_dim: int, width: int, count: int, spans: Spans, exclusive: bool) -> None:
        super().__init__()
        self.exclusive = exclusive
        self.weight, self.bias = nn.Buffer(torch.zeros(count, width)), nn.Buffer(torch.zeros(count))
        self.embed = nn.Linear(len(spans) + 1, embed_dim, bias=False)
        member = torch.zeros(len(spans) + 1, count)
        for row, group in enumerate(spans):
            for first, last in group:
                member[row, first : last + 1] = 1
        member[-1] = 1 - member[:-1].amax(0)
        self.member = nn.Buffer(member, persistent=False)

    def probs(self, vector: Tensor) -> Tensor:
        """Probabilities (..., count) of the classes."""
        logits = F.linear(vector, self.weight, self.bias).float()
        return logits.softmax(-1) if self.exclusive else logits.sigmoid()

    def groups(self, vector: Tensor) -> Tensor:
        """Log-probabilities (..., groups + 1), the last of anything else, at least -8."""
        found = self.probs(vector)
        each = found @ self.member.T if self.exclusive else (found[..., None, :] * self.member).amax(-1)
        return each.clamp_min(LEAST).log()

    def forward(self, vector: Tensor) -> Tensor:
        return self.embed(self.groups(vector) / 4)

    def panel(self, vector: Tensor, names: tuple[str, ...], count: int = 10) -> Panel:
        """The likeliest names for a vector (W,)."""
        found = self.probs(vector).topk(min(count, len(names)))
        return Panel("bars", "concepts.names", found.values.cpu().numpy(), names=tuple(names[i] for i in found.indices))
