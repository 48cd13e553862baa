"""Measures a lab on new labelled data: `python -m fusion evaluate --task LAB --data DATA2`. It reads exactly that data, all of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from fusion.own_data.bootstrap import Bootstrap
from fusion.own_data.encoders.base import OwnEncoder
from fusion.own_data.encoding import encode_samples
from fusion.own_data.fold_features import FoldFeatures, embed_all
from fusion.own_data.own_lab import OwnLab
from fusion.own_data.reading import read_samples, subset
from fusion.own_data.results import Results, further, subsets_of, table
from fusion.own_data.samples import Samples
from fusion.own_data.training import answers
from fusion.own_data.verdict import judge
from fusion.strategies import STRATEGIES
from fusion.tables import plain
from fusion.types import FusionError


def run(lab: OwnLab, data: str | os.PathLike[str]) -> dict[str, Any]:
    """The report: each strategy's score with its interval, differences, the sentence, and figures of the recommended strategy.

    Raises:
        FusionError: the data has not the columns of the lab, or no label that the lab knows, in one sentence.
    """
    samples, left_out = read_like(lab, data)
    features = features_of(lab, samples)
    labels = lab.target.encode(samples.labels)
    rows = np.arange(len(samples))
    results = Results(np.ones((1, len(samples)), bool))
    for name in (*lab.baselines, *lab.strategies):
        model = lab.models[name]
        probs = answers(model, features, lab.target, rows)
        scores = lab.target.scores(probs, labels)
        results.put(name, 0, rows, scores.numpy(), probs.numpy())
        results.val[name] = [float(lab.task.report.get("table", {}).get(name, {}).get("validation") or 0.0)]
        results.seconds[name] = [0.0]
        results.subsets[name] = {
            "+".join(s): lab.target.scores(answers(model, features, lab.target, rows, s), labels).numpy()[None]
            for s in (subsets_of(model.strategy.modalities) if 1 < len(model.strategy.modalities) <= 4 else [])
        }
    groups = None if samples.groups is None else np.array(samples.groups).astype(str)
    draws = Bootstrap(results.tested, groups)
    names = list(results.scores)
    singles = [n for n in names if n not in STRATEGIES]
    chosen = {n: results.val[n][0] for n in names}
    verdict = judge(results.scores, chosen, singles, dict.fromkeys(names, 0.0), draws, points=lab.target.answer != "value")
    report: dict[str, Any] = {
        "task": lab.task.name,
        "data": samples.name,
        "samples": len(samples),
        "left_out": left_out,
        "measure": lab.target.measure,
        "recommended": lab.recommended,
        "score": results.scores[lab.recommended].mean().item(),
        "sentence": str(verdict.sentence),
        "strategies": table(results, names, singles, draws, verdict.single),
        "further": {lab.recommended: further(results, lab.target, labels, lab.recommended, None)},
    }
    for row in report["strategies"].values():
        row.pop("validation", None)
        row.pop("seconds", None)
    found: dict[str, Any] = plain(report)
    return found


def read_like(lab: OwnLab, data: str | os.PathLike[str]) -> tuple[Samples, int]:
    """The samples of new data with the columns of a lab, and how many were left out, as the lab does not know their label."""
    if not Path(data).exists():
        raise FusionError("There is no folder or file {data}.", data=str(data))
    columns = known_columns(lab, data)
    samples = read_samples(data, columns=columns, answer=lab.target.answer)
    lacking = [m for m in lab.modalities if m not in samples.kinds]
    if len(lacking) == len(lab.modalities):
        raise FusionError("{data} has none of the inputs of this lab: {modalities}.", data=samples.name, modalities=list(lab.modalities))
    N = len(samples)
    samples.media = {m: samples.media.get(m, [None] * N) for m in lab.modalities}
    samples.kinds = dict(lab.task.kinds)
    keep = [i for i in range(N) if is_known(lab, samples.labels[i])]
    if not keep:
        raise FusionError("None of the labels in {data} is one that this lab knows.", data=samples.name)
    return (subset(samples, keep) if len(keep) < N else samples), N - len(keep)


def is_known(lab: OwnLab, label: Any) -> bool:
    return label is not None and (lab.target.answer != "class" or label in lab.labels)


def known_columns(lab: OwnLab, data: str | os.PathLike[str]) -> dict[str, str]:
    """The kinds that the lab's columns had, for those that the data has; columns that the lab does not know are left out."""
    from fusion.own_data.forms import read_form

    _, found = read_form(data)
    columns = {name: lab.task.columns.get(name, "ignore") for name in found.columns}
    if "label" not in columns.values():
        raise FusionError("{data} has no column {label!r} with the labels.", data=Path(data).name, label=lab.task.label_column)
    return {name: kind for name, kind in columns.items() if name in found.columns}


@torch.inference_mode()
def features_of(lab: OwnLab, samples: Samples) -> FoldFeatures:
    """Features of all samples by the lab's own encoders."""
    encoders = cast("dict[str, OwnEncoder[Any]]", lab.encoders)
    return embed_all(encoders, encode_samples(samples, encoders, tokens=True))
