"""Several trainings of every strategy that reads one vector per modality, measured on the same test samples: the effect of the seed.

    python -m fusion seeds --task digits --data DIR [--seeds 5] [--strategies early,late]

Writes `checkpoints/<task>/seeds.json`: mean and deviation for every figure. Seed 0 is the shipped checkpoint. Strategies on tokens take
hours and are trained only where --strategies names them.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from fusion.config import CHECKPOINTS
from fusion.evaluation.evaluate import SEED, make_test_caches, say
from fusion.evaluation.measure import Answers, answer, area, place_metrics, summary
from fusion.files import load_json, save_json
from fusion.media.corruptions import SEVERITIES
from fusion.model import load_model
from fusion.strategies import STRATEGIES
from fusion.tasks import Task, find_task
from fusion.training.features import FeatureCache, fill_cache
from fusion.training.strategy import strategy_recipe, train_strategy
from fusion.types import FusionError

SMALL = tuple(n for n, kind in STRATEGIES.items() if kind.fuses != "tokens")


def figures(model: Any, task: Task, caches: dict[str, FeatureCache]) -> dict[str, float]:
    """Accuracy clean and at every severity, on all modalities and on each; areas; unseen pairs; place."""

    def right(found: Answers) -> float:
        return float((found.probs.argmax(-1) == found.label).float().mean())

    result = {setting: right(answer(model, task, cache, task.modalities)) for setting, cache in caches.items()}
    result["area"] = area([result[f"all-{level}"] for level in SEVERITIES])
    if task.pairing:
        result["unseen_pairs"] = right(answer(model, task, caches["all-0"], task.modalities, True))
        result["seen_pairs"] = right(answer(model, task, caches["all-0"], task.modalities, False))
    if task.heads.localization:
        result |= place_metrics(answer(model, task, caches["all-0"], task.modalities))
    return result


def run(data: Path, task: str, seeds: int, names: list[str], checkpoints: Path = CHECKPOINTS) -> dict[str, Any]:
    """Trains, measures and writes; strategies measured before keep their figures."""
    if strays := [name for name in names if name not in STRATEGIES]:
        raise FusionError(f"There is no strategy named {strays[0]!r}; there are {', '.join(STRATEGIES)}.")
    asked, home = find_task(task), checkpoints / task
    cache = fill_cache(asked, data, checkpoints, replace(strategy_recipe("late", asked), seed=0))
    caches = make_test_caches(asked, data, checkpoints, asked.measuring.samples, SEED)
    path = home / "seeds.json"
    known = load_json(path)["strategies"] if path.exists() else {}
    for name in names:
        each: list[dict[str, float]] = []
        for seed in range(seeds):
            with tempfile.TemporaryDirectory() as scratch:
                folder = home if seed == 0 and (home / name / "model.safetensors").exists() else Path(scratch)
                if folder != home:
                    for _ in train_strategy(asked, name, cache, folder, replace(strategy_recipe(name, asked), seed=seed), "cpu"):
                        pass
                model = load_model(folder / name, dict.fromkeys(asked.modalities))
            each.append(figures(model, asked, caches))
        known[name] = {figure: summary([e[figure] for e in each]) for figure in each[0]}
        say(
            f"{task} {name}: "
            + ", ".join(f"{f} {known[name][f]['mean']:.4f}±{known[name][f]['deviation']:.4f}" for f in ("all-0", "all-3", "area"))
        )
        order = {n: known[n] for n in STRATEGIES if n in known}
        save_json(path, {"command": f"python -m fusion seeds --task {task} --data DIR", "seeds": seeds, "strategies": order})
    return known
