"""Vectors of reference samples for the maps of "Inside the encoders", and how well a linear probe reads each distilled encoder.

python -m fusion.evaluation.scene_references DIR        writes checkpoints/<task>/references/ and encoders/*/facts.json
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fusion.choice import References
from fusion.command import run_command
from fusion.config import CHECKPOINTS
from fusion.evaluation.evaluate import SEED, make_test_caches
from fusion.files import save_json
from fusion.library import FACTS
from fusion.tasks import TASKS, Task
from fusion.training.features import FeatureCache
from fusion.training.references import probe
from fusion.training.train import fill_cache, recipe_of

COMMAND, KEPT = "python -m fusion.evaluation.scene_references DIR", 2000


def vectors(cache: FeatureCache, column: int, count: int | None = None) -> References:
    """One modality of a cache."""
    modality = cache.modalities[column]
    return References(cache.pooled[modality][:count], cache.labels[:count], cache.content[:count, column])


def run(task: Task, data: Path, checkpoints: Path = CHECKPOINTS) -> dict[str, dict[str, float]]:
    """{modality: accuracy of a logistic regression, clean and at severity 3}."""
    found = {}
    cache = fill_cache(task, data, checkpoints, recipe_of("late", task))
    tests = make_test_caches(task, data, checkpoints, task.measuring.samples, SEED)
    for i, m in enumerate(task.modalities):
        found[m] = probe(vectors(cache, i), {key: vectors(tests[s], i) for key, s in (("probe", "all-0"), ("probe_severity_3", "all-3"))})
        vectors(cache, i, KEPT).save(References.path(checkpoints, task, m, task.encoders[m]))
        facts = found[m] | {"samples": task.measuring.samples, "trained_on": f"Trained on {task.card.data[m]}.", "command": COMMAND}
        facts["date"] = datetime.now(UTC).strftime("%Y-%m-%d")
        save_json(checkpoints / task.name / "encoders" / m / FACTS, facts)
    return found


def run_all(data: Path) -> dict[str, dict[str, dict[str, float]]]:
    """{task: what `run` found} of every task whose encoders were distilled."""
    return {task.name: run(task, data) for task in TASKS.values() if task.card.teachers}


if __name__ == "__main__":
    run_command(run_all, __doc__, {"data": "folder of the data sets"})
