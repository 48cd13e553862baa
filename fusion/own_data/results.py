"""What a comparison found, for each strategy and for each seed: scores, probabilities, and the figures drawn from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import factorial
from typing import Any

import numpy as np
import torch

from fusion.own_data.bootstrap import Bootstrap, holm
from fusion.own_data.targets import Target


@dataclass
class Results:
    """Answers of all strategies on the test samples of all seeds.

    tested   (S, N) bool
    scores   {name: (S, N)}, see `Target.scores`
    probs    {name: (S, N, K)}
    val      {name: [mean score on the validation samples of each seed]}
    epochs   {name: [epochs after which each was best]}
    seconds  {name: [of each training]}
    subsets  {name: {modalities given, "photo+sound": (S, N) scores}}
    """

    tested: np.ndarray
    scores: dict[str, np.ndarray] = field(default_factory=dict)
    probs: dict[str, np.ndarray] = field(default_factory=dict)
    val: dict[str, list[float]] = field(default_factory=dict)
    epochs: dict[str, list[int]] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    subsets: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)

    def put(self, name: str, seed: int, rows: np.ndarray, scores: np.ndarray, probs: np.ndarray) -> None:
        S, N = self.tested.shape
        self.scores.setdefault(name, np.zeros((S, N), np.float32))[seed, rows] = scores
        self.probs.setdefault(name, np.zeros((S, N, probs.shape[1]), np.float32))[seed, rows] = probs

    def done(self, seeds: int) -> list[str]:
        """Those that were trained with so many seeds."""
        return [name for name, each in self.val.items() if len(each) >= seeds]


def subsets_of(modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All non-empty subsets, the whole first."""
    return [c for size in range(len(modalities), 0, -1) for c in combinations(modalities, size)]


def table(results: Results, names: list[str], singles: list[str], draws: Bootstrap, best_single: str) -> dict[str, Any]:
    """{strategy: mean and interval, and differences to the best single modality and to late fusion, corrected by Holm}."""
    fused = [n for n in names if n not in singles]
    against: dict[str, dict[str, Any]] = {}
    for other in (best_single, "late"):
        if other in names:
            raw = {n: draws.difference(results.scores[n], results.scores[other]) for n in fused if n != other}
            against[other] = holm(raw)
    rows: dict[str, Any] = {}
    for name in names:
        row: dict[str, Any] = draws.estimate(results.scores[name]).to_json()
        row["validation"] = round(float(np.nanmean(results.val[name])), 5)
        row["seconds"] = round(float(np.mean(results.seconds[name])), 3)
        for other, differences in against.items():
            if name in differences:
                row[f"to_{'single' if other == best_single else other}"] = differences[name].to_json()
        rows[name] = row
    return rows


def further(results: Results, target: Target, labels: torch.Tensor, name: str, late: str | None) -> dict[str, Any]:
    """Figures of one strategy beside its score: recall, calibration, confusion, subsets, Shapley values."""
    seeds, rows = np.nonzero(results.tested)
    probs = torch.from_numpy(results.probs[name][seeds, rows])
    wanted = labels[torch.from_numpy(rows)]
    found: dict[str, Any] = {}
    if target.answer == "class":
        found |= class_figures(probs, wanted, target)
    if target.answer == "value":
        found["inside_interval"] = round(float(covered(probs, wanted, target)), 4)
    subsets = {s: round(float(x[seeds, rows].mean()), 5) for s, x in results.subsets.get(name, {}).items()}
    if subsets:
        found["subsets"] = subsets
        nothing = float(target.scores(constant_answer(target, wanted).expand(len(wanted), -1), wanted).mean())
        found["nothing"] = round(nothing, 5)
        found["shapley"] = shapley(subsets, nothing)
        found["interaction"] = interaction(subsets, nothing)
    return found


def class_figures(probs: torch.Tensor, wanted: torch.Tensor, target: Target) -> dict[str, Any]:
    K = len(target.classes)
    said = probs.argmax(-1)
    confusion = torch.zeros(K, K, dtype=torch.long)
    confusion.index_put_((wanted, said), torch.ones_like(said), accumulate=True)
    count = confusion.sum(1)
    recall = confusion.diagonal() / count.clamp_min(1)
    precision = confusion.diagonal() / confusion.sum(0).clamp_min(1)
    f1 = 2 * recall * precision / (recall + precision).clamp_min(1e-9)
    there = count > 0
    return {
        "macro_recall": round(float(recall[there].mean()), 5),
        "macro_f1": round(float(f1[there].mean()), 5),
        "calibration_error": round(calibration_error(probs, wanted), 5),
        "confusion": confusion.tolist() if K <= 50 else None,
    }


def calibration_error(probs: torch.Tensor, wanted: torch.Tensor, bins: int = 10) -> float:
    """Expected calibration error: mean distance of confidence and accuracy in ten equal bins of confidence."""
    confidence, said = probs.max(-1)
    right = (said == wanted).float()
    place = (confidence * bins).long().clamp_max(bins - 1)
    total = 0.0
    for b in range(bins):
        own = place == b
        if own.any():
            total += float(own.float().mean() * (confidence[own].mean() - right[own].mean()).abs())
    return total


def covered(probs: torch.Tensor, wanted: torch.Tensor, target: Target) -> torch.Tensor:
    ends = target.interval(probs)
    return ((wanted >= ends[:, 0]) & (wanted <= ends[:, 1])).float().mean()


def constant_answer(target: Target, wanted: torch.Tensor) -> torch.Tensor:
    """(1, K) the best answer without looking: the shares of the classes, of each label, or the bin of the median."""
    if target.answer == "class":
        return torch.bincount(wanted, minlength=len(target.classes))[None] / len(wanted)
    if target.answer == "labels":
        return wanted.mean(0, keepdim=True)
    return torch.nn.functional.one_hot(target.rough(wanted.median()[None]), len(target.classes)).float()


def shapley(subsets: dict[str, float], nothing: float) -> dict[str, float]:
    """Mean gain in score by each modality over all orders in which they could be added; they sum to the score of all minus `nothing`."""
    names = max(subsets, key=lambda s: s.count("+")).split("+")
    M = len(names)

    def value(given: tuple[str, ...]) -> float:
        return subsets["+".join(n for n in names if n in given)] if given else nothing

    found = {}
    for name in names:
        others = [n for n in names if n != name]
        total = 0.0
        for size in range(M):
            weight = factorial(size) * factorial(M - size - 1) / factorial(M)
            for given in combinations(others, size):
                total += weight * (value((*given, name)) - value(given))
        found[name] = round(total, 5)
    return found


def interaction(subsets: dict[str, float], nothing: float) -> dict[str, float]:
    """Of the two best modalities: what either has (redundant), what one has alone (unique), and what only both together have (synergy).

    redundant = min(a, b), unique = max(a, b) - redundant, synergy = both - max(a, b), of scores above `nothing`. An estimate by accuracy,
    not by information, and of one model.
    """
    singles = sorted((s for s in subsets if "+" not in s), key=lambda s: -subsets[s])
    if len(singles) < 2:
        return {}
    order = max(subsets, key=lambda s: s.count("+")).split("+")
    first, second = sorted(singles[:2], key=order.index)
    a, b, both = (subsets[s] - nothing for s in (first, second, f"{first}+{second}"))
    return {
        "redundant": round(min(a, b), 5),
        "unique": round(abs(a - b), 5),
        "synergy": round(both - max(a, b), 5),
    }
