"""`python -m fusion missing`: the policies for missing modalities side by side, each trained and measured on every subset.

Writes `checkpoints/<task>/missing.json`: accuracy for each number of modalities that are given, the mean over the subsets of that size.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any

from fusion.config import CHECKPOINTS
from fusion.evaluation.cut import accuracy
from fusion.evaluation.evaluate import SEED, every_subset, make_test_caches, say
from fusion.evaluation.measure import answer, summary
from fusion.files import save_json
from fusion.model import FusionModel, load_model
from fusion.strategies.missing import POLICIES
from fusion.tasks import Task, find_task
from fusion.training.features import FeatureCache, fill_cache
from fusion.training.strategy import strategy_recipe, train_strategy


def by_number(model: FusionModel, task: Task, cache: FeatureCache) -> dict[str, float]:
    """{number of given modalities: mean accuracy over the subsets of that size}."""
    found: dict[str, list[float]] = {}
    for subset in every_subset(task.modalities):
        found.setdefault(str(len(subset)), []).append(accuracy(answer(model, task, cache, subset)))
    return {size: mean(values) for size, values in found.items()}


def run(data: Path, task: str, strategy: str = "early", seeds: int = 3, checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    """Trains a strategy with each policy and seed, measures, and writes."""
    asked = find_task(task)
    recipe = strategy_recipe(strategy, asked)
    cache = fill_cache(asked, data, checkpoints, replace(recipe, seed=0))
    clean = make_test_caches(asked, data, checkpoints, asked.measuring.samples, SEED)["all-0"]
    found: dict[str, Any] = {}
    for policy in POLICIES:
        rows = []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as scratch:
                for _ in train_strategy(asked, strategy, cache, Path(scratch), replace(recipe, seed=seed), "cpu", missing=policy):
                    pass
                rows.append(by_number(load_model(Path(scratch) / strategy, dict.fromkeys(asked.modalities)), asked, clean))
        found[policy] = {size: summary([row[size] for row in rows]) for size in rows[0]}
        say(f"{policy}: " + ", ".join(f"{size} given {f['mean']:.4f}±{f['deviation']:.4f}" for size, f in found[policy].items()))
    command = f"python -m fusion missing --task {task} --strategy {strategy} --data DIR"
    report = {"command": command, "strategy": strategy, "seeds": seeds, "policies": found}
    save_json(checkpoints / task / "missing.json", report)
    return report
