"""Trains and measures what tells "none of these" (`fusion.heads.open_set`); `python -m fusion calibrate` calls it.

The threshold of a subset of the modalities lies, on validation media, where at most 5 % of the known are called none; every kind of media
(a language, a data set) counts the same. Where other media leave room below, it lies lower: halfway to what 95 % of them stay below. For
several modalities the known are samples in which all of them show a label or, where that leaves enough others flagged, only one does: a
photo of a dog is a dog beside a silent recording.

Reference: Hendrycks, Mazeika & Dietterich 2019 (outlier exposure); Hendrycks & Gimpel 2017 (confidence as a baseline).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

from fusion.config import CHECKPOINTS, OpenSetConfig
from fusion.heads.open_set import OpenSet, given_parts, joint_score, known_by
from fusion.heads.temperature import every_subset
from fusion.model import load_model
from fusion.tasks import Task
from fusion.training.open_set import FALSE_ALARMS, HIDDEN, Statistics, fit_head, statistics

MISSED = 0.05  # share of other media that may lie above the threshold, where the known allow it
JOINT = 4000  # samples of several modalities, drawn from those of each
Scores = dict[str, Tensor]  # {modality or kind: (N,)}


def train(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> OpenSet | None:
    """The networks and thresholds of a task; None where it has no other media to train with."""
    if not task.other_media(task.modalities[0], "train", data):
        return None
    found = {m: {split: statistics(task, m, split, data, checkpoints) for split in ("train", "val")} for m in task.modalities}
    config = OpenSetConfig(task.name, task.modalities, tuple("+".join(part) for part in task.parts), {}, len(task.labels), hidden=HIDDEN)
    open_set = OpenSet(config)
    for m, splits in found.items():
        folder = checkpoints / task.encoder_tasks[m] / f"{m}_only"
        open_set.heads[m] = fit_head(load_model(folder, {m: None}), splits["train"], splits["val"])
    config.thresholds.update(thresholds_of(open_set, {m: splits["val"] for m, splits in found.items()}))
    return open_set.eval()


def kinds_of(open_set: OpenSet, modality: str, kinds: Mapping[str, Tensor]) -> Scores:
    with torch.inference_mode():
        return {kind: open_set.heads[modality](x) for kind, x in kinds.items()}


def thresholds_of(open_set: OpenSet, found: Mapping[str, Statistics]) -> dict[str, float]:
    """{modalities given of one part: threshold}. Where an input has several parts, the false alarms are shared among them."""
    known = {m: kinds_of(open_set, m, each.known) for m, each in found.items()}
    other = {m: kinds_of(open_set, m, each.other) for m, each in found.items()}
    allowed = FALSE_ALARMS / len(open_set.parts)
    return {"+".join(subset): threshold_of(subset, known, other, allowed) for part in open_set.parts for subset in every_subset(part)}


def threshold_of(subset: tuple[str, ...], known: Mapping[str, Scores], other: Mapping[str, Scores], allowed: float) -> float:
    """The threshold of one subset, from scores of validation media by modality and kind."""
    highest = float(joint(subset, known).quantile(allowed))
    mixed = [joint(subset, {m: known[m] if m == one else other[m] for m in subset}) for one in subset]
    lenient = min(float(scores.quantile(allowed)) for scores in mixed)  # the same where one modality is all
    needed = float(joint(subset, other).quantile(1 - MISSED))
    if needed <= lenient:
        return round((needed + lenient) / 2, 4)
    return round(min(needed, highest), 4)


def joint(subset: tuple[str, ...], scores: Mapping[str, Scores]) -> Tensor:
    """Highest scores (JOINT,) over modalities, of samples whose media are drawn independently, every kind as often."""
    return joint_score(drawn(subset, scores), subset)


def drawn(subset: tuple[str, ...], scores: Mapping[str, Scores]) -> Scores:
    """{modality: (JOINT,)} of samples whose media are drawn independently, every kind as often."""
    rng = np.random.default_rng(len(subset))
    found = {}
    for m in subset:
        kinds = list(scores[m].values())
        each = -(-JOINT // len(kinds))
        rows = torch.cat([kind[torch.from_numpy(rng.integers(0, len(kind), each))] for kind in kinds])
        found[m] = rows[torch.from_numpy(rng.permutation(len(rows))[:JOINT])]
    return found


def measure(open_set: OpenSet, task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    """How well test media of the labels and kinds that training never saw are told apart, by each modality alone and by every subset."""
    found = {m: statistics(task, m, "test", data, checkpoints) for m in task.modalities}
    known = {m: kinds_of(open_set, m, each.known) for m, each in found.items()}
    other = {m: kinds_of(open_set, m, each.other) for m, each in found.items()}
    return {
        "modalities": {m: by_kind(known[m], other[m], open_set.config.thresholds[m]) for m in task.modalities},
        "subsets": {"+".join(s): by_subset(open_set, s, known, other) for s in every_subset(task.modalities)},
    }


def by_kind(known: Scores, other: Scores, threshold: float) -> dict[str, Any]:
    """Shares called none, of all kinds together (each counts the same) and of each."""
    accepted = {kind: share(scores >= threshold) for kind, scores in known.items()}
    noticed = {kind: share(scores < threshold) for kind, scores in other.items()}
    inside, outside = drawn(("x",), {"x": known})["x"], drawn(("x",), {"x": other})["x"]
    target = torch.cat([torch.ones(len(inside)), torch.zeros(len(outside))]).long()
    return {
        "auroc": round(float(binary_auroc(torch.cat([inside, outside]), target)), 5),
        "threshold": threshold,
        "accepted": round(float(np.mean(list(accepted.values()))), 5),
        "noticed": round(float(np.mean(list(noticed.values()))), 5),
        "accepted_by_kind": accepted,
        "noticed_by_kind": noticed,
        "samples": [sum(map(len, known.values())), sum(map(len, other.values()))],
    }


def by_subset(open_set: OpenSet, subset: tuple[str, ...], known: Mapping[str, Scores], other: Mapping[str, Scores]) -> dict[str, Any]:
    """Shares of samples that are known or none in every modality given, and of those in which one modality of each part is known."""
    parts, thresholds = open_set.parts, open_set.config.thresholds

    def accepted(scores: Mapping[str, Scores]) -> float:
        return share(known_by(drawn(subset, scores), parts, thresholds))

    one_known = []
    given = given_parts(parts, subset)
    for place in range(max(map(len, given))):
        kept = {part[min(place, len(part) - 1)] for part in given}
        one_known.append(accepted({m: known[m] if m in kept else other[m] for m in subset}))
    return {
        "accepted": accepted(known),
        "noticed": round(1 - accepted(other), 5),
        "accepted_with_one_known": round(float(np.mean(one_known)), 5),
    }


def share(true: Tensor) -> float:
    return round(float(true.float().mean()), 5)
