"""Each modality alone, on the test sets of its task."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from fusion.encoders import collate
from fusion.evaluation.measure import metrics
from fusion.lab import Lab
from fusion.types import Medium

BATCH = 100


@torch.inference_mode()
def measure_single(lab: Lab, modality: str, media: Iterable[tuple[Medium, int]]) -> dict[str, Any]:
    """A baseline on media of one modality, in batches of 100; media that are none of the labels (-1) have only a confidence."""
    baseline = f"{modality}_only"
    encoder = lab.encoders[modality]
    probs: list[Tensor] = []
    known: list[Tensor] = []
    labels: list[int] = []
    pairs = iter(media)
    while part := list(islice(pairs, BATCH)):
        values, mask = collate([encoder.prepare(medium) for medium, _ in part])
        features = {modality: encoder(values.to(lab.device), mask.to(lab.device))}
        present = torch.ones(len(part), 1, dtype=torch.bool, device=lab.device)
        probs.append(lab.models[baseline].fuse(features, present).logits.softmax(-1).cpu())
        labels += [label for _, label in part]
        if lab.open_set is not None:
            known.append(lab.open_set.known(lab.open_set.scores(features)).cpu())
    return figures_of(torch.cat(probs), torch.tensor(labels), lab.labels, torch.cat(known) if known else None)


def figures_of(probs: Tensor, label: Tensor, names: tuple[str, ...], known: Tensor | None) -> dict[str, Any]:
    """Metrics of probabilities (N, K) and labels (N,); `known` (N,) is None in tasks without "none of these"."""
    none = {} if known is None else {"called_none": round(1 - float(known.float().mean()), 5)}
    if bool((label < 0).all()):
        return {"confidence": round(float(probs.max(-1).values.mean()), 5), "samples": len(label)} | none
    by_class = recalls(probs, label, names)  # of the classes that occur; the mean over all would count the others as missed
    recall = round(sum(by_class.values()) / len(by_class), 5)
    return metrics(probs, label) | {"recall": recall, "by_class": by_class} | none


def recalls(probs: Tensor, label: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """{class: recall} of the classes that occur."""
    right = probs.argmax(-1) == label
    return {names[k]: round(float(right[label == k].float().mean()), 4) for k in sorted(set(label.tolist()))}
