"""Trains what tells "none of these" (`fusion.heads.open_set`): encodes media of every kind, and fits one small network for each modality.

Media of the labels and others come from the task (`Task.known_media`, `Task.other_media`), in kinds; all kinds count the same, however easy
it is to make many of one. What the encoders found is kept beside the data, a file for each modality: with a new encoder only its own
modality is encoded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS
from fusion.encoders import Encoder, collate
from fusion.files import load_tensors, save_tensors
from fusion.heads.open_set import OutlierHead, statistics_of
from fusion.model import FusionModel, load_encoder
from fusion.tasks import Task, find_task
from fusion.tasks.base import Maker
from fusion.training.behaviour import PACKAGE, digest_of
from fusion.types import FusionError

BATCH = 50  # media encoded at once
TEXTS = 5  # times as many texts as other media: they cost little, and come in more kinds
STEPS, BATCH_SIZE, RATE, DECAY, BLUR, HIDDEN = 300, 256, 3e-3, 0.05, 0.1, 32
SHARES = ((1.0, 0.0), (1.0, 0.5), (1.0, 1.0), (0.5, 1.0), (0.2, 1.0), (0.0, 1.0))  # of the network and of the confidence
FOLDS = 4  # groups of kinds that are left out in turn
FALSE_ALARMS = 0.05
Kinds = dict[str, Tensor]  # {kind: statistics (N, 4 D)}


@dataclass(frozen=True)
class Statistics:
    """What the encoder of one modality found in media of the labels and in others, by kind."""

    known: Kinds
    other: Kinds


def encode(encoder: Encoder, maker: Maker, count: int, seed: int) -> Tensor:
    """Statistics (count, 4 D) of media of one kind."""
    found = []
    for start in range(0, count, BATCH):
        media = [maker(np.random.default_rng([seed, index])) for index in range(start, min(start + BATCH, count))]
        values, mask = collate([encoder.prepare(medium) for medium in media])
        with torch.inference_mode():
            found.append(statistics_of(encoder(values, mask)))
    return torch.cat(found)


def statistics(task: Task, modality: str, split: str, data: Path, checkpoints: Path = CHECKPOINTS) -> Statistics:
    """Those of one modality and split, kept beside the data."""
    count = task.measuring.open_set * (TEXTS if task.kinds[modality] == "text" else 1)
    folder = checkpoints / task.encoder_tasks[modality] / "encoders" / modality
    known, other = task.known_media(modality, split, data), task.other_media(modality, split, data)
    path = file_of(task, modality, folder, data, (split, count, sorted(known), sorted(other)))
    try:
        kept = load_tensors(path)
    except FusionError:
        encoder = load_encoder(folder)
        kept = {}
        for name, makers in {"known": known, "other": other}.items():
            for number, (kind, maker) in enumerate(makers.items()):
                kept[f"{name}.{kind}"] = encode(encoder, maker, -(-count // len(makers)), seed_of(split) + number).half()
        save_tensors(path, kept, checksum=False)

    def kinds(name: str) -> Kinds:
        return {key.removeprefix(f"{name}."): rows.float() for key, rows in kept.items() if key.startswith(f"{name}.")}

    return Statistics(kinds("known"), kinds("other"))


def seed_of(split: str) -> int:
    return {"train": 1000, "val": 2000, "test": 3000}[split]


def file_of(task: Task, modality: str, encoder: Path, data: Path, key: object) -> Path:
    """The file of statistics, named by the encoder, and by what is encoded and the code that makes it."""
    lender = find_task(task.encoder_tasks[modality])  # tasks that share an encoder share what it found
    digest = hashlib.sha256(repr((lender.name, modality, key)).encode())
    digest.update((encoder / "model.safetensors").read_bytes())
    folders = [PACKAGE / "tasks" / name for name in ("outliers", *lender.sample_code)]
    digest.update(digest_of([path for folder in folders for path in sorted(folder.glob("*.py"))]).encode())
    return data / ".features" / f"{lender.name}-open-set-{modality}-{digest.hexdigest()[:16]}.safetensors"


def together(kinds: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of all kinds (N, ...), and a weight for each so that every kind has the same and all sum to N."""
    rows = torch.cat(list(kinds.values()))
    weights = torch.cat([torch.full((len(x),), len(rows) / len(kinds) / len(x)) for x in kinds.values()])
    return rows, weights


def fit_network(head: OutlierHead, found: Statistics, seed: int = 0) -> None:
    """Fits the log-odds for known media, with both sides and all kinds of a side weighted alike."""
    (known, known_weights), (other, other_weights) = together(found.known), together(found.other)
    head.standardise(known)
    rows = torch.cat([known, other])
    target = torch.cat([torch.ones(len(known)), torch.zeros(len(other))])
    weights = torch.cat([known_weights / len(known), other_weights / len(other)]) * (len(rows) / 2)
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    random = torch.Generator().manual_seed(seed)
    for _ in range(STEPS):
        index = torch.randint(len(rows), (BATCH_SIZE,), generator=random)
        blurred = rows[index] + BLUR * head.scale * torch.randn(len(index), rows.shape[1], generator=random)
        loss = F.binary_cross_entropy_with_logits(head.network(blurred), target[index], weight=weights[index])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()


def new_head(baseline: FusionModel, width: int, seed: int = 0) -> OutlierHead:
    """An untrained head with the classifier of a unimodal baseline."""
    torch.manual_seed(seed)
    classifier = baseline.head
    assert isinstance(classifier, nn.Linear)
    head = OutlierHead(width, HIDDEN, classifier.out_features)
    head.weight.copy_(classifier.weight.detach())
    head.bias.copy_(classifier.bias.detach())
    return head


def fit_head(baseline: FusionModel, train: Statistics, val: Statistics) -> OutlierHead:
    """The network and the shares of a modality.

    Some kinds of other media are left out in turn, and the shares are those that notice most of what was left out, at 5 % false alarms.
    """
    width = next(iter(train.known.values())).shape[1] // 4
    kinds = [kind for kind in train.other if kind in val.other]
    found = torch.zeros(len(SHARES))
    for group in range(min(FOLDS, len(kinds))):
        out = kinds[group::FOLDS]
        if len(out) == len(kinds):
            break
        head = new_head(baseline, width)
        fit_network(head, Statistics(train.known, {k: x for k, x in train.other.items() if k not in out}))
        with torch.no_grad():
            left = Statistics(val.known, {k: val.other[k] for k in out})
            found += torch.tensor([noticed_with(head, left, shares) for shares in SHARES])
    head = new_head(baseline, width)
    fit_network(head, train)
    head.shares.copy_(torch.tensor(SHARES[int(found.argmax())]))
    return head.eval()


def noticed_with(head: OutlierHead, val: Statistics, shares: tuple[float, float]) -> float:
    """Share of other media below the score that 95 % of known media reach."""
    head.shares.copy_(torch.tensor(shares))
    rows, weights = together(val.known)
    scores, order = head(rows).sort()
    threshold = float(scores[int((weights[order].cumsum(0) < FALSE_ALARMS * len(rows)).sum())])
    return float(np.mean([float((head(x) < threshold).float().mean()) for x in val.other.values()]))
