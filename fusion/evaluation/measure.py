"""What a model answers on cached test samples, and the figures drawn from it: by strategy, subset of modalities, severity, seed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
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
from fusion.training.batches import make_batch
from fusion.training.features import FeatureCache
from fusion.types import Features

BATCH = 250
PAIRS_SEED = 11  # of partners, where samples are halves of two: the same for every strategy, seed and severity


@dataclass(frozen=True)
class Answers:
    """probs (N, K), label (N,); weights {modality: mean learned weight} or None; place and its targets where the task asks where.

    pointing  (N,) bool, the peak of the questions' attention to the picture lies in the asked box; None without attention
    """

    probs: Tensor
    label: Tensor
    weights: dict[str, float] | None
    place: Location | None
    targets: dict[str, Tensor]
    pointing: Tensor | None


@dataclass(frozen=True)
class BatchAnswers:
    """The same for B samples; weights (B, M) of each sample."""

    probs: Tensor
    label: Tensor
    weights: Tensor | None
    place: Location | None
    targets: dict[str, Tensor]
    pointing: Tensor | None


def answer(
    model: FusionModel, task: Task, cache: FeatureCache, subset: tuple[str, ...], held: bool | None = None, look: bool = False
) -> Answers:
    """Runs a model that sees `subset` of every cached sample.

    Args:
        held: see `fusion.tasks.base.Pairing`.
        look: also ask for attention, for the pointing game.
    """
    starts = range(0, len(cache), BATCH)
    parts = [answer_batch(model, task, cache, range(start, min(start + BATCH, len(cache))), subset, held, look) for start in starts]
    weights = concatenated([part.weights for part in parts])
    mean = None
    if weights is not None:
        mean = dict(zip(model.strategy.modalities, weights.mean(0).tolist(), strict=True))
    return Answers(
        probs=torch.cat([part.probs for part in parts]),
        label=torch.cat([part.label for part in parts]),
        weights=mean,
        place=concatenated_places([part.place for part in parts if part.place is not None]),
        targets={key: torch.cat([part.targets[key] for part in parts]) for key in parts[0].targets},
        pointing=concatenated([part.pointing for part in parts]),
    )


@torch.inference_mode()
def answer_batch(
    model: FusionModel, task: Task, cache: FeatureCache, rows: range, subset: tuple[str, ...], held: bool | None, look: bool
) -> BatchAnswers:
    """Runs a model on consecutive samples of a cache, see `answer`."""
    everyone = torch.ones(len(rows), len(cache.modalities), dtype=torch.bool)
    rng = np.random.default_rng([PAIRS_SEED, rows.start])
    with_tokens = model.strategy.fuses == "tokens"
    batch = make_batch(task, cache, torch.tensor(rows), cache.modalities, everyone, rng, held, with_tokens)
    order = model.strategy.modalities
    features = {m: Features(*batch["features"][m]) for m in order if m in subset}
    present = torch.tensor([[m in subset for m in order]]).expand(len(rows), -1)
    fused = model.fuse(features, present, need_attention=look)
    targets: dict[str, Tensor] = {}
    points = None
    where = task.heads.localization
    if where:
        targets = {"found": batch["found"], "box": batch["box"], "mask": batch["mask"]}
        if fused.output.attention:
            is_present = {m: present[:, i] for i, m in enumerate(order)}
            looked = question_attention(fused.output.attention, features, is_present, where.image)
            points = pointing(looked, batch["box"], where.grid)
    return BatchAnswers(fused.logits.softmax(-1), batch["label"], fused.output.weights, fused.place, targets, points)


def concatenated(parts: Sequence[Tensor | None]) -> Tensor | None:
    """Those that there are; None where there are none."""
    found = [part for part in parts if part is not None]
    return torch.cat(found) if found else None


def concatenated_places(places: list[Location]) -> Location | None:
    if not places:
        return None
    return Location(
        box=torch.cat([place.box for place in places]),
        found=torch.cat([place.found for place in places]),
        mask=torch.cat([place.mask for place in places]),
        scores=concatenated([place.scores for place in places]),
    )


def pointing(look: Tensor, box: Tensor, grid: int) -> Tensor:
    """(B,) bool: the cell (B, T) that the questions look at most has its centre in the box."""
    return inside_box(box, grid).gather(1, look.argmax(-1, keepdim=True)).squeeze(1)


def metrics(probs: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, macro recall, macro F1 and expected calibration error of probabilities (N, K)."""
    K = probs.shape[1]
    return {
        "accuracy": round(float((probs.argmax(-1) == labels).float().mean()), 5),
        "recall": round(float(multiclass_accuracy(probs, labels, K, average="macro")), 5),
        "f1": round(float(multiclass_f1_score(probs, labels, K, average="macro")), 5),
        "calibration_error": calibration_error(probs, labels),
        "samples": len(labels),
    }


def calibration_error(probs: Tensor, labels: Tensor) -> float:
    """Expected calibration error in ten bins: how far confidence and accuracy lie apart, on average over answers."""
    return round(float(multiclass_calibration_error(probs, labels, probs.shape[1], n_bins=10, norm="l1")), 5)


def place_metrics(answers: Answers) -> dict[str, float]:
    """Figures of localization.

    Over samples that hold what is asked for: mean IoU of the box, centre in the asked box, IoU of the mask, attention peak in the box.
    Over all samples: whether it is there, and over those without it, how often that was noticed.
    """
    assert answers.place is not None
    found = answers.targets["found"]
    box, wanted = answers.place.box[found], answers.targets["box"][found]
    x = box[:, ::2].mean(-1)
    y = box[:, 1::2].mean(-1)
    inside = (x >= wanted[:, 0]) & (x <= wanted[:, 2]) & (y >= wanted[:, 1]) & (y <= wanted[:, 3])
    predicted_ink = answers.place.mask[found] > 0
    ink = answers.targets["mask"][found] > 127
    mask_iou = (predicted_ink & ink).sum((1, 2)) / (predicted_ink | ink).sum((1, 2)).clamp_min(1)
    predicted_found = answers.place.found > 0
    result = {
        "iou": box_iou(box, wanted).mean(),
        "centre_inside": inside.float().mean(),
        "mask_iou": mask_iou.mean(),
        "found_accuracy": (predicted_found == found).float().mean(),
        "absent_noticed": (~predicted_found)[~found].float().mean(),
    }
    if answers.pointing is not None:
        result["pointing"] = answers.pointing[found].float().mean()
    return {k: round(float(v), 5) for k, v in result.items()}


def area(accuracies: list[float]) -> float:
    """Area under accuracy over severity 0-5, as a mean in [0, 1] (trapezoids)."""
    return float(np.trapezoid(accuracies) / (len(accuracies) - 1))


def cost(model: FusionModel, features: dict[str, Features], rounds: int = 30) -> dict[str, float]:
    """Parameters, multiply-adds and median milliseconds of strategy and heads for one sample; the encoders are not counted."""
    present = torch.ones(1, len(model.strategy.modalities), dtype=torch.bool)
    given = {m: features[m] for m in model.strategy.modalities}
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model.fuse(given, present)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            model.fuse(given, present)
            times.append(time.perf_counter() - start)
    parameters = sum(p.numel() for k, p in model.named_parameters() if not k.startswith("encoders."))
    return {
        "parameters": parameters,
        "multiply_adds": counter.get_total_flops() // 2,
        "milliseconds": round(1000 * statistics.median(times), 3),
    }


def summary(values: list[float]) -> dict[str, Any]:
    """Mean, standard deviation (n - 1) and the values themselves."""
    deviation = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": round(statistics.mean(values), 5), "deviation": round(deviation, 5), "each": [round(v, 5) for v in values]}
