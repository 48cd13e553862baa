"""`python -m fusion evaluate`: what the shipped checkpoints reach on the test splits, written to `checkpoints/<task>/report.json`.

    single    each modality on its own data set: plain MNIST, canvases, new writers, FSDD's official split, unseen phrases
    subsets   every strategy on every subset of the modalities, clean
    severity  every strategy and baseline with all modalities corrupted at severity 0-5, and with one at severity 5

The parts of one test sample come from different people and moments and share the label alone, so a gain by fusion is expected.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error, multiclass_f1_score

from fusion.config import CHECKPOINTS
from fusion.encoders import collate
from fusion.lab import Lab
from fusion.tasks.corruptions import SEVERITIES
from fusion.tasks.digits import LABELS, Digits, clips, sources
from fusion.training import cards
from fusion.training.data import FeatureCache, PreparedSamples
from fusion.types import MODALITIES, FusionError, Medium

SEED = 2026


def metrics(probs: Tensor, labels: Tensor) -> dict[str, float]:
    """Accuracy, macro recall, macro F1 and expected calibration error (15 bins, L1) of probabilities (N, K)."""
    K = probs.shape[1]
    return {
        "accuracy": round(float((probs.argmax(-1) == labels).float().mean()), 5),
        "recall": round(float(multiclass_accuracy(probs, labels, K, average="macro")), 5),
        "f1": round(float(multiclass_f1_score(probs, labels, K, average="macro")), 5),
        "calibration_error": round(float(multiclass_calibration_error(probs, labels, K, n_bins=15, norm="l1")), 5),
        "samples": len(labels),
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@torch.inference_mode()
def measure_single(lab: Lab, modality: str, media: Iterable[tuple[Medium, int]]) -> dict[str, float]:
    """A baseline on media of one modality, in batches of 100."""
    model, probs, labels, waiting = lab.models[f"{modality}_only"], [], [], []

    def flush() -> None:
        values, mask = collate([lab.encoders[modality].prepare(m) for m, _ in waiting])
        features = {modality: lab.encoders[modality](values.to(lab.device), mask.to(lab.device))}
        present = torch.ones(len(waiting), 1, dtype=torch.bool, device=lab.device)
        probs.append(model.fuse(features, present).logits.softmax(-1).cpu())
        labels.extend(label for _, label in waiting)
        waiting.clear()

    for pair in media:
        waiting.append(pair)
        if len(waiting) == 100:
            flush()
    if waiting:
        flush()
    return metrics(torch.cat(probs), torch.tensor(labels))


def single_sets(data: Path, limit: int | None, seed: int) -> dict[str, tuple[str, Iterable[tuple[Medium, int]]]]:
    """{name: (modality, media with labels)}: the test sets of each modality alone."""
    mnist, pens, speech = sources.load_mnist(data, "test"), sources.load_pendigits(data, "test"), sources.load_fsdd(data, "test")
    n = limit or 10**9

    def drawn(modality: str, count: int) -> Iterable[tuple[Medium, int]]:
        task = Digits(data, "test", (modality,))
        for i in range(min(count, n)):
            sample = task.sample(i, seed)
            yield sample.inputs[modality], sample.label

    def written() -> Iterable[tuple[Medium, int]]:
        for i, strokes in enumerate(pens.strokes[:n]):
            yield clips.make_clip(strokes, np.random.default_rng([seed, i]), varied=False), int(pens.labels[i])

    return {
        "image_mnist": ("image", ((np.repeat(p[..., None], 3, -1), int(k)) for p, k in zip(mnist.images[:n], mnist.labels, strict=False))),
        "image_canvas": ("image", drawn("image", 5000)),
        "video_new_writers": ("video", written()),
        "audio_fsdd_official": ("audio", zip(speech.sounds[:n], map(int, speech.labels), strict=False)),
        "audio_recorded": ("audio", drawn("audio", 3000)),
        "text_new_phrases": ("text", drawn("text", 5000)),
    }


def cache_of(lab: Lab, data: Path, count: int, severity: dict[str, int], seed: int) -> FeatureCache:
    cache = FeatureCache(lab.modalities, seed, torch.float32)
    for _ in cache.fill(PreparedSamples(Digits(data, "test"), lab.encoders, count, seed, severity), lab.encoders, 1, "fp32"):
        pass
    return cache


@torch.inference_mode()
def run_strategy(lab: Lab, name: str, cache: FeatureCache, subset: tuple[str, ...]) -> tuple[Tensor, dict[str, float] | None]:
    """Probabilities (N, K) of a strategy that sees `subset` of the cached samples, and its mean learned weights."""
    model, probs, weights = lab.models[name], [], []
    for start in range(0, len(cache), 250):
        features = cache.features(list(range(start, min(start + 250, len(cache)))))
        seen = {m: f for m, f in features.items() if m in subset and m in model.strategy.modalities}
        present = torch.tensor([[m in subset for m in model.strategy.modalities]]).expand(len(next(iter(features.values())).pooled), -1)
        output, logits = model.fuse(seen, present)
        probs.append(logits.softmax(-1))
        if output.weights is not None:
            weights.append(output.weights)
    mean = dict(zip(model.strategy.modalities, torch.cat(weights).mean(0).tolist(), strict=True)) if weights else None
    return torch.cat(probs), mean


def measure_subsets(lab: Lab, cache: FeatureCache) -> dict[str, dict[str, Any]]:
    labels, result = torch.tensor(cache.labels), {}
    subsets = [c for size in range(1, len(lab.modalities) + 1) for c in combinations(lab.modalities, size)]
    for name in lab.strategies:
        result[name] = {"+".join(s): metrics(run_strategy(lab, name, cache, s)[0], labels) for s in subsets}
    return result


def measure_severity(lab: Lab, caches: dict[str, FeatureCache]) -> dict[str, dict[str, Any]]:
    """{setting: {strategy or baseline: accuracy, mean weights}}."""
    result: dict[str, dict[str, Any]] = {}
    for setting, cache in caches.items():
        labels = torch.tensor(cache.labels)
        for name in lab.models:
            probs, weights = run_strategy(lab, name, cache, lab.modalities)
            row = {"accuracy": round(float((probs.argmax(-1) == labels).float().mean()), 5)}
            if weights:
                row["weights"] = {m: round(w, 4) for m, w in weights.items()}
            result.setdefault(setting, {})[name] = row
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
    """Measures everything and writes the report; returns it.

    Args:
        limit: samples per setting (default: the whole sets, 2,000 for all four together).
    """
    if not data and not os.environ.get("FUSION_DATA"):
        raise FusionError("Measuring needs the data folder: --data DIR or the variable FUSION_DATA.")
    folder, lab, began = Path(data or os.environ["FUSION_DATA"]), Lab(task, device), time.time()
    count = limit or 2000
    single = {}
    for name, (modality, media) in single_sets(folder, limit, seed).items():
        single[name] = measure_single(lab, modality, media)
        say(f"{name}: {single[name]['accuracy']:.4f}")
    caches: dict[str, FeatureCache] = {}
    for level in SEVERITIES:
        caches[f"all-{level}"] = cache_of(lab, folder, count, dict.fromkeys(MODALITIES, level), seed)
        say(f"severity {level} on all: {count} samples encoded, {time.time() - began:.0f} s")
    for m in MODALITIES:
        caches[f"{m}-5"] = _mixed(caches["all-0"], caches["all-5"], m)
    subsets = measure_subsets(lab, caches["all-0"])
    severity = measure_severity(lab, caches)
    loso = CHECKPOINTS / task / "leave_one_speaker_out.json"
    report = {
        "task": task,
        "command": f"python -m fusion evaluate --task {task} --data DIR" + (f" --limit {limit}" if limit else ""),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "seed": seed,
        "device": lab.device,
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "data": sources.data_hash(folder),
        "labels": list(LABELS),
        "single": single,
        "leave_one_speaker_out": json.loads(loso.read_text()) if loso.exists() else None,
        "subsets": subsets,
        "severity": severity,
        "gain_at_severity_3": fusion_gain(severity, lab, "all-3"),
        "parameters": lab.parameters,
        "encoder_parameters": lab.encoder_parameters,
    }
    path = (Path(out) if out else CHECKPOINTS / task) / "report.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")
    if out is None:
        cards.write(path.parent)
    return report


def _mixed(clean: FeatureCache, broken: FeatureCache, modality: str) -> FeatureCache:
    """The clean samples with one modality taken from the corrupted run (same seed, so the same samples)."""
    mixed = FeatureCache(clean.modalities, clean.seed, clean.dtype)
    mixed.tokens, mixed.pooled = dict(clean.tokens), dict(clean.pooled)
    mixed.tokens[modality], mixed.pooled[modality] = broken.tokens[modality], broken.pooled[modality]
    mixed.labels, mixed.named = clean.labels, clean.named
    return mixed
