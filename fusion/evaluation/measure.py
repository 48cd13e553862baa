"""What a model answers on cached test samples, and the figures drawn from it: by strategy, subset of modalities, severity, seed."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error, multiclass_f1_score

from fusion.heads.localization import Location, box_iou, inside_box, question_attention
from fusion.model import FusionModel
from fusion.tasks import Task
from fusion.training.features import FeatureCache, make_batch
from fusion.types import Features

BATCH = 250
PAIRS_SEED = 11  # of partners, where samples are halves of two: the same for every strategy, seed and severity


@dataclass(frozen=True)
class Answers:
    """probs (N, K), label (N,); weights (M,) mean learned share or None; place and its targets where the task has one.

    pointing  (N,) bool, the peak of the questions' attention to the picture lies in the asked box; None without attention
    """

    probs: Tensor
    label: Tensor
    weights: dict[str, float] | None
    place: Location | None
    targets: dict[str, Tensor]
    pointing: Tensor | None


@torch.inference_mode()
def answer(
    model: FusionModel, task: Task, cache: FeatureCache, subset: tuple[str, ...], held: bool | None = None, look: bool = False
) -> Answers:
    """Runs a model that sees `subset` of every cached sample.

    Args:
        held: see `fusion.tasks.base.Pairing`.
        look: also ask for attention, for the pointing game.
    """
    modalities, probs, labels, weights, places, targets, points = cache.modalities, [], [], [], [], [], []
    for start in range(0, len(cache), BATCH):
        index = torch.arange(start, min(start + BATCH, len(cache)))
        everyone = torch.ones(len(index), len(modalities), dtype=torch.bool)
        rng = np.random.default_rng([PAIRS_SEED, start])
        batch = make_batch(task, cache, index, modalities, everyone, rng, held, with_tokens=model.strategy.fuses == "tokens")
        order = model.strategy.modalities
        features = {m: Features(*batch["features"][m]) for m in order if m in subset}
        present = torch.tensor([[m in subset for m in order]]).expand(len(index), -1)
        fused = model.fuse(features, present, need_attention=look)
        probs.append(fused.logits.softmax(-1))
        labels.append(batch["label"])
        if fused.output.weights is not None:
            weights.append(fused.output.weights)
        if fused.place is not None:
            places.append(fused.place)
        if task.heads.localization:
            targets.append({k: batch[k] for k in ("found", "box", "mask")})
        if fused.output.attention and task.heads.localization:
            there = {m: present[:, i] for i, m in enumerate(order)}
            seen = question_attention(fused.output.attention, features, there, task.heads.localization.image)
            points.append(pointing(seen, batch["box"], task.heads.localization.grid))
    mean = dict(zip(model.strategy.modalities, torch.cat(weights).mean(0).tolist(), strict=True)) if weights else None
    placed = Location(*(torch.cat(part) if part[0] is not None else None for part in zip(*places, strict=True))) if places else None
    joined = {k: torch.cat([t[k] for t in targets]) for k in targets[0]} if targets else {}
    return Answers(torch.cat(probs), torch.cat(labels), mean, placed, joined, torch.cat(points) if points else None)


def pointing(look: Tensor, box: Tensor, grid: int) -> Tensor:
    """(B,) bool: the cell (B, T) that the questions look at most has its centre in the box."""
    return inside_box(box, grid).gather(1, look.argmax(-1, keepdim=True)).squeeze(1)


def metrics(probs: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, macro recall, macro F1 and expected calibration error (15 bins, L1) of probabilities (N, K)."""
    K = probs.shape[1]
    return {
        "accuracy": round(float((probs.argmax(-1) == labels).float().mean()), 5),
        "recall": round(float(multiclass_accuracy(probs, labels, K, average="macro")), 5),
        "f1": round(float(multiclass_f1_score(probs, labels, K, average="macro")), 5),
        "calibration_error": round(float(multiclass_calibration_error(probs, labels, K, n_bins=15, norm="l1")), 5),
        "samples": len(labels),
    }


def place_metrics(answers: Answers) -> dict[str, float]:
    """Where it is, over samples in which it is there: mean IoU of the box, centre in the asked box, IoU of the mask, attention peak in the
    box; over all samples: whether it is there."""
    place, there = answers.place, answers.targets["found"]
    box, wanted = place.box[there], answers.targets["box"][there]
    x, y = box[:, ::2].mean(-1), box[:, 1::2].mean(-1)
    hit = (x >= wanted[:, 0]) & (x <= wanted[:, 2]) & (y >= wanted[:, 1]) & (y <= wanted[:, 3])
    drawn, ink = place.mask[there] > 0, answers.targets["mask"][there] > 127
    mask = (drawn & ink).sum((1, 2)) / (drawn | ink).sum((1, 2)).clamp_min(1)
    said = place.found > 0
    result = {"iou": box_iou(box, wanted).mean(), "centre_inside": hit.float().mean(), "mask_iou": mask.mean(),
              "found_accuracy": (said == there).float().mean(), "absent_noticed": (~said)[~there].float().mean()}  # fmt: skip
    if answers.pointing is not None:
        result["pointing"] = answers.pointing[there].float().mean()
    return {k: round(float(v), 5) for k, v in result.items()}


def area(accuracies: list[float]) -> float:
    """Area under accuracy over severity 0-5, as a mean in [0, 1] (trapezoids)."""
    return float(np.trapezoid(accuracies) / (len(accuracies) - 1))


def cost(model: FusionModel, features: dict[str, Features], rounds: int = 30) -> dict[str, float]:
    """Trained numbers, multiply-adds and median milliseconds of strategy and heads for one sample; the encoders are not counted."""
    present = torch.ones(1, len(model.strategy.modalities), dtype=torch.bool)
    seen = {m: features[m] for m in model.strategy.modalities}
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model.fuse(seen, present)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            model.fuse(seen, present)
            times.append(time.perf_counter() - start)
    parameters = sum(p.numel() for k, p in model.named_parameters() if not k.startswith("encoders."))
    return {
        "parameters": parameters,
        "multiply_adds": counter.get_total_flops() // 2,
        "milliseconds": round(1000 * statistics.median(times), 3),
    }


def summary(values: list[float]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1) and the values themselves."""
    return {"mean": round(statistics.mean(values), 5), "deviation": round(statistics.stdev(values), 5) if len(values) > 1 else 0.0,
            "each": [round(v, 5) for v in values]}  # fmt: skip
