"""Fits the temperatures of strategies (`fusion.heads.temperature`) on validation data, and measures what they change on test data.

Validation media are corrupted as in training, half of them not at all: where every clean sample is right, a temperature fitted to these
alone would be as low as allowed and make every answer certain. The test samples are clean.

Reference: Guo 2017, On Calibration of Modern Neural Networks (arXiv 1706.04599).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fusion.config import CHECKPOINTS
from fusion.evaluation.measure import answer, calibration_error
from fusion.heads.temperature import every_subset, fit_temperature
from fusion.model import FusionModel, load_encoder
from fusion.tasks import Task
from fusion.training.features import FeatureCache, PreparedSamples, cache_path, fill, joined

SEED = 77


def features(task: Task, split: str, data: Path, count: int, checkpoints: Path = CHECKPOINTS) -> FeatureCache:
    """Samples of a split, each modality encoded and kept by itself: with a new encoder only its own is encoded again."""
    severity = "train" if split == "val" else "none"
    parts = {}
    for m in task.modalities:
        path = cache_path(task, data, checkpoints, ("calibration", split, severity, count, SEED), (m,))
        part = FeatureCache.find(path)
        if part is None:
            encoder = load_encoder(checkpoints / task.encoder_tasks[m] / "encoders" / m)
            samples = PreparedSamples(task.samples(split, data, (m,)), {m: encoder}, count, SEED, severity)
            part = fill(samples, {m: encoder}, 0, torch.float32)
            part.keep(path)
        parts[m] = part
    return joined(parts, task.heads.localization.image if task.heads.localization else None)


def logits_of(model: FusionModel, task: Task, cache: FeatureCache, subset: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Logits (N, K) before the temperature, up to a constant in each row, and labels (N,)."""
    with model.temperatures.left_out():
        found = answer(model, task, cache, subset)
    return found.probs.clamp_min(1e-30).log(), found.label


def fit(model: FusionModel, task: Task, cache: FeatureCache) -> dict[str, float]:
    """{modalities given: temperature}; with samples whose label is not decided by them, too, as then nothing should be likely."""
    return {"+".join(s): fit_temperature(*logits_of(model, task, cache, s)) for s in every_subset(model.strategy.modalities)}


def measure(model: FusionModel, task: Task, cache: FeatureCache) -> dict[str, dict[str, Any]]:
    """{modalities given: temperature, expected calibration error with and without it}."""
    found = {}
    for subset in every_subset(model.strategy.modalities):
        temperature = model.temperatures.get(subset)
        logits, labels = logits_of(model, task, cache, subset)
        found["+".join(subset)] = {
            "temperature": round(temperature, 4),
            "before": calibration_error(logits.softmax(-1), labels),
            "after": calibration_error((logits / temperature).softmax(-1), labels),
            "samples": len(labels),
        }
    return found
