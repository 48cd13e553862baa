"""From what an encoder says of a medium to any labels: heads without trained weights, made for a set of labels when it is typed.

A picture or a sound is known by the log-probabilities of N names, and a label by the cosines between its sentence vector and theirs:

    reach_k = log Σ_n W_kn p_n                  W_k = softmax over the names of (cos(k, n) - r_n / 2) / t: those that a label is spread over
    z_k     = reach_k + w log Σ_n A_nk p_n      A_n = softmax over the labels of cos(k, n) / s: the labels that a name goes to

p are the names' probabilities, softened by a temperature; r_n is the mean cosine of a name to the names around it, as names in a crowd and
general ones ("animal", "music") are near to everything. `reach` does not depend on the other labels: where it is small for all of
them, the medium shows none of them. Words are compared directly: z_k = reach_k = cosine.

Reference: Norouzi 2014 (ConSE, arXiv 1312.5650): the vector of a medium is the mean of its names' vectors; spreading the labels instead
keeps what several unlikely names say together. Lample 2018 (cosines less those around, arXiv 1710.04087); Guo 2017 (temperature).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDE = 0.12  # s: a name goes to the labels that are nearest, however far
LEAST = 1e-8
CROWD = 10  # nearest names
SPOKEN = 10  # names that make the vector of a medium


class Evidence(NamedTuple):
    """z (B, K) of each label up to a constant, and its reach (B, K)."""

    logits: Tensor
    reach: Tensor


@dataclass(frozen=True)
class Calibration:
    """How the evidence of one modality becomes probabilities.

    narrow       t: a label is spread over names that mean nearly the same
    wide         weight w of the labels that a name goes to, beside the names that a label is spread over
    softness     temperature of the probabilities of names that exclude each other; else 1
    temperature  of z
    threshold    reach of the likeliest label from which on a medium shows one of the labels
    slope        of that decision, per unit of reach
    coverage     cosine to the nearest name from which on a label can be known; -1 for words
    """

    narrow: float = 0.05
    wide: float = 0.0
    softness: float = 1.0
    temperature: float = 1.0
    threshold: float = 0.0
    slope: float = 1.0
    coverage: float = -1.0


class LabelReader(nn.Module):
    """What one modality says of a set of labels.

    labels (K, D) are their unit vectors in the sentence space; `known` (K,) says which of them this modality can know at all.
    """

    labels: Tensor
    known: Tensor

    def __init__(self, labels: Tensor, known: Tensor, calibration: Calibration) -> None:
        super().__init__()
        self.labels = nn.Buffer(labels, persistent=False)
        self.known = nn.Buffer(known, persistent=False)
        self.calibration = calibration

    @property
    def votes(self) -> bool:
        """Whether this modality knows enough about the labels to vote."""
        return bool(self.known.any())

    def evidence(self, vector: Tensor) -> Evidence:
        """From the vector (B, N) of a medium."""
        raise NotImplementedError

    def point(self, vector: Tensor) -> Tensor:
        """The medium as a unit vector (B, D) of the sentence space."""
        raise NotImplementedError

    def forward(self, vector: Tensor) -> tuple[Tensor, Tensor]:
        """Calibrated log-probabilities (B, K) of the labels, and log-odds (B,) that it is one of them."""
        found = self.evidence(vector)
        best = found.reach.masked_fill(~self.known, float("-inf")).amax(-1) if self.votes else found.reach.amax(-1)
        known = (best - self.calibration.threshold) * self.calibration.slope
        return (found.logits / self.calibration.temperature).log_softmax(-1), known


class NamedLabels(LabelReader):
    """Labels as seen by a modality that is known by log-probabilities of names."""

    names: Tensor
    spread: Tensor
    assigned: Tensor

    def __init__(self, labels: Tensor, names: Tensor, calibration: Calibration, crowd: Tensor | None = None) -> None:
        """`names` (N, D) are unit vectors; `crowd` is what `crowding` gives for them, where it is known."""
        cosine = labels @ names.T  # (K, N)
        super().__init__(labels, cosine.amax(1) >= calibration.coverage, calibration)
        crowd = crowding(names) if crowd is None else crowd
        self.names = nn.Buffer(names, persistent=False)
        self.spread = nn.Buffer(((cosine - crowd / 2) / calibration.narrow).softmax(1), persistent=False)
        self.assigned = nn.Buffer((cosine / WIDE).softmax(0), persistent=False)

    def softened(self, log_probs: Tensor) -> Tensor:
        """Probabilities (B, N) at the calibrated softness, which is 1 for names that do not exclude each other."""
        softness = self.calibration.softness
        return log_probs.exp() if softness == 1.0 else (log_probs / softness).softmax(-1)

    def evidence(self, vector: Tensor) -> Evidence:
        probs = self.softened(vector)
        reach = (probs @ self.spread.T + LEAST).log()
        return Evidence(reach + self.calibration.wide * (probs @ self.assigned.T + LEAST).log(), reach)

    def point(self, vector: Tensor) -> Tensor:
        likeliest = vector.exp().topk(min(SPOKEN, vector.shape[-1]))
        return F.normalize((likeliest.values[..., None] * self.names[likeliest.indices]).sum(-2), dim=-1)

    def speakers(self, vector: Tensor, label: int, count: int = 3) -> list[tuple[int, float]]:
        """(index, probability) of the names that spoke most for a label, from the vector (N,) of one medium."""
        share = self.softened(vector[None])[0] * self.spread[label]
        return [(int(i), float(vector[i].exp())) for i in share.topk(min(count, len(share))).indices]


def crowding(names: Tensor) -> Tensor:
    """How near the names around each name lie (N,): the mean cosine to its `CROWD` nearest ones."""
    near = (names @ names.T).topk(min(CROWD + 1, len(names))).values[:, 1:]  # the first is the name itself
    return near.mean(1) if near.shape[1] else names.new_zeros(len(names))


class SentenceLabels(LabelReader):
    """Labels as seen by words, which are a point of the sentence space themselves."""

    def __init__(self, labels: Tensor, calibration: Calibration) -> None:
        super().__init__(labels, torch.ones(len(labels), dtype=torch.bool), calibration)

    def evidence(self, vector: Tensor) -> Evidence:
        cosine = vector @ self.labels.T
        return Evidence(cosine, cosine)

    def point(self, vector: Tensor) -> Tensor:
        return F.normalize(vector, dim=-1)
