"""Whom a strategy believes when the modalities contradict one another, counted over many made-up conflicts.

    three against one   one modality names another label than all others do: how often the answer is theirs, and how often its
    all differ          each modality names a label of its own: how often the answer is what which of them says, or what nobody says

Media are clean test samples, drawn for each modality by itself. What an encoder misreads counts as well, so that `nobody` is not zero
for votes either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.model import FusionModel
from fusion.training.features import FeatureCache

COUNT, BATCH = 1000, 250


def contradict(
    cache: FeatureCache, groups: Mapping[str, int], count: int, rng: np.random.Generator
) -> tuple[dict[str, Tensor], dict[str, np.ndarray]]:
    """Samples {modality: rows (count,)} of a cache and what each says {modality: labels (count,)}; those of one group say the same."""
    content = {m: cache.content[:, cache.modalities.index(m)].numpy() for m in groups}
    common = sorted(set.intersection(*(set(c[c >= 0].tolist()) for c in content.values())))
    drawn = np.stack([rng.permutation(common)[: len(set(groups.values()))] for _ in range(count)])  # (count, groups)
    says = {m: drawn[:, group] for m, group in groups.items()}
    rows = {m: torch.from_numpy(np.stack([rng.choice(np.flatnonzero(content[m] == label)) for label in says[m]])) for m in groups}
    return rows, says


@torch.inference_mode()
def decide(model: FusionModel, cache: FeatureCache, rows: Mapping[str, Tensor]) -> np.ndarray:
    """Labels (N,) that a model answers."""
    order, found = model.strategy.modalities, []
    for start in range(0, len(rows[order[0]]), BATCH):
        some = {m: rows[m][start : start + BATCH] for m in order}
        present = torch.ones(len(some[order[0]]), len(order), dtype=torch.bool)
        found.append(model.fuse(cache.features(some, order, model.strategy.fuses == "tokens"), present).logits.argmax(-1))
    return torch.cat(found).numpy()


def measure_conflict(models: Mapping[str, FusionModel], cache: FeatureCache, seed: int, count: int = COUNT) -> dict[str, dict[str, Any]]:
    """{strategy: {"three": share, "one": {modality: share}, "each": {modality: share}, "nobody": share, "samples": of each question}}.

    "three" is over all choices of the one; "one" says how often that modality gets its way against the three; "each" and "nobody" are
    of conflicts in which all differ, and sum to 1.
    """
    rng, modalities = np.random.default_rng(seed), cache.modalities
    against = {m: contradict(cache, {other: int(other == m) for other in modalities}, count, rng) for m in modalities}
    apart = contradict(cache, {m: i for i, m in enumerate(modalities)}, count, rng)
    result = {}
    for name, model in models.items():
        three, one = [], {}
        for m, (rows, says) in against.items():
            answers = decide(model, cache, rows)
            three.append(np.mean(answers == next(says[other] for other in modalities if other != m)))
            one[m] = np.mean(answers == says[m])
        answers = decide(model, cache, apart[0])
        each = {m: np.mean(answers == labels) for m, labels in apart[1].items()}
        result[name] = {
            "three": round(float(np.mean(three)), 4),
            "one": {m: round(float(v), 4) for m, v in one.items()},
            "each": {m: round(float(v), 4) for m, v in each.items()},
            "nobody": round(float(1 - sum(each.values())), 4),
            "samples": count,
        }
    return result
