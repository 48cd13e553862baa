"""Strategies for encoders of a visitor's choice, trained in seconds each on vectors of reference samples and then kept.

    train_heads(TASKS["digits"], choose(TASKS["digits"], {"image": "image_lbp"}), on_progress=print)

Shipped encoders come with their vectors; those of a pretrained backbone are made first, which costs one pass through it per sample.
Only strategies that fuse embeddings or logits can be trained so: tokens are not kept. The media of a sample are combined anew from
samples of the same label, as the task itself does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from fusion.cards.encoders import heads_card
from fusion.config import CHECKPOINTS, TrainConfig
from fusion.encoder_choice import choose, heads_folder, is_compact
from fusion.encoder_registry import EncoderRegistry
from fusion.files import save_json
from fusion.lab import Lab
from fusion.loading import Parts, load_strategy
from fusion.paths import references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.strategies import STRATEGIES
from fusion.tasks import Task, find_task
from fusion.training.features import FeatureCache
from fusion.training.references import PROBED, SEED, encode_samples, make_references, sampled
from fusion.training.strategy import train_strategy
from fusion.types import FusionError

RECIPE = TrainConfig(epochs=8, samples=12000, batch_size=256, lr=3e-3, precision="fp32", workers=0)
WITHOUT_TOKENS = tuple(name for name, kind in STRATEGIES.items() if kind.fuses != "tokens")
ENCODING_SHARE = 0.9  # of the progress, where vectors have to be made


@dataclass(frozen=True)
class Progress:
    """What is being made and how far it is; `share` of all is in [0, 1]."""

    what: str
    share: float


OnProgress = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """For those who do not ask how far it is."""


def join(found: Mapping[str, ReferenceVectors], count: int, seed: int = 0, classes: int = 10) -> FeatureCache:
    """`count` samples; the vectors of one share a label and are otherwise drawn independently from each modality's references."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (count,), generator=generator)
    pooled: dict[str, Tensor] = {}
    content = []
    for m, references in found.items():
        rows = torch.empty(count, dtype=torch.long)
        for label in range(classes):
            own = (references.labels == label).nonzero().squeeze(1)
            wanted = labels == label
            rows[wanted] = own[torch.randint(0, len(own), (int(wanted.sum()),), generator=generator)]
        pooled[m] = references.pooled[rows]
        content.append(references.content[rows])
    return FeatureCache(tuple(found), {}, {}, pooled, labels, torch.stack(content, 1), {})


def train_heads(
    task: Task,
    choice: Mapping[str, str],
    checkpoints: Path = CHECKPOINTS,
    data: Path | None = None,
    names: tuple[str, ...] = WITHOUT_TOKENS,
    config: TrainConfig = RECIPE,
    anew: bool = False,
    on_progress: OnProgress = ignore,
) -> None:
    """Trains the strategies and the baselines of each modality on a choice of encoders.

    What an interrupted run finished is kept; damaged files of it are made anew.

    Args:
        data: folder of the data sets, for encoders without references; without it the project's own samples serve.
        anew: train also what is trained already.
        on_progress: is told after every step how far it is.

    Raises:
        FusionError: an encoder cannot be had, or a strategy reads tokens.
    """
    if strays := [n for n in names if n not in WITHOUT_TOKENS]:
        raise FusionError(f"{strays[0]} needs tokens, which these encoders do not store; it can be trained on the compact encoders only.")
    if is_compact(task, choice):
        raise FusionError("All strategies for the compact encoders are included; `python -m fusion train --data DIR` trains them again.")
    missing = encoders_to_read(task, choice, checkpoints)
    references = load_references(task, choice, missing, checkpoints, data, on_progress)
    cache = join(references, config.samples, config.seed, len(task.labels))
    home = heads_folder(checkpoints, task, choice)
    start = ENCODING_SHARE if missing else 0.0
    retrain = anew or bool(missing)
    every = (*names, *(f"{m}_only" for m in references))
    for i, name in enumerate(every):
        if not retrain and is_trained(task, name, home):
            continue
        for step in train_strategy(task, name, cache, home, config, "cpu", resume=not retrain):
            epochs = (step.epoch - 1 + step.step / step.steps) / step.epochs
            on_progress(Progress(name, start + (1 - start) * (i + epochs) / len(every)))


def encoders_to_read(task: Task, choice: Mapping[str, str], checkpoints: Path) -> list[str]:
    """Modalities whose encoder has no vectors of reference samples yet, or has not been fitted."""
    registry = EncoderRegistry(task, "cpu", checkpoints)
    missing = []
    for m, name in choice.items():
        if ReferenceVectors.find(references_file(checkpoints, task, m, name)) is None or not registry.fitted(m, name):
            missing.append(m)
    return missing


def load_references(
    task: Task, choice: Mapping[str, str], missing: list[str], checkpoints: Path, data: Path | None, on_progress: OnProgress
) -> dict[str, ReferenceVectors]:
    """{modality: vectors of reference samples} in the task's order; those of `missing` are made."""
    found = {}
    for m in task.modalities:
        if m not in choice:
            continue
        if m in missing:
            start = ENCODING_SHARE * missing.index(m) / len(missing)
            width = ENCODING_SHARE / len(missing)
            made = make_references(task, m, choice[m], checkpoints, data, vectors_progress(choice[m], start, width, on_progress))
            # as they are in the file, where they have half precision
            found[m] = ReferenceVectors.find(references_file(checkpoints, task, m, choice[m])) or made
        else:
            found[m] = ReferenceVectors.load(references_file(checkpoints, task, m, choice[m]))
    return found


def vectors_progress(encoder: str, start: float, width: float, on_progress: OnProgress) -> Callable[[float], None]:
    """Tells the progress of an encoder's vectors as a part of all, from `start` to `start + width`."""
    return lambda share: on_progress(Progress(f"vectors of {encoder}", start + width * share))


def are_trained(task: Task, choice: Mapping[str, str], home: Path) -> bool:
    """Whether all that can be trained on a choice of encoders is there, undamaged."""
    return all(is_trained(task, name, home) for name in (*WITHOUT_TOKENS, *(f"{m}_only" for m in choice)))


def is_trained(task: Task, name: str, home: Path) -> bool:
    """Whether a strategy or baseline is there, undamaged."""
    try:
        load_strategy(name, home / name, task, Parts(), fitted=True)
        return True
    except FusionError:
        return False


def measure(lab: Lab, data: Path) -> dict[str, dict[str, float]]:
    """{strategy: accuracy on `PROBED` test samples, clean and with every modality at severity 3}."""
    rows: dict[str, dict[str, float]] = {name: {} for name in (*lab.strategies, *lab.baselines)}
    for key, level in (("clean", 0), ("severity_3", 3)):
        cache = test_features(lab, data, level)
        features = cache.features(torch.arange(PROBED), with_tokens=False)
        for name, row in rows.items():
            modalities = lab.models[name].strategy.modalities
            present = torch.ones(PROBED, len(modalities), dtype=torch.bool)
            with torch.inference_mode():
                logits = lab.models[name].fuse({m: features[m] for m in modalities}, present).logits
            row[key] = round(float((logits.argmax(-1) == cache.labels).float().mean()), 4)
    return rows


def test_features(lab: Lab, data: Path, level: int) -> FeatureCache:
    """Vectors of test samples with every modality at one severity; sample i has the same label in every modality."""
    found = {}
    for m in lab.modalities:
        samples = sampled(lab.task.samples("test", data, (m,)), m, PROBED, SEED + 2, {m: level}, nothing=False)
        found[m] = encode_samples(lab.encoders[m], samples, PROBED)
    labels = next(iter(found.values())).labels
    return FeatureCache(tuple(found), {}, {}, {m: r.pooled for m, r in found.items()}, labels, labels[:, None], {})


class ProgressLine:
    """Progress on stderr: on a terminal one line that is rewritten, else a line for everything that is made."""

    def __init__(self) -> None:
        self.last = ""

    def __call__(self, progress: Progress) -> None:
        watched = sys.stderr.isatty()
        if watched or progress.what != self.last:
            self.last = progress.what
            print(f"{progress.share:4.0%} {progress.what:<50}", file=sys.stderr, end="\r" if watched else "\n", flush=True)


def run(task: str, encoders: str | Mapping[str, str], data: str | None = None, strategy: str = "all", anew: bool = False) -> None:
    """What the command line calls: trains on a choice of encoders (see `fusion.encoder_choice`) with progress on stderr.

    With a data folder the strategies are measured, too, where all media of a sample share its label; `report.json` beside them says how
    good they are.
    """
    asked = find_task(task)
    names = WITHOUT_TOKENS if strategy == "all" else tuple(strategy.split(","))
    folder = Path(data) if data else None
    train_heads(asked, choose(asked, encoders), data=folder, names=names, anew=anew, on_progress=ProgressLine())
    if folder and not asked.pairing:  # each sample has one label that all its media share
        write_report(asked, encoders, folder)


def write_report(task: Task, encoders: str | Mapping[str, str], data: Path) -> None:
    """Measures the strategies on a choice of encoders; writes `report.json` and a card beside them."""
    lab = Lab(task, "cpu", encoders=encoders)
    report = {
        "command": f"python -m fusion train --task {task} --strategy all --encoders {encoders} --data DIR",
        "choice": lab.choice,
        "samples": PROBED,
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "accuracy": measure(lab, data),
    }
    home = heads_folder(CHECKPOINTS, lab.task, lab.choice)
    save_json(home / "report.json", report)
    (home / "README.md").write_text(heads_card(task, report))
