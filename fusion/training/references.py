"""Vectors of reference samples of an encoder, and how well a linear probe reads them.

    python -m fusion references --data DIR --encoder image_lbp [--encoder ...]      all that have weights, if none is named

For every encoder: one without trained parameters is first fitted (vocabulary, whitening) on training samples; then the vectors of
`COUNT` training samples at all severities are kept beside it, for heads and for the page's map; then a logistic regression on them is
measured on test samples (Alain 2017, Understanding Intermediate Layers Using Linear Classifier Probes), clean and at severity 3.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Generator, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import torch

from fusion.cards.encoders import trained_on, write
from fusion.config import CHECKPOINTS, EncoderConfig
from fusion.encoder_choice import BACKBONE, ReferenceVectors, encoder_folder, names_of
from fusion.encoder_registry import FACTS, EncoderRegistry, encode
from fusion.encoders import ENCODERS, Encoder, FixedEncoder
from fusion.files import save_json
from fusion.model import save_weights
from fusion.tasks import Task, find_task
from fusion.tasks.base import SampleSource
from fusion.types import FusionError, Medium

COUNT, FITTED, PROBED, SEED = 4000, 2000, 2000, 77
COUNT_LARGE, FITTED_LARGE = 400, 150  # where every sample costs a pass through a large network
Steps = Generator[float, None, ReferenceVectors]  # says how far it is, in [0, 1], and returns the vectors


def sampled(source: SampleSource, modality: str, count: int, seed: int, severity: dict[str, int] | str = "train",
            nothing: bool = True) -> Iterator[tuple[Medium, int, int]]:  # fmt: skip
    """(medium, label, label again or -1 where the medium names none)."""
    for i in range(count):
        sample = source.sample(i, seed, severity, nothing)
        yield sample.inputs[modality], sample.label, sample.label if modality in sample.named else -1


def vectors(encoder: Encoder, samples: Iterable[tuple[Medium, int, int]], count: int, batch: int = 50) -> Steps:
    """The encoder's vectors of `count` samples, in batches."""
    pooled, labels, content, waiting = [], [], [], []
    for medium, label, named in samples:
        waiting.append(encoder.prepare(medium))
        labels.append(label)
        content.append(named)
        if len(waiting) == batch or len(labels) == count:
            pooled.append(encode(encoder, waiting).pooled.cpu())
            waiting = []
            yield len(labels) / count
    return ReferenceVectors(torch.cat(pooled), torch.tensor(labels), torch.tensor(content))


def make_references(task: Task, modality: str, name: str, checkpoints: Path, data: Path | None) -> Steps:
    """Fits what is to be fitted, keeps it and the vectors, and returns them."""
    source, large = task.samples("train", data, (modality,)), name.startswith(BACKBONE)
    count, fitted = (COUNT_LARGE, FITTED_LARGE) if large else (COUNT, FITTED)
    fresh = not large and _fitted(name)
    encoder = ENCODERS[name]() if fresh else EncoderRegistry(task, "cpu", checkpoints).load(modality, name)
    if isinstance(encoder, FixedEncoder):
        media = [medium for medium, _, _ in sampled(source, modality, fitted, SEED + 1)]
        yield from (share * fitted / (fitted + count) for share in encoder.fitting(media))
        kept = {k: v for k, v in encoder.state_dict().items() if not large or k.startswith(("token_map.", "pooled_map."))}
        save_weights(encoder_folder(checkpoints, task, modality, name), kept, EncoderConfig(name, encoder.options()))
    began = fitted / (fitted + count) if isinstance(encoder, FixedEncoder) else 0.0
    found = yield from shifted(vectors(encoder.eval(), sampled(source, modality, count, SEED), count, 10 if large else 50), began)
    try:
        found.save(ReferenceVectors.path(checkpoints, task, modality, name))
    except FusionError as error:  # they serve once, and are made again the next time
        print(error, file=sys.stderr)
    return found


def shifted(steps: Steps, began: float) -> Steps:
    """The same steps from `began` to 1."""
    while True:
        try:
            yield began + (1 - began) * next(steps)
        except StopIteration as end:
            return end.value


def finish(steps: Steps) -> ReferenceVectors:
    """Runs to the end."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _fitted(name: str) -> bool:
    return issubclass(ENCODERS[name], FixedEncoder)


def probe(train: ReferenceVectors, tests: dict[str, ReferenceVectors]) -> dict[str, float]:
    """Accuracy of a logistic regression on the vectors of each test set."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    named = train.content >= 0
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(train.pooled[named].float(), train.content[named])
    return {key: round(float(model.score(found.pooled.float(), found.labels)), 4) for key, found in tests.items()}


def measure(task: Task, modality: str, name: str, checkpoints: Path, data: Path) -> dict[str, object]:
    """ReferenceVectors and probe of an encoder; writes and returns its facts."""
    train = finish(make_references(task, modality, name, checkpoints, data))
    encoder, source = EncoderRegistry(task, "cpu", checkpoints).load(modality, name), task.samples("test", data, (modality,))
    tests = {
        key: finish(vectors(encoder, sampled(source, modality, PROBED, SEED + 2, {modality: level}, False), PROBED))
        for key, level in (("probe", 0), ("probe_severity_3", 3))
    }
    facts = {
        **probe(train, tests),
        "samples": PROBED,
        "trained_on": trained_on(task, modality, name),
        "command": "python -m fusion references --data DIR",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    path = encoder_folder(checkpoints, task, modality, name) / FACTS
    save_json(path, facts)
    return facts


def run(task: str | None, data: Path, encoders: Collection[str] = ()) -> dict[str, dict[str, object]]:
    """{encoder: its facts} of the encoders that are named, or of all that are fitted or have weights; writes their cards.

    Raises:
        FusionError: there is no encoder of one of the names.
    """
    asked = find_task(task)
    if strays := [name for name in encoders if name not in ENCODERS]:
        raise FusionError(f"There is no encoder named {strays[0]!r}; there are {', '.join(ENCODERS)}.")
    found = {}
    for modality in asked.modalities:
        for name in names_of(asked.kinds[modality]):
            here = _fitted(name) or (encoder_folder(CHECKPOINTS, asked, modality, name) / "model.safetensors").exists()
            if name in encoders or here and not encoders:
                found[name] = measure(asked, modality, name, CHECKPOINTS, data)
                print(name, found[name], file=sys.stderr, flush=True)
    write()
    return found
