"""When an answer is "none of these": a threshold on the confidence of each strategy, and how well it parts.

    python -m fusion calibrate --data DIR        writes `thresholds` into checkpoints/<task>/<strategy>/config.json

Of every task with an open set of labels. The threshold of a subset of the modalities is the confidence that 90 % of validation samples of
the classes reach with it, or,
where all but 4 % of validation samples of none of the classes stay below less, halfway between the two.
Modalities that contradict one another leave little confidence, too, and are not unknown: so an answer also counts as known where one
modality by itself is surer than all but 4 % of validation samples of none of the classes. `evaluate` measures the area under the ROC curve
of confidence between test samples of the classes and test samples of kinds that training never saw, none of the classes in any modality,
and how many of either are called none.

Reference: Hendrycks & Gimpel 2017 (maximum softmax probability as a baseline); Hendrycks 2019 (outlier exposure, as these were trained).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

from fusion.config import CHECKPOINTS, StrategyConfig, load_config, save_config
from fusion.evaluation.measure import answer
from fusion.lab import Lab
from fusion.model import FusionModel
from fusion.tasks import TASKS, Task, find_task
from fusion.training.features import FeatureCache, PreparedSamples, cache_path, fill, load_encoders
from fusion.types import FusionError

ACCEPTED, REACHED, COUNT, SEED = 0.9, 0.04, 300, 77


def features(task: Task, data: Path, split: str, empty: bool, count: int, seed: int) -> FeatureCache:
    """Clean samples of a split, or samples that show none of the classes, kept beside the data."""
    path = cache_path(task, data, CHECKPOINTS, ("rejection, large photos", split, empty, count, seed))
    cache = FeatureCache.find(path)
    if cache is None:
        encoders, samples = load_encoders(task, CHECKPOINTS), task.unknown_samples(split, data, empty)
        cache = fill(PreparedSamples(samples, encoders, count, seed), encoders, 2, torch.float16)
        cache.keep(path)
    return cache


def confidences(model: FusionModel, task: Task, cache: FeatureCache) -> dict[tuple[str, ...], Tensor]:
    """{subset of the modalities: confidence of every sample (N,)}."""
    order = model.strategy.modalities
    subsets = [s for size in range(1, len(order) + 1) for s in combinations(order, size)]
    return {s: answer(model, task, cache, s).probs.max(-1).values for s in subsets}


def thresholds_of(
    confident: Mapping[tuple[str, ...], Tensor], strange: Mapping[tuple[str, ...], Tensor], accepted: float = ACCEPTED
) -> dict[str, float]:
    """{subset: the confidence that a share `accepted` of the known reaches; where hardly anything strange does, halfway to what does}."""
    found = {}
    for subset, scores in confident.items():
        known, none = float(scores.quantile(1 - accepted)), float(strange[subset].quantile(1 - REACHED))
        found["+".join(subset)] = round(min(known, (known + none) / 2), 4)
    return found


def sure_of(strange: Mapping[tuple[str, ...], Tensor], thresholds: Mapping[str, float], reached: float = REACHED) -> dict[str, float]:
    """{modality: the confidence by itself that a share `reached` of what is none of the classes reaches, and at least its threshold}."""
    alone = {subset[0]: float(scores.quantile(1 - reached)) for subset, scores in strange.items() if len(subset) == 1}
    return {m: max(round(value, 4), thresholds[m]) for m, value in alone.items()}


def measure(
    model: FusionModel, task: Task, known: FeatureCache, none: FeatureCache, thresholds: Mapping[str, float], sure: Mapping[str, float]
) -> dict[str, Any]:
    """{subset: AUROC, share of the known that is accepted, share of the others that is called none}."""
    inside, outside = confidences(model, task, known), confidences(model, task, none)
    result = {}
    for subset, scores in inside.items():
        both = torch.cat([scores, outside[subset]])
        target = torch.cat([torch.ones(len(scores)), torch.zeros(len(outside[subset]))]).long()
        result["+".join(subset)] = {
            "auroc": round(float(binary_auroc(both, target)), 5),
            "threshold": (least := thresholds["+".join(subset)]),
            "accepted": round(float(known_of(inside, subset, least, sure).float().mean()), 5),
            "noticed": round(1 - float(known_of(outside, subset, least, sure).float().mean()), 5),
        }
    return result


def known_of(confident: Mapping[tuple[str, ...], Tensor], subset: tuple[str, ...], least: float, sure: Mapping[str, float]) -> Tensor:
    """Which samples (N,) count as known when `subset` is given, as `Lab` decides it."""
    alone = [confident[m,] >= sure.get(m, 2.0) for m in subset]
    return torch.stack([confident[subset] >= least, *alone]).any(0)


def report(lab: Lab, data: Path, count: int, seed: int) -> dict[str, Any]:
    """What `evaluate` writes for every strategy and baseline."""
    known, none = (features(lab.task, data, "test", empty, count, seed) for empty in (False, True))
    return {n: measure(m, lab.task, known, none, lab.thresholds[n] or {}, lab.sure[n] or {}) for n, m in lab.models.items()}


def calibrate(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, dict[str, float]]:
    lab, found = Lab(task, "cpu", checkpoints), {}
    cache, none = (features(task, data, "val", empty, COUNT, SEED) for empty in (False, True))
    for name, model in lab.models.items():
        path = checkpoints / task.name / name / "config.json"
        known, strange = confidences(model, lab.task, cache), confidences(model, lab.task, none)
        found[name] = thresholds_of(known, strange)
        save_config(
            path,
            replace(load_config(path, StrategyConfig), thresholds=found[name], sure=sure_of(strange, found[name])),
        )
    return found


def run(data: Path, task: str | None = None) -> dict[str, dict[str, dict[str, float]]]:
    """{task: what `calibrate` found} of one task, or of every task whose answers may be "none of these".

    Raises:
        FusionError: the task has a closed set of labels.
    """
    asked = [find_task(task)] if task else [each for each in TASKS.values() if each.heads.open_set]
    if closed := [each for each in asked if not each.heads.open_set]:
        raise FusionError(f"Every answer of the task {closed[0].name} is one of its labels: there is no threshold to choose.")
    return {each.name: calibrate(each, data) for each in asked}
