"""Vectors of reference samples of an encoder, and how well a linear probe reads them.

    python -m fusion references --data DIR --encoder image_lbp [--encoder ...]      all that have weights, if none is named

For every encoder: one without trained parameters is first fitted (vocabulary, whitening) on training samples; then the vectors of
training samples at all severities are kept beside it, for heads and for the page's scatter plot; then a logistic regression on them is
measured on test samples (Alain 2017, Understanding Intermediate Layers Using Linear Classifier Probes), clean and at severity 3.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from fusion.cards import encoders as cards
from fusion.config import CHECKPOINTS, EncoderConfig
from fusion.describe import describe_encoders
from fusion.encoder_choice import names_of
from fusion.encoder_metrics import EncoderMetrics
from fusion.encoder_registry import EncoderRegistry, encode
from fusion.encoders import ENCODERS, Encoder, FixedEncoder, Prepared
from fusion.files import save_json
from fusion.model import build_encoder, save_weights
from fusion.paths import BACKBONE, METRICS, encoder_folder, references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.tasks import Task, find_task
from fusion.tasks.base import SampleSource, Severity
from fusion.types import FusionError, Medium

PROBED = 2000  # test samples
SEED = 77
OnShare = Callable[[float], None]  # is told how far something is, in [0, 1]


@dataclass(frozen=True)
class Effort:
    """How many samples are encoded and fitted on, and how many at once."""

    count: int = 4000
    fitted: int = 2000
    batch: int = 50


LARGE = Effort(count=400, fitted=150, batch=10)  # where every sample costs a pass through a large network


def ignore(share: float) -> None:
    """For those who do not ask how far something is."""


def sampled(
    source: SampleSource, modality: str, count: int, seed: int, severity: Severity = "train", nothing: bool = True
) -> Iterator[tuple[Medium, int, int]]:
    """(medium, label, label again or -1 where the medium names none) of `count` samples."""
    for i in range(count):
        sample = source.sample(i, seed, severity, nothing)
        content = sample.label if modality in sample.named else -1
        yield sample.inputs[modality], sample.label, content


def encode_samples(
    encoder: Encoder, samples: Iterable[tuple[Medium, int, int]], count: int, batch: int = 50, on_share: OnShare = ignore
) -> ReferenceVectors:
    """The encoder's vectors of `count` samples, encoded in batches."""
    pooled: list[Tensor] = []
    labels: list[int] = []
    content: list[int] = []
    waiting: list[Prepared] = []
    for medium, label, shown in samples:
        waiting.append(encoder.prepare(medium))
        labels.append(label)
        content.append(shown)
        if len(waiting) == batch or len(labels) == count:
            pooled.append(encode(encoder, waiting).pooled.cpu())
            waiting = []
            on_share(len(labels) / count)
    return ReferenceVectors(torch.cat(pooled), torch.tensor(labels), torch.tensor(content))


def make_references(
    task: Task, modality: str, name: str, checkpoints: Path, data: Path | None, on_share: OnShare = ignore
) -> ReferenceVectors:
    """Fits the encoder where it needs that, encodes reference samples, and keeps both in their files.

    Args:
        data: folder of the data sets; None for the project's own samples.
    """
    source = task.samples("train", data, (modality,))
    large = name.startswith(BACKBONE)
    effort = LARGE if large else Effort()
    fresh = not large and is_fitted(name)
    encoder = build_encoder(EncoderConfig(name)) if fresh else EncoderRegistry(task, "cpu", checkpoints).load(modality, name)
    done = 0.0  # share of the work
    if isinstance(encoder, FixedEncoder):
        done = effort.fitted / (effort.fitted + effort.count)
        media = [medium for medium, _, _ in sampled(source, modality, effort.fitted, SEED + 1)]
        for share in encoder.fitting(media):
            on_share(share * done)
        kept = {k: v for k, v in encoder.state_dict().items() if not large or k.startswith(("token_map.", "pooled_map."))}
        save_weights(encoder_folder(checkpoints, task, modality, name), kept, EncoderConfig(name, encoder.options()))
    samples = sampled(source, modality, effort.count, SEED)
    found = encode_samples(encoder.eval(), samples, effort.count, effort.batch, lambda share: on_share(done + (1 - done) * share))
    try:
        found.save(references_file(checkpoints, task, modality, name))
    except FusionError as error:  # they serve once, and are made again the next time
        print(error, file=sys.stderr)
    return found


def is_fitted(name: str) -> bool:
    """Whether an encoder has no trained parameters and is fitted to samples instead."""
    return issubclass(ENCODERS[name], FixedEncoder)


def probe(train: ReferenceVectors, tests: dict[str, ReferenceVectors]) -> dict[str, float]:
    """Accuracy of a logistic regression on the vectors of each test set."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    named = train.content >= 0
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit(train.pooled[named].float(), train.content[named])
    return {key: round(float(model.score(found.pooled.float(), found.labels)), 4) for key, found in tests.items()}


def measure(task: Task, modality: str, name: str, checkpoints: Path, data: Path) -> EncoderMetrics:
    """Makes the reference vectors of an encoder and probes them; writes and returns its metrics."""
    train = make_references(task, modality, name, checkpoints, data)
    encoder = EncoderRegistry(task, "cpu", checkpoints).load(modality, name)
    source = task.samples("test", data, (modality,))
    tests = {}
    for key, level in (("probe", 0), ("probe_severity_3", 3)):
        samples = sampled(source, modality, PROBED, SEED + 2, {modality: level}, nothing=False)
        tests[key] = encode_samples(encoder, samples, PROBED)
    accuracy = probe(train, tests)
    metrics: EncoderMetrics = {
        "probe": accuracy["probe"],
        "probe_severity_3": accuracy["probe_severity_3"],
        "samples": PROBED,
        "command": "python -m fusion references --data DIR",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    save_json(encoder_folder(checkpoints, task, modality, name) / METRICS, metrics)
    return metrics


def run(task: str | None, data: Path, encoders: Collection[str] = ()) -> dict[str, EncoderMetrics]:
    """{encoder: its metrics} of the encoders that are named, or of all that are fitted or have weights; writes their cards.

    Raises:
        FusionError: there is no encoder of one of the names.
    """
    asked = find_task(task)
    if strays := [name for name in encoders if name not in ENCODERS]:
        raise FusionError(f"There is no encoder named {strays[0]!r}; there are {', '.join(ENCODERS)}.")
    found = {}
    for modality in asked.modalities:
        for name in names_of(asked.kinds[modality]):
            usable = is_fitted(name) or (encoder_folder(CHECKPOINTS, asked, modality, name) / "model.safetensors").exists()
            if name in encoders or (usable and not encoders):
                found[name] = measure(asked, modality, name, CHECKPOINTS, data)
                print(name, found[name], file=sys.stderr, flush=True)
    cards.write(describe_encoders())
    return found
