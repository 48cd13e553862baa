"""Vectors of reference samples for the maps of "Inside the encoders", and how well a linear probe reads each distilled encoder.

python -m fusion references --task TASK --data DIR        writes checkpoints/<task>/references/ and encoders/*/metrics.json
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fusion.config import CHECKPOINTS
from fusion.evaluation.evaluate import SEED, make_test_caches
from fusion.files import save_json
from fusion.paths import METRICS, references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.tasks import Task
from fusion.training.features import FeatureCache, fill_cache
from fusion.training.references import probe
from fusion.training.strategy import strategy_recipe

KEPT = 2000  # vectors of each encoder


def vectors(cache: FeatureCache, column: int, count: int | None = None) -> ReferenceVectors:
    """One modality of a cache."""
    modality = cache.modalities[column]
    return ReferenceVectors(cache.pooled[modality][:count], cache.labels[:count], cache.content[:count, column])


def run(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, dict[str, float]]:
    """{modality: accuracy of a logistic regression, clean and at severity 3}."""
    found = {}
    cache = fill_cache(task, data, checkpoints, strategy_recipe("late", task))
    tests = make_test_caches(task, data, checkpoints, task.measuring.samples, SEED)
    for i, m in enumerate(task.modalities):
        test_vectors = {"probe": vectors(tests["all-0"], i), "probe_severity_3": vectors(tests["all-3"], i)}
        found[m] = probe(vectors(cache, i), test_vectors)
        vectors(cache, i, KEPT).save(references_file(checkpoints, task, m, task.encoders[m]))
        metrics = found[m] | {
            "samples": task.measuring.samples,
            "command": f"python -m fusion references --task {task.name} --data DIR",
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        }
        save_json(checkpoints / task.name / "encoders" / m / METRICS, metrics)
    return found
