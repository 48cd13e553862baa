"""Are the explanations true? Deletion and insertion areas of every explainer on every strategy, over test samples.

A gain is the area by which an explainer's order of the tokens beats random orders, in the probability of the answer (see
`fusion.explain.faithfulness`); 0 is no better than chance. Without a gradient path (late votes of one vector each) relevance still
reaches the tokens through the encoder's pool.
"""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import Any

from fusion.explain import TOKEN_EXPLAINERS, measure_faithfulness
from fusion.inputs import Encoded
from fusion.lab import Lab
from fusion.tasks import Task
from fusion.types import Medium


def make_inputs(task: Task, data: Path, count: int, seed: int) -> list[dict[str, Medium]]:
    """Clean test media of all modalities; where samples are halves of two, the next sample says the other half."""
    samples = task.samples("test", data)
    media = [samples.sample(i, seed).inputs for i in range(count + 1)]
    other = task.pairing.modalities if task.pairing else ()
    return [one | {m: media[i + 1][m] for m in other} for i, one in enumerate(media[:-1])]


def judge(lab: Lab, inputs: list[Encoded]) -> dict[str, dict[str, dict[str, float]]]:
    """{strategy: {explainer: mean gains of deletion and insertion, and their standard errors}}, each of the strategy's own answer."""
    result: dict[str, dict[str, Any]] = {}
    for name in lab.strategies:
        gains: dict[str, list[tuple[float, float]]] = {}
        for seed, encoded in enumerate(inputs):
            label = lab.predict(encoded, name).label
            for kind, explain in TOKEN_EXPLAINERS.items():
                scores = explain(lab, encoded, name, label)
                if scores:  # a strategy without attention has none of that kind
                    found = measure_faithfulness(lab, encoded, name, label, scores, seed=seed)
                    gains.setdefault(kind, []).append((found.deletion_gain, found.insertion_gain))
        result[name] = {kind: _mean(each) for kind, each in gains.items()}
    return result


def _mean(gains: list[tuple[float, float]]) -> dict[str, float]:
    deletion, insertion = zip(*gains, strict=True)
    return {
        "deletion_gain": round(statistics.mean(deletion), 4),
        "deletion_error": round(statistics.stdev(deletion) / math.sqrt(len(gains)), 4) if len(gains) > 1 else 0.0,
        "insertion_gain": round(statistics.mean(insertion), 4),
        "insertion_error": round(statistics.stdev(insertion) / math.sqrt(len(gains)), 4) if len(gains) > 1 else 0.0,
        "samples": len(gains),
    }
