"""`python -m fusion evaluate`: what the shipped checkpoints reach on the test splits, written to `checkpoints/<task>/report.json`.

    single      each modality on the test sets of its task (see `fusion.evaluation.unimodal_test_sets`)
    outside     each modality on media from sources that training does not use
    subsets     every strategy on every subset of the modalities, clean
    severity    every strategy and baseline with all modalities corrupted at severity 0-5, and with each one alone at 1-5
    robustness  area under accuracy over severity on all, and its excess over `late`
    shapley     of each modality in the accuracy of a strategy, over all subsets; how much of it is interaction
    conflict    redundant tasks: whom a strategy believes when modalities contradict one another (see `fusion.evaluation.conflict`)
    calibration  temperatures, and expected calibration error with and without them
    rejection   how many media of none of the labels are called so, by kind
    cut         strategies on tokens with all paths between modalities closed except the readout (see `fusion.evaluation.cut`)
    experts     how much each expert of a mixture takes part, for every subset of the modalities
    held_out    where samples are halves of two: pairs that training never saw
    places      where the task asks for a place: box, mask, "is it there", pointing game, for each way to ask
    explanations  deletion and insertion areas of every explainer against random orders
    cost        parameters, multiply-adds, milliseconds of strategy and heads
    seeds       mean and deviation over five trainings (`python -m fusion seeds`)

The parts of one test sample come from different people and moments and share the label alone, so a gain by fusion is expected.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import torch

from fusion.cards.write import Described, write_task
from fusion.config import CHECKPOINTS
from fusion.cut_paths import FILE as CUT
from fusion.describe import describe_encoders, describe_strategies
from fusion.evaluation import calibrate, typed_labels
from fusion.evaluation.conflict import measure_conflict
from fusion.evaluation.cut import measure_cut
from fusion.evaluation.experts import measure_experts
from fusion.evaluation.faithfulness import judge, make_inputs
from fusion.evaluation.measure import answer, area, cost, metrics, place_metrics
from fusion.evaluation.unimodal_test_sets import measure_single
from fusion.explain import interaction_share, shapley_values
from fusion.files import load_json, save_json
from fusion.lab import Lab
from fusion.media.corruptions import SEVERITIES
from fusion.model import FusionModel
from fusion.strategies import STRATEGIES
from fusion.tasks import Task, find_task
from fusion.training.features import FeatureCache, PreparedSamples, cache_path, fill, load_encoders
from fusion.types import FusionError

SEED = 2026


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def make_test_caches(
    task: Task, data: Path, checkpoints: Path, count: int, seed: int, levels: Sequence[int] = SEVERITIES
) -> dict[str, FeatureCache]:
    """{setting: features of the same test samples}: "all-0" to "all-5", and one modality at 1-5 with the others clean.

    Args:
        levels: severities to measure, the clean one included.
    """
    encoders = load_encoders(task, checkpoints)
    caches: dict[str, FeatureCache] = {}
    for level in levels:
        path = cache_path(task, data, checkpoints, ("test", count, seed, level))
        cache = FeatureCache.find(path)
        if cache is None:
            samples = PreparedSamples(task.samples("test", data), encoders, count, seed, dict.fromkeys(task.modalities, level))
            cache = fill(samples, encoders, 2, precision_of(task))
            cache.keep(path)
            say(f"severity {level} on all: {count} samples encoded")
        caches[f"all-{level}"] = cache
    for m in task.modalities:
        for level in (k for k in levels if k):
            caches[f"{m}-{level}"] = caches["all-0"].mixed(caches[f"all-{level}"], m)
    return caches


def kept(path: Path) -> Any:
    """What another measurement wrote; None where there is none, or where it cannot be read after hours of measuring."""
    try:
        return load_json(path)
    except FusionError as error:
        say(str(error))
        return None


def precision_of(task: Task) -> torch.dtype:
    """Features are measured in float32; where the encoders are large, in 16 bits (bfloat16 arithmetic)."""
    return torch.float16 if task.measuring.half_precision else torch.float32


def every_subset(modalities: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [c for size in range(1, len(modalities) + 1) for c in combinations(modalities, size)]


def measure_subsets(models: Mapping[str, FusionModel], task: Task, cache: FeatureCache) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for name, model in models.items():
        found = {s: answer(model, task, cache, s) for s in every_subset(task.modalities)}
        result[name] = {"+".join(s): metrics(a.probs, a.label) for s, a in found.items()}
    return result


def measure_severity(models: Mapping[str, FusionModel], task: Task, caches: Mapping[str, FeatureCache]) -> dict[str, dict[str, Any]]:
    """{setting: {strategy or baseline: accuracy, mean weights, and where there is a place, how often its centre was right}}."""
    result: dict[str, dict[str, Any]] = {}
    for setting, cache in caches.items():
        for name, model in models.items():
            found = answer(model, task, cache, task.modalities)
            row: dict[str, Any] = {"accuracy": round(float((found.probs.argmax(-1) == found.label).float().mean()), 5)}
            if found.weights:
                row["weights"] = {m: round(w, 4) for m, w in found.weights.items()}
            if found.place is not None:
                row["centre_inside"] = place_metrics(found)["centre_inside"]
            result.setdefault(setting, {})[name] = row
    return result


def robustness(severity: Mapping[str, Mapping[str, Any]], names: list[str], figure: str = "accuracy") -> dict[str, dict[str, float]]:
    """Area under `figure` over severity 0-5 on all modalities, and its excess over `late`, where that is trained."""
    areas = {n: area([severity[f"all-{level}"][n][figure] for level in SEVERITIES]) for n in names}
    found = {n: {"area": round(a, 5)} for n, a in areas.items()}
    if "late" in areas:
        for n, a in areas.items():
            found[n]["excess_over_late"] = round(a - areas["late"], 5)
    return found


def measure_shapley(subsets: Mapping[str, Mapping[str, Any]], task: Task) -> dict[str, Any]:
    """Exact Shapley values of the modalities in the accuracy of each strategy (they sum to accuracy - 1/K), and the interaction share."""
    result = {}
    for name, table in subsets.items():

        def value(given: frozenset[str], table: Mapping[str, Any] = table) -> float:
            if not given:
                return 1 / len(task.labels)
            accuracy: float = table["+".join(m for m in task.modalities if m in given)]["accuracy"]
            return accuracy

        shares = {m: round(v, 5) for m, v in shapley_values(value, task.modalities).items()}
        result[name] = {"values": shares, "interaction_share": round(interaction_share(value, task.modalities), 5)}
    return result


def measure_places(models: Mapping[str, FusionModel], task: Task, cache: FeatureCache) -> dict[str, dict[str, Any]]:
    """{strategy: {how it was asked: place metrics}}, every combination of questions with the picture."""
    assert task.heads.localization is not None
    picture = task.heads.localization.image
    questions = tuple(m for m in task.modalities if m != picture)
    result: dict[str, dict[str, Any]] = {}
    for name, model in models.items():
        for asked in every_subset(questions):
            found = answer(model, task, cache, (picture, *asked), look=True)
            result.setdefault(name, {})["+".join(asked)] = place_metrics(found)
    return result


def measure_held_out(models: Mapping[str, FusionModel], task: Task, cache: FeatureCache) -> dict[str, dict[str, Any]]:
    """{strategy: metrics} on pairs of digits that training never saw, and on the others."""
    result = {}
    for name, model in models.items():
        unseen = answer(model, task, cache, task.modalities, held=True)
        seen = answer(model, task, cache, task.modalities, held=False)
        result[name] = {"unseen_pairs": metrics(unseen.probs, unseen.label), "seen_pairs": metrics(seen.probs, seen.label)}
    return result


def fusion_gain(severity: dict[str, dict[str, Any]], lab: Lab, setting: str) -> dict[str, Any]:
    """Best strategy against best single modality in one setting, in percentage points."""
    rows = severity[setting]
    best = max(lab.strategies, key=lambda n: rows[n]["accuracy"])
    single = max(lab.baselines, key=lambda n: rows[n]["accuracy"])
    return {"best_fusion": best, "best_single": single, "points": round(100 * (rows[best]["accuracy"] - rows[single]["accuracy"]), 2)}


def run(
    task: str, data: str | None, out: str | None = None, limit: int | None = None, seed: int = SEED, device: str = "auto"
) -> dict[str, Any]:
    """Measures everything and writes the report; returns it. Strategies are measured on the CPU.

    Args:
        limit: samples per setting (default: the whole test sets of one modality, and what the task says for fused settings).
    """
    if not data and not os.environ.get("FUSION_DATA"):
        raise FusionError("Evaluation needs the data folder: --data DIR or the variable FUSION_DATA.")
    folder = Path(data or os.environ["FUSION_DATA"])
    if find_task(task).open_labels:
        return typed_labels.run(folder, Path(out) if out else None)
    lab = Lab(task, "cpu")
    start = time.time()
    for sentence in lab.unavailable.values():
        say(sentence)
    count = limit or lab.task.measuring.samples
    caches = make_test_caches(lab.task, folder, CHECKPOINTS, count, seed)
    say(f"features ready after {time.time() - start:.0f} s")
    report: dict[str, Any] = {
        "task": task,
        "command": f"python -m fusion evaluate --task {task} --data DIR" + (f" --limit {limit}" if limit else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": seed,
        "device": lab.device,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "data": lab.task.data_hash(folder),
        "labels": list(lab.labels),
        "samples": len(caches["all-0"]),
    }
    report |= measure_on_features(lab, caches, start)
    report["cut"] = measure_cut(shipped_strategies(lab), lab.task, caches)
    report |= measure_on_media(lab, folder, limit, count, seed)
    say(f"media measured after {time.time() - start:.0f} s")
    report |= measure_by_task(lab, caches["all-0"], report["severity"], seed)
    for extra in ("leave_one_speaker_out", "seeds"):
        report[extra] = kept(CHECKPOINTS / task / f"{extra}.json")
    home = Path(out) if out else CHECKPOINTS / task
    save_json(home / "report.json", report)
    save_cut(home, report["cut"], report["command"])
    if out is None:
        write_task(task, Described(describe_strategies(), describe_encoders()))
    return report


def save_cut(home: Path, found: dict[str, Any], command: str) -> None:
    """The small file that a page reads, beside the report."""
    save_json(home / CUT, {"command": command, "strategies": found}, indent=1)


def run_cut(task: str, data: Path, seed: int = SEED) -> dict[str, Any]:
    """Measures only what cutting the paths of each strategy costs, and writes it beside the report."""
    lab = Lab(task, "cpu")
    caches = make_test_caches(lab.task, data, CHECKPOINTS, lab.task.measuring.samples, seed, (0, 3))
    found = measure_cut(shipped_strategies(lab), lab.task, caches)
    save_cut(CHECKPOINTS / task, found, f"python -m fusion cut --task {task} --data DIR")
    return found


def shipped_strategies(lab: Lab) -> dict[str, FusionModel]:
    return {name: model for name, model in lab.models.items() if name in STRATEGIES}


def measure_on_features(lab: Lab, caches: dict[str, FeatureCache], start: float) -> dict[str, Any]:
    """What every task is measured by, on cached features; `start` is when the run began."""
    subsets = measure_subsets(shipped_strategies(lab), lab.task, caches["all-0"])
    say(f"subsets after {time.time() - start:.0f} s")
    severity = measure_severity(lab.models, lab.task, caches)
    say(f"severities after {time.time() - start:.0f} s")
    one = caches["all-0"].features(torch.tensor([0]))
    return {
        "subsets": subsets,
        "severity": severity,
        "robustness": robustness(severity, list(lab.models)),
        "shapley": measure_shapley(subsets, lab.task),
        "gain_at_severity_3": fusion_gain(severity, lab, "all-3"),
        "experts": measure_experts(shipped_strategies(lab), caches["all-0"], every_subset(lab.task.modalities)),
        "cost": {n: cost(m, one) for n, m in lab.models.items()},
        "parameters": lab.parameters,
        "encoder_parameters": lab.encoder_parameters,
    }


def measure_on_media(lab: Lab, data: Path, limit: int | None, count: int, seed: int) -> dict[str, Any]:
    """Each modality alone on its test sets, "none of these", and explanations."""
    found: dict[str, Any] = {}
    for name, (modality, media) in lab.task.test_sets(data, limit, seed).items():
        found.setdefault("single", {})[name] = measure_single(lab, modality, media)
        say(f"{name}: {found['single'][name]}")
    found |= measure_outside(lab, data, seed)
    found |= calibrate.measure(lab, data)
    inputs = make_inputs(lab.task, data, min(count, lab.task.measuring.explained), seed)
    found["explanations"] = judge(lab, [lab.encode(media) for media in inputs])
    return found


def measure_outside(lab: Lab, data: Path, seed: int) -> dict[str, Any]:
    """Each modality alone on media from sources that training does not use, with a description of each source."""
    rows = {
        name: measure_single(lab, modality, media) | {"source": lab.task.card.outside_sets.get(name, "")}
        for name, (modality, media) in lab.task.outside_sets(data, seed).items()
    }
    return {"outside": rows} if rows else {}


def measure_by_task(lab: Lab, clean: FeatureCache, severity: dict[str, dict[str, Any]], seed: int) -> dict[str, Any]:
    """What only some tasks are measured by, on clean features."""
    strategies = shipped_strategies(lab)
    found: dict[str, Any] = {}
    if lab.task.interaction == "redundancy":
        found["conflict"] = measure_conflict(strategies, clean, seed)
    if lab.task.pairing:
        found["held_out"] = measure_held_out(strategies, lab.task, clean)
    if lab.task.heads.localization:
        found["places"] = measure_places(strategies, lab.task, clean)
        found["place_robustness"] = robustness(severity, list(strategies), "centre_inside")
    return found
