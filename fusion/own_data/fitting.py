"""From a data set to a lab: read, check, encode, compare, decide, train on everything, save. `fusion.fit` is `run`."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion.files import require_folder
from fusion.messages import Message, message
from fusion.model import FusionModel
from fusion.own_data.bootstrap import Bootstrap
from fusion.own_data.compare import Comparison, OnProgress, Progress, ignore, names_for
from fusion.own_data.encoders.build import EMBED_DIM, SHIPPED, build_encoders
from fusion.own_data.encoding import Encoded, encode_samples
from fusion.own_data.fold_features import project
from fusion.own_data.inspection import Inspection, check_samples
from fusion.own_data.reading import read_samples
from fusion.own_data.report import FitReport
from fusion.own_data.results import Results, further, table
from fusion.own_data.samples import Samples
from fusion.own_data.saving import save_lab
from fusion.own_data.splits import make_plan
from fusion.own_data.targets import build_target
from fusion.own_data.training import TrainingData, build_model, strategy_config, train_model
from fusion.own_data.verdict import Verdict, judge
from fusion.strategies import STRATEGIES
from fusion.types import FusionError

FAR_APART = 0.15  # shares of right answers on validation and test samples
Confirm = Callable[[Inspection, float], bool]  # what was understood and the minutes that it takes; whether to go on


@dataclass(frozen=True)
class FitOptions:
    """What can be chosen; see `run`."""

    label: str | None = None
    group: str | None = None
    columns: Mapping[str, str] | None = None
    answer: str | None = None
    encoders: str | Mapping[str, str] = SHIPPED
    strategies: str = "all"
    seeds: int = 5
    minutes: float = 10.0
    seed: int = 0
    embed_dim: int = EMBED_DIM


def run(
    data: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    options: FitOptions | None = None,
    on_progress: OnProgress = ignore,
    confirm: Confirm | None = None,
) -> FitReport:
    """Compares all strategies on a data set and saves a lab.

    Args:
        data: folder, table, archive or file of arrays; see `fusion.own_data.forms`.
        out: folder of the lab; without it nothing is saved.
        confirm: is asked before anything is trained.

    Raises:
        FusionError: what cannot be read, trained or written, in one sentence.
    """
    options = options or FitOptions()
    start = time.monotonic()
    folder = None if out is None else Path(out)
    if folder is not None:
        require_folder(folder)
    samples = read_samples(data, options.label, options.group, options.columns, options.answer)
    encoders = build_encoders(samples, options.encoders, options.embed_dim)
    encoded = encode_samples(samples, encoders, lambda m, done, total: on_progress(Progress(f"encoding {m}", done / total)))
    samples, encoded = without_broken(samples, encoded)
    plan = make_plan(samples, options.seeds, options.seed)
    inspection = check_samples(samples, encoded, plan)
    target = build_target([samples.labels[i] for i in plan.keep], samples.answer)
    if options.minutes <= 0 or options.seeds < 1:
        raise FusionError("Minutes and seeds must be above 0.")
    comparison = Comparison(samples, encoders, encoded, plan, target, options.minutes)
    names = names_for(samples, options.strategies)
    if confirm is not None and not confirm(inspection, min(options.minutes, comparison.announce(names))):
        raise FusionError("Nothing was trained.")
    results = comparison.run(names, on_progress)
    verdict, report_table, draws = decide(samples, comparison, results, names)
    models = train_final(comparison, list(results.scores), results)
    recommended = verdict.recommended
    more = {n: further(results, target, comparison.labels, n, None) for n in dict.fromkeys((recommended, verdict.strategy)) if n}
    report = FitReport(
        sentence=str(verdict.sentence),
        recommended=recommended,
        measure=target.measure,
        verdict=verdict.to_json(),
        table=report_table,
        further=more,
        data=describe_data(samples, encoded, inspection, plan.kind),
        training=describe_training(options, comparison, results),
        folder=folder,
        notes=tuple(
            str(n)
            for n in (*samples.notes, *plan.notes, *comparison.notes, *broken_notes(encoded), *gap_note(comparison, results, verdict))
        ),
        seconds=time.monotonic() - start,
        inspection=inspection,
    )
    if folder is not None:
        save_lab(folder, samples, encoders, models, target, report)
    return report


def decide(samples: Samples, comparison: Comparison, results: Results, names: list[str]) -> tuple[Verdict, dict[str, Any], Bootstrap]:
    """The verdict and the table of a comparison."""
    done = [n for n in names if n in results.scores]
    singles = [n for n in done if n not in STRATEGIES]
    groups = None if samples.groups is None else np.array(samples.groups).astype(str)
    draws = Bootstrap(results.tested, groups)
    chosen = {n: float(np.nanmean(results.val[n])) for n in done}
    cost = {n: cost_of(comparison, n) for n in done}
    verdict = judge(results.scores, chosen, singles, cost, draws, points=comparison.target.answer != "value")
    return verdict, table(results, done, singles, draws, verdict.single), draws


def gap_note(comparison: Comparison, results: Results, verdict: Verdict) -> list[Message]:
    """Says so where validation samples from the training split are answered far better than the test split."""
    name = verdict.strategy or verdict.single
    val = float(np.nanmean(results.val[name]))
    test = float(results.scores[name][results.tested].mean())
    if comparison.plan.kind != "given" or comparison.target.answer == "value" or val - test < FAR_APART:
        return []
    return [
        message(
            "{val:.0%} of the validation samples are answered right, and {test:.0%} of the test: "
            "the training features may have been made with the labels, or the test comes from elsewhere.",
            val=val,
            test=test,
        )
    ]


def cost_of(comparison: Comparison, name: str) -> float:
    """Parameters of a strategy, and those of an encoder for each modality that it needs: reading another medium costs most."""
    width = next(iter(comparison.encoders.values())).embed_dim
    config = strategy_config(name, "own", comparison.samples.kinds, comparison.target, width)
    own = sum(p.numel() for p in build_model(config).parameters())
    return own + 1e9 * len(config.modalities) + (1e8 if name in STRATEGIES and STRATEGIES[name].fuses == "tokens" else 0)


def train_final(comparison: Comparison, names: list[str], results: Results) -> dict[str, FusionModel]:
    """Every strategy on all samples that are not kept for the test, for as many epochs as were best before."""
    keep = comparison.plan.keep
    features = project(comparison.encoders, comparison.encoded, keep)
    data = TrainingData(features, comparison.target, comparison.labels)
    width = next(iter(comparison.encoders.values())).embed_dim
    models = {}
    for name in names:
        config = strategy_config(name, comparison.samples.name, comparison.samples.kinds, comparison.target, width)
        epochs = max(2, round(float(np.median(results.epochs[name]))))
        recipe = replace(comparison.recipe, epochs=epochs)
        models[name], _ = train_model(config, data, keep, None, recipe, seed=0)
    return models


def without_broken(samples: Samples, encoded: Encoded) -> tuple[Samples, Encoded]:
    """Leaves out samples of which nothing could be read: they have no label any more."""
    there = encoded.present.any(1).tolist()
    if all(there):
        return samples, encoded
    labels = [label if ok else None for label, ok in zip(samples.labels, there, strict=True)]
    return replace(samples, labels=labels), encoded


def broken_notes(encoded: Encoded) -> list[Message]:
    """A sentence for each modality with files that could not be read."""
    return [
        message("{count:,} files of {modality} cannot be read and count as absent, for example {examples}.",
                count=len(broken), modality=m, examples=[f"{name}" for name, _ in broken[:3]])
        for m, broken in encoded.broken.items()
        if broken
    ]  # fmt: skip


def describe_data(samples: Samples, encoded: Encoded, inspection: Inspection, split: str) -> dict[str, Any]:
    digest = hashlib.sha256()
    for m, keys in encoded.keys.items():
        digest.update(f"{m} {keys}".encode())
    digest.update(repr(samples.labels).encode("utf-8", "surrogatepass"))
    found = inspection.to_json()
    return {
        "name": samples.name,
        "sha256": digest.hexdigest(),
        "samples": len(samples),
        "split": split,
        "modalities": dict(samples.kinds),
        "label": samples.label,
        "answer": samples.answer,
        "classes": list(samples.classes),
        "columns": found["columns"],
        "findings": found["findings"],
        "broken": {m: [{"file": name, "why": str(why)} for name, why in broken[:100]] for m, broken in encoded.broken.items() if broken},
    }


def describe_training(options: FitOptions, comparison: Comparison, results: Results) -> dict[str, Any]:
    return {
        "seeds": int(results.tested.shape[0]),
        "recipe": dict(comparison.recipe.__dict__),
        "encoders": {m: str(e.options().get("name", e.title)) for m, e in comparison.encoders.items()},
        "epochs": dict(results.epochs),
        "minutes": options.minutes,
    }


def say(progress: Progress) -> None:
    """Progress on stderr, one line that is rewritten on a terminal."""
    if sys.stderr.isatty():
        print(f"{progress.share:4.0%} {progress.what:<40}", file=sys.stderr, end="\r", flush=True)
