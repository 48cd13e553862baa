"""Each modality alone, on the test sets of its task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from fusion.encoders import collate
from fusion.evaluation.measure import metrics
from fusion.lab import Lab
from fusion.types import Medium


@torch.inference_mode()
def measure_single(lab: Lab, modality: str, media: Iterable[tuple[Medium, int]]) -> dict[str, Any]:
    """A baseline on media of one modality, in batches of 100; media that are none of the labels (-1) have only a confidence."""
    model, probs, labels, waiting = lab.models[f"{modality}_only"], [], [], []

    def flush() -> None:
        values, mask = collate([lab.encoders[modality].prepare(m) for m, _ in waiting])
        features = {modality: lab.encoders[modality](values.to(lab.device), mask.to(lab.device))}
        present = torch.ones(len(waiting), 1, dtype=torch.bool, device=lab.device)
        probs.append(model.fuse(features, present).logits.softmax(-1).cpu())
        labels.extend(label for _, label in waiting)
        waiting.clear()

    for pair in media:
        waiting.append(pair)
        if len(waiting) == 100:
            flush()
    if waiting:
        flush()
    found, label, least = torch.cat(probs), torch.tensor(labels), (lab.thresholds[f"{modality}_only"] or {}).get(modality)
    sure = found.max(-1).values
    facts: dict[str, Any] = {} if least is None else {"below_threshold": round(float((sure < least).float().mean()), 5)}
    if bool((label < 0).all()):
        return {"confidence": round(float(sure.mean()), 5), "samples": len(label)} | facts
    if least is None:
        return metrics(found, label)
    each = recalls(found, label, lab.labels)  # of the classes that there are; the mean over all would count the others as missed
    return metrics(found, label) | {"recall": round(sum(each.values()) / len(each), 5), "by_class": each} | facts


def recalls(probs: Tensor, label: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """{class: recall} of the classes that there are."""
    right = probs.argmax(-1) == label
    return {names[k]: round(float(right[label == k].float().mean()), 4) for k in label.unique().tolist()}
