"""Strategies for encoders of a visitor's choice, trained in seconds each on vectors of reference samples and then kept.

    for progress in train_heads(TASKS["digits"], choose(TASKS["digits"], {"image": "image_lbp"})): ...

Shipped encoders come with their vectors; those of a pretrained backbone are made first, which costs one pass through it per sample.
Only strategies that fuse embeddings or logits can be trained so: tokens are not kept. The parts of a sample are put together anew from
samples of the same digit, as the task itself does.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from fusion.cards.encoders import heads_card
from fusion.config import CHECKPOINTS, TrainConfig
from fusion.encoder_choice import ReferenceVectors, choose, heads_folder, is_compact
from fusion.encoder_registry import EncoderRegistry
from fusion.files import save_json
from fusion.lab import Lab
from fusion.loading import Parts, load_strategy
from fusion.strategies import STRATEGIES
from fusion.tasks import Task, find_task
from fusion.training.features import FeatureCache
from fusion.training.references import PROBED, SEED, Steps, finish, make_references, sampled, vectors
from fusion.training.train import train_strategy
from fusion.types import FusionError

RECIPE = TrainConfig(epochs=8, samples=12000, batch_size=256, lr=3e-3, precision="fp32", workers=0)
ABANDONED = 86400  # seconds after which an unfinished folder belongs to nobody
WITHOUT_TOKENS = tuple(name for name, kind in STRATEGIES.items() if kind.fuses != "tokens")


@dataclass(frozen=True)
class Progress:
    """What is being made and how far it is; `share` of all is in [0, 1]."""

    what: str
    share: float


def join(found: Mapping[str, ReferenceVectors], count: int, seed: int = 0, classes: int = 10) -> FeatureCache:
    """`count` samples, each of parts that share a label and are otherwise drawn anew from each modality's references."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, classes, (count,), generator=generator)
    pooled, content = {}, []
    for m, references in found.items():
        rows = torch.empty(count, dtype=torch.long)
        for label in range(classes):
            own, wanted = (references.labels == label).nonzero().squeeze(1), labels == label
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
) -> Iterator[Progress]:
    """Trains the strategies and the baselines of each modality on a choice of encoders, and says how far it is.

    What an interrupted run finished is kept; damaged files of it are made anew.

    Args:
        data: folder of the data sets, for encoders without references; without it the project's own samples serve.
        anew: train also what is trained already.

    Raises:
        FusionError: an encoder cannot be had, or a strategy reads tokens.
    """
    if strays := [n for n in names if n not in WITHOUT_TOKENS]:
        raise FusionError(f"{strays[0]} reads tokens, of which none are kept; it can be trained on the compact encoders only.")
    if is_compact(task, choice):
        raise FusionError("The compact encoders come with all strategies; `python -m fusion train --data DIR` trains those anew.")
    found: dict[str, ReferenceVectors] = {}
    registry = EncoderRegistry(task, "cpu", checkpoints)
    paths = {m: ReferenceVectors.path(checkpoints, task, m, choice[m]) for m in choice}
    missing = [m for m, path in paths.items() if ReferenceVectors.load(path) is None or not registry.fitted(m, choice[m])]
    for m in (m for m in task.modalities if m in choice):
        made = None
        if m in missing:
            steps = make_references(task, m, choice[m], checkpoints, data)
            made = yield from told(steps, f"vectors of {choice[m]}", 0.9 * missing.index(m) / len(missing), 0.9 / len(missing))
        found[m] = ReferenceVectors.load(paths[m]) or made
    cache, home = join(found, config.samples, config.seed, len(task.labels)), heads_folder(checkpoints, task, choice)
    every, began = (*names, *(f"{m}_only" for m in found)), 0.9 if missing else 0.0
    for i, name in enumerate(every):
        if not anew and not missing and is_trained(task, name, home):
            continue
        for step in train_strategy(task, name, cache, home, config, "cpu", resume=not anew and not missing):
            done = (i + ((step.epoch - 1) + step.step / step.steps) / step.epochs) / len(every)
            yield Progress(name, began + (1 - began) * done)


def told(steps: Steps, what: str, began: float, width: float) -> Generator[Progress, None, ReferenceVectors]:
    """The same steps as progress from `began` to `began` + `width`; returns the vectors."""
    while True:
        try:
            yield Progress(what, began + width * next(steps))
        except StopIteration as end:
            return end.value


def are_trained(task: Task, choice: Mapping[str, str], home: Path) -> bool:
    """Whether all that can be trained on a choice of encoders is there as a whole."""
    return all(is_trained(task, name, home) for name in (*WITHOUT_TOKENS, *(f"{m}_only" for m in choice)))


def is_trained(task: Task, name: str, home: Path) -> bool:
    """Whether a strategy or baseline is there as a whole."""
    try:
        load_strategy(name, home / name, task, Parts(), fitted=True)
        return True
    except FusionError:
        return False


def measure(lab: Lab, data: Path) -> dict[str, dict[str, float]]:
    """{strategy: accuracy on `PROBED` test samples, clean and with every modality at severity 3}."""
    rows: dict[str, dict[str, float]] = {name: {} for name in (*lab.strategies, *lab.baselines)}
    for key, level in (("clean", 0), ("severity_3", 3)):
        found: dict[str, ReferenceVectors] = {}
        for m in lab.modalities:
            samples = sampled(lab.task.samples("test", data, (m,)), m, PROBED, SEED + 2, {m: level}, False)
            found[m] = finish(vectors(lab.encoders[m], samples, PROBED))
        labels = next(iter(found.values())).labels  # sample i has the same label in every modality
        cache = FeatureCache(tuple(found), {}, {}, {m: r.pooled for m, r in found.items()}, labels, labels[:, None], {})
        features = cache.features(torch.arange(PROBED), with_tokens=False)
        for name, row in rows.items():
            modalities = lab.models[name].strategy.modalities
            present = torch.ones(PROBED, len(modalities), dtype=torch.bool)
            with torch.inference_mode():
                logits = lab.models[name].fuse({m: features[m] for m in modalities}, present).logits
            row[key] = round(float((logits.argmax(-1) == labels).float().mean()), 4)
    return rows


def run(task: str, encoders: str | Mapping[str, str], data: str | None = None, strategy: str = "all", anew: bool = False) -> None:
    """What the command line calls: trains on a choice of encoders (see `fusion.encoder_choice`) and says on stderr how far it is.

    With a data folder the strategies are measured, too, where all media of a sample share its label; `report.json` beside them says how
    good they are.
    """
    asked = find_task(task)
    names, last = WITHOUT_TOKENS if strategy == "all" else tuple(strategy.split(",")), ""
    for step in train_heads(asked, choose(asked, encoders), data=Path(data) if data else None, names=names, anew=anew):
        if sys.stderr.isatty() or step.what != last:  # one line, rewritten as it grows where somebody watches
            print(f"{step.share:4.0%} {step.what:<50}", file=sys.stderr, end="\r" if sys.stderr.isatty() else "\n", flush=True)
            last = step.what
    if data and not asked.pairing:  # each sample has one label that all its media share
        lab = Lab(asked, "cpu", encoders=encoders)
        report = {"command": f"python -m fusion train --task {task} --strategy all --encoders {encoders} --data DIR", "choice": lab.choice,
                  "samples": PROBED, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "accuracy": measure(lab, Path(data))}  # fmt: skip
        home = heads_folder(CHECKPOINTS, lab.task, lab.choice)
        save_json(home / "report.json", report)
        (home / "README.md").write_text(heads_card(asked, report))
