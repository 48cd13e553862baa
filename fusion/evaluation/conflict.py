"""Which modalities a strategy follows when they contradict one another, counted over many synthetic conflicts.

    three against one   one modality shows another label than all others: how often the answer is theirs, and how often its label
    all differ          each modality shows a label of its own: how often the answer is each of these, or none of them

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

COUNT = 1000  # conflicts of each kind
BATCH = 250


def contradict(
    cache: FeatureCache, groups: Mapping[str, int], count: int, rng: np.random.Generator
) -> tuple[dict[str, Tensor], dict[str, np.ndarray]]:
    """Draws `count` conflicts; the modalities of one group show the same label, different groups different ones.

    Returns:
        {modality: rows of the cache (count,)} and {modality: the label it shows (count,)}.
    """
    content = {m: cache.content[:, cache.modalities.index(m)].numpy() for m in groups}
    common = sorted(set.intersection(*(set(c[c >= 0].tolist()) for c in content.values())))
    num_groups = len(set(groups.values()))
    drawn = np.stack([rng.permutation(common)[:num_groups] for _ in range(count)])  # (count, groups)
    labels = {m: drawn[:, group] for m, group in groups.items()}
    rows = {}
    for m in groups:
        picked = [rng.choice(np.flatnonzero(content[m] == label)) for label in labels[m]]
        rows[m] = torch.from_numpy(np.stack(picked))
    return rows, labels


@torch.inference_mode()
def decide(model: FusionModel, cache: FeatureCache, rows: Mapping[str, Tensor]) -> np.ndarray:
    """Labels (N,) that a model answers."""
    order = model.strategy.modalities
    with_tokens = model.strategy.fuses == "tokens"
    answers = []
    for start in range(0, len(rows[order[0]]), BATCH):
        part = {m: rows[m][start : start + BATCH] for m in order}
        present = torch.ones(len(part[order[0]]), len(order), dtype=torch.bool)
        answers.append(model.fuse(cache.features(part, order, with_tokens), present).logits.argmax(-1))
    return torch.cat(answers).numpy()


def measure_conflict(models: Mapping[str, FusionModel], cache: FeatureCache, seed: int, count: int = COUNT) -> dict[str, dict[str, Any]]:
    """{strategy: {"three": share, "one": {modality: share}, "each": {modality: share}, "nobody": share, "samples": of each question}}.

    "three" is over all choices of the one; "one" says how often the answer is that modality's label against the three; "each" and
    "nobody" are of conflicts in which all differ, and sum to 1.
    """
    rng = np.random.default_rng(seed)
    modalities = cache.modalities
    against = {m: contradict(cache, {other: int(other == m) for other in modalities}, count, rng) for m in modalities}
    all_rows, all_labels = contradict(cache, {m: i for i, m in enumerate(modalities)}, count, rng)
    result = {}
    for name, model in models.items():
        three = []
        one = {}
        for m, (rows, labels) in against.items():
            answers = decide(model, cache, rows)
            other = next(x for x in modalities if x != m)
            three.append(np.mean(answers == labels[other]))
            one[m] = np.mean(answers == labels[m])
        answers = decide(model, cache, all_rows)
        each = {m: np.mean(answers == labels) for m, labels in all_labels.items()}
        result[name] = {
            "three": round(float(np.mean(three)), 4),
            "one": {m: round(float(v), 4) for m, v in one.items()},
            "each": {m: round(float(v), 4) for m, v in each.items()},
            "nobody": round(float(1 - sum(each.values())), 4),
            "samples": count,
        }
    return result
