"""Strategies for encoders of a visitor's choice, trained in seconds each on vectors of reference samples and then kept.

    for progress in train_heads(TASKS["digits"], choose(TASKS["digits"], {"image": "image_lbp"})): ...

Shipped encoders come with their vectors; those of a pretrained backbone are made first, which costs one pass through it per sample.
Only strategies that fuse embeddings or logits can be trained so: tokens are not kept. The parts of a sample are put together anew from
samples of the same digit, as the task itself does.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from fusion.choice import References, choose, heads_folder, is_compact
from fusion.config import CHECKPOINTS, TrainConfig
from fusion.lab import Lab
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS, Task
from fusion.training.data import FeatureCache
from fusion.training.encoder_cards import heads_card
from fusion.training.references import PROBED, SEED, finish, make_references, sampled, source, vectors
from fusion.training.train import train_strategy
from fusion.types import MODALITIES, FusionError

RECIPE = TrainConfig(epochs=8, samples=12000, batch_size=256, lr=3e-3, precision="fp32", workers=0)
ABANDONED = 86400  # seconds after which an unfinished folder belongs to nobody
WITHOUT_TOKENS = tuple(name for name, kind in STRATEGIES.items() if kind.fuses != "tokens")


@dataclass(frozen=True)
class Progress:
    """What is being made and how far it is; `share` of all is in [0, 1]."""

    what: str
    share: float


def join(found: Mapping[str, References], count: int, seed: int = 0) -> FeatureCache:
    """`count` samples, each of parts that share a digit and are otherwise drawn anew from each modality's references."""
    generator = torch.Generator().manual_seed(seed)
    digits = torch.randint(0, 10, (count,), generator=generator)
    pooled, content = {}, []
    for m, references in found.items():
        rows = torch.empty(count, dtype=torch.long)
        for digit in range(10):
            own, wanted = (references.digits == digit).nonzero().squeeze(1), digits == digit
            rows[wanted] = own[torch.randint(0, len(own), (int(wanted.sum()),), generator=generator)]
        pooled[m] = references.pooled[rows]
        content.append(references.content[rows])
    return FeatureCache(tuple(found), {}, {}, pooled, digits, torch.stack(content, 1), {})


def train_heads(
    task: Task,
    choice: Mapping[str, str],
    checkpoints: Path = CHECKPOINTS,
    data: Path | None = None,
    names: tuple[str, ...] = WITHOUT_TOKENS,
    config: TrainConfig = RECIPE,
) -> Iterator[Progress]:
    """Trains the strategies and the baselines of each modality on a choice of encoders, and says how far it is.

    Args:
        data: folder of the data sets, for encoders without references; without it the project's own samples serve.

    Raises:
        FusionError: an encoder cannot be had, or a strategy reads tokens.
    """
    if strays := [n for n in names if n not in WITHOUT_TOKENS]:
        raise FusionError(f"{strays[0]} reads tokens, of which none are kept; it can be trained on the compact encoders only.")
    if is_compact(task, choice):
        raise FusionError("The compact encoders come with all strategies; `python -m fusion train --data DIR` trains those anew.")
    found: dict[str, References] = {}
    missing = [m for m in choice if References.load(References.path(checkpoints, task, m, choice[m])) is None]
    for m in (m for m in MODALITIES if m in choice):
        path = References.path(checkpoints, task, m, choice[m])
        if m in missing:
            for share in make_references(task, m, choice[m], checkpoints, data):
                yield Progress(f"vectors of {choice[m]}", 0.9 * (missing.index(m) + share) / len(missing))
        found[m] = References.load(path)
    cache, home = join(found, config.samples, config.seed), heads_folder(checkpoints, task, choice)
    every, began = (*names, *(f"{m}_only" for m in found)), 0.9 if missing else 0.0
    with written_whole(home) as part:
        for i, name in enumerate(every):
            for step in train_strategy(task, name, cache, part, config, "cpu", resume=False):
                done = (i + ((step.epoch - 1) + step.step / step.steps) / step.epochs) / len(every)
                yield Progress(name, began + (1 - began) * done)


@contextmanager
def written_whole(home: Path) -> Iterator[Path]:
    """A temporary folder beside `home`, with what `home` holds; it takes the place of `home` at the end, and is removed on an error."""
    home.parent.mkdir(parents=True, exist_ok=True)
    for old in home.parent.glob(f".{home.name}.*"):  # of a process that was killed
        if time.time() - old.stat().st_mtime > ABANDONED:
            shutil.rmtree(old, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    try:
        part.chmod(0o755)
        if home.is_dir():
            shutil.copytree(home, part, dirs_exist_ok=True)
        yield part
        if home.is_dir():
            old = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
            os.replace(home, old / "old")
            os.replace(part, home)
            shutil.rmtree(old)
        else:
            os.replace(part, home)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def measure(lab: Lab, data: Path) -> dict[str, dict[str, float]]:
    """{strategy: accuracy on `PROBED` test samples, clean and with every modality at severity 3}."""
    rows: dict[str, dict[str, float]] = {name: {} for name in (*lab.strategies, *lab.baselines)}
    for key, level in (("clean", 0), ("severity_3", 3)):
        found: dict[str, References] = {}
        for m in lab.modalities:
            samples = sampled(source(m, "test", data), m, PROBED, SEED + 2, {m: level}, False)
            found[m] = finish(vectors(lab.encoders[m], samples, PROBED))
        digits = next(iter(found.values())).digits  # sample i has the same digit in every modality
        cache = FeatureCache(tuple(found), {}, {}, {m: r.pooled for m, r in found.items()}, digits, digits[:, None], {})
        features = cache.features(torch.arange(PROBED), with_tokens=False)
        for name, row in rows.items():
            modalities = lab.models[name].strategy.modalities
            present = torch.ones(PROBED, len(modalities), dtype=torch.bool)
            with torch.inference_mode():
                logits = lab.models[name].fuse({m: features[m] for m in modalities}, present).logits
            row[key] = round(float((logits.argmax(-1) == digits).float().mean()), 4)
    return rows


def run(task: str, encoders: str | Mapping[str, str], data: str | None = None, strategy: str = "all") -> None:
    """What the command line calls: trains on a choice of encoders (see `fusion.choice`) and says on stderr how far it is.

    With a data folder the strategies of `digits` are measured, too; `report.json` beside them says how good they are.
    """
    if task not in TASKS:
        raise FusionError(f"There is no task named {task!r}; there is {', '.join(TASKS)}.")
    names, last = WITHOUT_TOKENS if strategy == "all" else tuple(strategy.split(",")), ""
    for step in train_heads(TASKS[task], choose(TASKS[task], encoders), data=Path(data) if data else None, names=names):
        if sys.stderr.isatty() or step.what != last:  # one line, rewritten as it grows where somebody watches
            print(f"{step.share:4.0%} {step.what:<50}", file=sys.stderr, end="\r" if sys.stderr.isatty() else "\n", flush=True)
            last = step.what
    if data and task == "digits":
        lab = Lab(task, "cpu", encoders=encoders)
        report = {"command": f"python -m fusion train --task digits --strategy all --encoders {encoders} --data DIR", "choice": lab.choice,
                  "samples": PROBED, "date": datetime.now(UTC).strftime("%Y-%m-%d"), "accuracy": measure(lab, Path(data))}  # fmt: skip
        home = heads_folder(CHECKPOINTS, lab.task, lab.choice)
        (home / "report.json").write_text(json.dumps(report, indent=1) + "\n")
        (home / "README.md").write_text(heads_card(report))
