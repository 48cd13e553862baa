"""What is predicted: one class, several labels, or a number; how logits become answers, and what they are trained to minimise.

    class    K logits, cross-entropy
    labels   2 K logits, a pair "no, yes" for each label, cross-entropy of each pair: every strategy's logits are log-odds up to a constant,
             so that its two-way softmax is right also for those that vote (late fusion)
    value    B logits, one for each of B bins between the quantiles of the training values; the target is spread over neighbouring bins
             (a histogram loss). The answer is the mean, the interval are the quantiles 2.5 % and 97.5 % of the bins.

Reference: Imani & White 2018 (Improving Regression Performance with Distributional Losses); Farebrother 2024 (Stop Regressing).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.messages import Message, message
from fusion.own_data.columns import number_of
from fusion.types import FusionError

BINS = 24
MOST_CLASSES = 1000
SMOOTHING = 0.05
COVERED = 0.95  # share of the values that the interval should hold


@dataclass(frozen=True)
class Target:
    """What is predicted.

    answer   "class", "labels" or "value"
    classes  the labels in order; of a value its bins, named by their centres
    edges    (B + 1,) of the bins of a value, else empty
    """

    answer: str
    classes: tuple[str, ...]
    edges: tuple[float, ...] = ()

    @property
    def num_logits(self) -> int:
        return 2 * len(self.classes) if self.answer == "labels" else len(self.classes)

    @property
    def centres(self) -> Tensor:
        edges = torch.tensor(self.edges)
        return (edges[1:] + edges[:-1]) / 2

    def encode(self, labels: list[Any]) -> Tensor:
        """Labels to what is trained on: (N,) class, (N, K) 0 or 1, or (N,) numbers."""
        if self.answer == "class":
            index = {label: i for i, label in enumerate(self.classes)}
            return torch.tensor([index.get(label, -1) for label in labels])
        if self.answer == "labels":
            return torch.tensor([[float(c in label) for c in self.classes] for label in labels])
        return torch.tensor([float(label) for label in labels])

    def rough(self, target: Tensor) -> Tensor:
        """(N,) a class for every target, for strategies that compare samples by class: the bin of a number, the rarest label of several."""
        if self.answer == "class":
            return target
        if self.answer == "labels":
            rarity = target / target.sum(0).clamp_min(1)
            return torch.where(target.any(1), rarity.argmax(1), -1)
        return torch.bucketize(target, torch.tensor(self.edges[1:-1]))

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """(B,) loss of each sample."""
        if self.answer == "class":
            return F.cross_entropy(logits, target, label_smoothing=SMOOTHING, reduction="none")
        if self.answer == "labels":
            pairs = logits.view(len(logits), -1, 2)
            smooth = target * (1 - SMOOTHING) + SMOOTHING / 2
            wanted = torch.stack([1 - smooth, smooth], -1)
            loss: Tensor = -(pairs.log_softmax(-1) * wanted).sum(-1).mean(-1)
            return loss
        return F.cross_entropy(logits, self.spread(target), reduction="none")

    def spread(self, target: Tensor) -> Tensor:
        """Numbers (N,) to distributions (N, B): a bell of the width of 3/4 of a bin, cut into bins."""
        edges = torch.tensor(self.edges)
        width = 0.75 * (edges[1:] - edges[:-1]).mean()
        below: Tensor = torch.special.ndtr((edges[None] - target.clamp(edges[0], edges[-1])[:, None]) / width)  # (N, B + 1)
        mass = below[:, 1:] - below[:, :-1]
        shares: Tensor = mass / mass.sum(-1, keepdim=True)
        return shares

    def probabilities(self, logits: Tensor) -> Tensor:
        """(..., logits) to (..., K): of the classes or bins, which sum to 1, or of each label by itself."""
        if self.answer == "labels":
            return logits.view(*logits.shape[:-1], -1, 2).softmax(-1)[..., 1]
        return logits.softmax(-1)

    def decide(self, probabilities: Tensor) -> Tensor:
        """(N, K) to the answer: (N,) class, (N, K) 0 or 1, (N,) number."""
        if self.answer == "class":
            return probabilities.argmax(-1)
        if self.answer == "labels":
            return (probabilities >= 0.5).float()
        return probabilities @ self.centres

    def scores(self, probabilities: Tensor, target: Tensor) -> Tensor:
        """(N,) how good each answer is, larger is better: 1 or 0; share of the labels that are right; minus the absolute error."""
        if self.answer == "class":
            return (probabilities.argmax(-1) == target).float()
        if self.answer == "labels":
            return ((probabilities >= 0.5).float() == target).float().mean(-1)
        return -(self.decide(probabilities) - target).abs()

    def interval(self, probabilities: Tensor) -> Tensor:
        """(N, B) to (N, 2): between which numbers 95 % of the probability lies."""
        edges = torch.tensor(self.edges)
        mass = torch.cat([torch.zeros(len(probabilities), 1), probabilities.cumsum(-1)], -1)  # (N, B + 1)
        ends = []
        for share in ((1 - COVERED) / 2, (1 + COVERED) / 2):
            upper = (mass < share).sum(-1).clamp(1, len(edges) - 1)
            low, high = mass.gather(1, upper[:, None] - 1)[:, 0], mass.gather(1, upper[:, None])[:, 0]
            part = ((share - low) / (high - low).clamp_min(1e-9)).clamp(0, 1)
            ends.append(edges[upper - 1] + part * (edges[upper] - edges[upper - 1]))
        return torch.stack(ends, -1)

    @property
    def measure(self) -> str:
        """What `scores` is the mean of."""
        return {"class": "accuracy", "labels": "accuracy of the labels", "value": "mean absolute error"}[self.answer]


def read_labels(values: list[Any], asked: str | None = None) -> tuple[list[Any], str, list[Message]]:
    """Labels as the target needs them, and which of the three it is.

    Args:
        values: one cell for each row; None, a word, "a|b", or a list.
        asked: "class", "labels" or "value", where a person says so.

    Returns:
        One label per row (None where it is empty), the kind of answer, and notes.

    Raises:
        FusionError: there are no labels, or only one, in one sentence.
    """
    there = [v for v in values if v is not None]
    if not there:
        raise FusionError("No sample has a label.")
    several = any(isinstance(v, list) for v in there) or sum("|" in str(v) for v in there) > 0
    numbers = [number_of(v) for v in there if not isinstance(v, list)]
    answer = asked or ("labels" if several else "value" if is_continuous(numbers) else "class")
    if answer == "labels":
        labels: list[Any] = [None if v is None else parts_of(v) for v in values]
        kinds = {part for label in labels if label for part in label}
    elif answer == "value":
        labels = [None if v is None else number_of(v) for v in values]
        kinds = {label for label in labels if label is not None}
    else:
        labels = [None if v is None else "|".join(map(str, v)) if isinstance(v, list) else tidy(v) for v in values]
        kinds = {label for label in labels if label is not None}
    if len(kinds) < 2 and answer != "labels" or not kinds:
        raise FusionError("All samples have the same label ({label}); at least two are needed.", label=str(next(iter(kinds), "")))
    if answer == "class" and (len(kinds) > MOST_CLASSES or len(kinds) > max(8, len(there) / 2)):
        raise FusionError(
            "The label has {count:,} different values in {rows:,} rows, which is too many to tell apart; name another column with --label.",
            count=len(kinds), rows=len(there),
        )  # fmt: skip
    notes = []
    if empty := len(values) - len(there):
        notes.append(message("{count:,} samples without a label are left out.", count=empty))
    return labels, answer, notes


def is_continuous(numbers: list[float | None]) -> bool:
    """Whether labels are measurements: numbers, of which many are different and some have decimals, or very many are different."""
    if not numbers or any(n is None for n in numbers):
        return False
    found = [n for n in numbers if n is not None]
    distinct = len(set(found))
    whole = all(n == int(n) for n in found)
    return distinct > 20 and (not whole or distinct > max(100, 0.2 * len(found)))


def parts_of(value: Any) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else str(value).split("|")
    return tuple(dict.fromkeys(str(part).strip() for part in parts if str(part).strip()))


def tidy(value: Any) -> str:
    """A label as a word: 1.0 is 1."""
    number = number_of(value)
    text = str(value).strip()
    return str(int(number)) if number is not None and number == int(number) and "." in text else text


def build_target(labels: list[Any], answer: str) -> Target:
    """The target of labels that are there; classes in the order of words, or of numbers where they are numbers."""
    if answer == "value":
        values = np.array([label for label in labels if label is not None], float)
        low, high = np.quantile(values, [0.0, 1.0])
        pad = 0.02 * (high - low)
        edges = np.linspace(low - pad, high + pad, BINS + 1)
        return Target(answer, tuple(f"{c:.4g}" for c in (edges[1:] + edges[:-1]) / 2), tuple(float(e) for e in edges))
    kinds = {part for label in labels if label is not None for part in (label if isinstance(label, tuple) else (label,))}
    return Target(answer, tuple(sorted(kinds, key=lambda k: (number_of(k) is None, number_of(k) or 0.0, k))))
