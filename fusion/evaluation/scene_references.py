"""Vectors of reference samples for the maps of "Inside the encoders", and how well a linear probe reads each distilled encoder.

python -m fusion references --task TASK --data DIR        writes checkpoints/<task>/references/ and encoders/*/facts.json
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fusion.config import CHECKPOINTS
from fusion.encoder_choice import ReferenceVectors
from fusion.encoder_registry import FACTS
from fusion.evaluation.evaluate import SEED, make_test_caches
from fusion.files import save_json
from fusion.tasks import Task
from fusion.training.features import FeatureCache
from fusion.training.references import probe
from fusion.training.train import fill_cache, recipe_of

KEPT = 2000  # vectors of each encoder


def vectors(cache: FeatureCache, column: int, count: int | None = None) -> ReferenceVectors:
    """One modality of a cache."""
    modality = cache.modalities[column]
    return ReferenceVectors(cache.pooled[modality][:count], cache.labels[:count], cache.content[:count, column])


def run(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, dict[str, float]]:
    """{modality: accuracy of a logistic regression, clean and at severity 3}."""
    found = {}
    cache = fill_cache(task, data, checkpoints, recipe_of("late", task))
    tests = make_test_caches(task, data, checkpoints, task.measuring.samples, SEED)
    for i, m in enumerate(task.modalities):
        found[m] = probe(vectors(cache, i), {key: vectors(tests[s], i) for key, s in (("probe", "all-0"), ("probe_severity_3", "all-3"))})
        vectors(cache, i, KEPT).save(ReferenceVectors.path(checkpoints, task, m, task.encoders[m]))
        facts = found[m] | {
            "samples": task.measuring.samples,
            "trained_on": f"Trained on {task.card.data[m]}.",
            "command": f"python -m fusion references --task {task.name} --data DIR",
        }
        facts["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
        save_json(checkpoints / task.name / "encoders" / m / FACTS, facts)
    return found
