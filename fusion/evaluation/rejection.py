"""Chooses when an answer is "none of these" (`fusion.heads.open_set`), and measures how well that separates known from unknown.

    python -m fusion calibrate --data DIR        writes `thresholds` into checkpoints/<task>/<strategy>/config.json

Of every task with an open set of labels. The threshold of a subset of the modalities is the confidence that 90 % of validation samples of
the classes reach with it, or, where 96 % of validation samples of none of the classes stay below a lower one, halfway between the two.
An answer also counts as known where one modality by itself is more confident than 96 % of them. `evaluate` measures the area under the
ROC curve of confidence between test samples of the classes and test samples of kinds that training never saw, none of the classes in any
modality, and how many of either are called none.

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
from fusion.heads.open_set import Confidences, OpenSetThresholds
from fusion.lab import Lab
from fusion.model import FusionModel
from fusion.tasks import TASKS, Task, find_task
from fusion.training.features import FeatureCache, PreparedSamples, cache_path, fill, load_encoders
from fusion.types import FusionError

ACCEPTED = 0.9  # share of validation samples of the classes that reach the threshold
REACHED = 0.04  # share of unknown validation samples that may be more confident
COUNT = 300
SEED = 77


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


def thresholds_of(known: Confidences, unknown: Confidences, accepted: float = ACCEPTED) -> dict[str, float]:
    """{subset: the confidence that a share `accepted` of the known reaches; if lower, halfway to what hardly any unknown exceeds}."""
    found = {}
    for subset, scores in known.items():
        reached = float(scores.quantile(1 - accepted))
        exceeded = float(unknown[subset].quantile(1 - REACHED))
        found["+".join(subset)] = round(min(reached, (reached + exceeded) / 2), 4)
    return found


def unimodal_thresholds_of(unknown: Confidences, thresholds: Mapping[str, float], reached: float = REACHED) -> dict[str, float]:
    """{modality: the confidence by itself that only a share `reached` of the unknown reaches, and at least its threshold}."""
    found = {}
    for subset, scores in unknown.items():
        if len(subset) == 1:
            modality = subset[0]
            found[modality] = max(round(float(scores.quantile(1 - reached)), 4), thresholds[modality])
    return found


def measure(model: FusionModel, task: Task, known: FeatureCache, none: FeatureCache, thresholds: OpenSetThresholds) -> dict[str, Any]:
    """{subset: AUROC, share of the known that is accepted, share of the others that is called none}."""
    inside = confidences(model, task, known)
    outside = confidences(model, task, none)
    result = {}
    for subset, scores in inside.items():
        both = torch.cat([scores, outside[subset]])
        target = torch.cat([torch.ones(len(scores)), torch.zeros(len(outside[subset]))]).long()
        result["+".join(subset)] = {
            "auroc": round(float(binary_auroc(both, target)), 5),
            "threshold": thresholds.threshold(subset),
            "accepted": round(float(thresholds.known(inside, subset).float().mean()), 5),
            "noticed": round(1 - float(thresholds.known(outside, subset).float().mean()), 5),
        }
    return result


def report(lab: Lab, data: Path, count: int, seed: int) -> dict[str, Any]:
    """What `evaluate` writes for every strategy and baseline."""
    known, none = (features(lab.task, data, "test", empty, count, seed) for empty in (False, True))
    found = {}
    for name, model in lab.models.items():
        thresholds = lab.thresholds[name]
        assert thresholds is not None
        found[name] = measure(model, lab.task, known, none, thresholds)
    return found


def calibrate(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, dict[str, float]]:
    """Chooses the thresholds of every strategy and baseline and writes them into their configurations; returns those on fused answers."""
    lab = Lab(task, "cpu", checkpoints)
    found = {}
    cache = features(task, data, "val", False, COUNT, SEED)
    none = features(task, data, "val", True, COUNT, SEED)
    for name, model in lab.models.items():
        path = checkpoints / task.name / name / "config.json"
        unknown = confidences(model, lab.task, none)
        found[name] = thresholds_of(confidences(model, lab.task, cache), unknown)
        unimodal = unimodal_thresholds_of(unknown, found[name])
        save_config(path, replace(load_config(path, StrategyConfig), thresholds=found[name], unimodal_thresholds=unimodal))
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
