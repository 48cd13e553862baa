"""Temperature scaling: logits are divided by one number, chosen after training so that probabilities are as high as answers are right.

    p = softmax(z / T_S)        S the modalities given: one temperature for each subset of them

The order of the labels stays the same, and so does the answer. `python -m fusion calibrate` fits the temperatures on validation data
(`fusion.evaluation.temperatures`) and writes them beside the weights of a strategy; a strategy without the file has T = 1.

Reference: Guo 2017, On Calibration of Modern Neural Networks (arXiv 1706.04599).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import combinations

import torch
from torch import Tensor, nn

from fusion.types import FusionError

LOWEST, HIGHEST = 0.25, 20.0  # where all of a few hundred samples are right, the likeliest temperature would be zero


class Temperatures(nn.Module):
    """Divides logits by the temperature of the modalities that are present; by 1 where none was set."""

    def __init__(self, modalities: tuple[str, ...]) -> None:
        super().__init__()
        self.modalities = modalities
        self.table = nn.Buffer(torch.ones(2 ** len(modalities)), persistent=False)
        self.digits = nn.Buffer(2 ** torch.arange(len(modalities)), persistent=False)

    def set(self, temperatures: Mapping[str, float]) -> None:
        """Takes {"image+text": temperature}.

        Raises:
            FusionError: a subset has no temperature, or one that is no number between 0.25 and 20.
        """
        for row in range(1, len(self.table)):
            name = "+".join(m for i, m in enumerate(self.modalities) if row >> i & 1)
            value = temperatures.get(name)
            if not isinstance(value, int | float) or isinstance(value, bool) or not LOWEST <= value <= HIGHEST:
                raise FusionError("There is no usable temperature for {given}.", given=name)
            self.table[row] = value

    def get(self, given: tuple[str, ...]) -> float:
        """The temperature when only `given` are there."""
        return float(self.table[sum(1 << self.modalities.index(m) for m in given)])

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Within it all temperatures are 1."""
        kept = self.table.clone()
        self.table.fill_(1.0)
        try:
            yield
        finally:
            self.table.copy_(kept)

    def forward(self, logits: Tensor, present: Tensor) -> Tensor:
        """Logits (B, K) of samples with the modalities `present` (B, M) bool."""
        found: Tensor = self.table[(present * self.digits).sum(1)]  # (B,)
        return logits / found[:, None]


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The temperature of highest likelihood of labels (N,) given logits (N, K), by bisection on its logarithm.

    The likelihood is concave in 1 / T, so the search finds its maximum within [0.25, 20].
    """
    z = logits.double()
    low, high = math.log(LOWEST), math.log(HIGHEST)
    right = z.gather(1, labels[:, None]).squeeze(1)
    for _ in range(40):
        middle = (low + high) / 2
        expected = (z * (z * math.exp(-middle)).softmax(-1)).sum(-1)
        if float((expected - right).mean()) > 0:  # overconfident: the mean logit lies above those of the labels
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def every_subset(modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All non-empty subsets, small ones first."""
    return [c for size in range(1, len(modalities) + 1) for c in combinations(modalities, size)]
