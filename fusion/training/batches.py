"""Batches for training: fresh media for an encoder, cached features with modality dropout for a strategy."""

from __future__ import annotations

from typing import NotRequired, TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from fusion.encoders import Encoder, Prepared, collate
from fusion.tasks import Task
from fusion.tasks.base import SampleSource
from fusion.training.features import FeatureCache

KEEP_ALL = 0.4  # share of samples that keep all modalities
KEEP_ONE = 0.5  # probability that any other sample keeps a modality
KEEP_ANCHOR = 0.9  # ... one without which the task has little to ask


class EncoderBatch(TypedDict):
    """values (B, N, ...), mask (B, N) True where real, label (B,), -1 where the medium names nothing."""

    values: Tensor
    mask: Tensor
    label: Tensor


class StrategyBatch(TypedDict):
    """What a strategy is trained or measured on.

    features   {modality: tokens (B, T, D), mask (B, T), pooled (B, D), weights (B, T)}
    present    (B, M) bool
    content    (B, M) class that each modality shows by itself, -1 where it shows none or is missing
    own        (B, M) the label as far as each modality alone decides it, else -1
    label      (B,), -1 where what is present does not decide it
    auxiliary  {further question: (B,)}
    index      (B,) rows of the cache, and `epoch`: while training
    box (B, 4) in [0, 1], mask (B, S, S) uint8 of 255, found (B,) bool, asked (B,) bool     in tasks that ask where
    """

    features: dict[str, tuple[Tensor, Tensor, Tensor, Tensor]]
    present: Tensor
    content: Tensor
    own: Tensor
    label: Tensor
    auxiliary: dict[str, Tensor]
    index: NotRequired[Tensor]
    epoch: NotRequired[int]
    box: NotRequired[Tensor]
    mask: NotRequired[Tensor]
    found: NotRequired[Tensor]
    asked: NotRequired[Tensor]


class EncoderData(Dataset[tuple[Prepared, int]]):
    """`count` samples of one modality per epoch: prepared values, mask and label (-1 where the medium names nothing).

    New ones in every epoch; with `fresh=False` those of the first epoch are kept in memory and used again (several times faster).
    """

    def __init__(
        self, source: SampleSource, modality: str, encoder: Encoder, count: int, seed: int, severity: str = "train", fresh: bool = True
    ) -> None:
        self.source = source
        self.modality = modality
        self.prepare = encoder.prepare
        self.count = count
        self.seed = seed
        self.severity = severity
        self.fresh = fresh
        self.epoch = 0
        self.kept: dict[int, tuple[Prepared, int]] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Prepared, int]:
        if index in self.kept:
            return self.kept[index]
        number = self.epoch * self.count + index if self.fresh else index
        sample = self.source.sample(number, self.seed, self.severity, nothing=True)
        label = sample.label if sample.named else -1
        made = self.prepare(sample.inputs[self.modality]), label
        if not self.fresh:
            self.kept[index] = made
        return made

    def collate(self, samples: list[tuple[Prepared, int]]) -> EncoderBatch:
        values, mask = collate([prepared for prepared, _ in samples])
        return {"values": values, "mask": mask, "label": torch.tensor([label for _, label in samples])}


class StrategyData(Dataset[int]):
    """Batches of a task from a cache, with modality dropout; where samples are halves of two, each gets a new partner in each epoch."""

    def __init__(
        self, task: Task, cache: FeatureCache, seed: int, modalities: tuple[str, ...], with_tokens: bool = True, held_out: float = 0.0
    ) -> None:
        """`held_out` is the share of the samples, the last ones, that no batch but `held_out_batch` has."""
        self.count = len(cache) - int(held_out * len(cache))
        self.task = task
        self.cache = cache
        self.seed = seed
        self.modalities = modalities
        self.with_tokens = with_tokens
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def held_out_batch(self) -> StrategyBatch:
        """All samples that were held out, with all their modalities."""
        index = torch.arange(self.count, len(self.cache))
        present = torch.ones(len(index), len(self.modalities), dtype=torch.bool)
        rng = np.random.default_rng([self.seed, self.count])
        return make_batch(self.task, self.cache, index, self.modalities, present, rng, False, self.with_tokens)

    def __getitem__(self, index: int) -> int:
        return index

    def collate(self, indices: list[int]) -> StrategyBatch:
        rng = np.random.default_rng([self.seed, self.epoch, indices[0]])
        present = torch.from_numpy(drop_modalities(len(indices), self.modalities, rng, self.task.anchors))
        index = torch.tensor(indices)
        batch = make_batch(self.task, self.cache, index, self.modalities, present, rng, False, self.with_tokens)
        batch["index"] = index
        batch["epoch"] = self.epoch
        return batch


def make_batch(
    task: Task,
    cache: FeatureCache,
    index: Tensor,
    modalities: tuple[str, ...],
    present: Tensor,
    rng: np.random.Generator,
    held: bool | None,
    with_tokens: bool = True,
) -> StrategyBatch:
    """The batch of samples `index` (B,) of a cache.

    Args:
        present: (B, M) over `modalities`.
        rng: draws partners, where samples are halves of two.
        held: whether pairs are those kept from training (True), the others (False), or any (None).
    """
    rows = dict.fromkeys(cache.modalities, index)  # {modality: (B,) rows of the cache}
    if task.pairing:
        partners = torch.from_numpy(task.pairing.partners(cache.labels[index].numpy(), cache.labels.numpy(), rng, held))
        rows |= dict.fromkeys(task.pairing.modalities, partners)
    features = cache.features(rows, modalities, with_tokens)
    content = content_of(cache, rows, modalities, present)  # (B, M)
    every = torch.full((len(index), len(task.modalities)), -1)  # the same over all modalities of the task
    columns = [task.modalities.index(m) for m in modalities]
    every[:, columns] = content
    label = task.decide(every.numpy())
    batch: StrategyBatch = {
        "features": {m: (f.tokens, f.mask, f.pooled, f.weights) for m, f in features.items()},
        "present": present,
        "content": content,
        "own": decided_alone(task, every.numpy(), columns),
        "label": torch.from_numpy(label),
        "auxiliary": {q: torch.from_numpy(a) for q, a in task.answers(label, every.numpy()).items()},
    }
    if task.heads.localization:
        picture = task.heads.localization.image
        shown = present[:, modalities.index(picture)] if picture in modalities else torch.zeros(len(index), dtype=torch.bool)
        batch["box"] = cache.places["box"][index]
        batch["mask"] = cache.places["mask"][index]
        batch["found"] = cache.places["found"][index]
        batch["asked"] = (batch["label"] >= 0) & shown
    return batch


def content_of(cache: FeatureCache, rows: dict[str, Tensor], modalities: tuple[str, ...], present: Tensor) -> Tensor:
    """(B, M) class that each modality shows, -1 where it shows none or is missing."""
    shown = torch.stack([cache.content[rows[m], cache.modalities.index(m)] for m in modalities], 1)
    return torch.where(present, shown, torch.full_like(shown, -1))


def decided_alone(task: Task, content: np.ndarray, columns: list[int]) -> Tensor:
    """(B, len(columns)): the label as far as the modality of each column alone decides it, else -1.

    Args:
        content: (B, M) over all modalities of the task.
    """
    labels = []
    for column in columns:
        alone = np.full_like(content, -1)
        alone[:, column] = content[:, column]
        labels.append(task.decide(alone))
    return torch.from_numpy(np.stack(labels, 1))


def drop_modalities(batch: int, modalities: tuple[str, ...], rng: np.random.Generator, anchors: tuple[str, ...] = ()) -> np.ndarray:
    """Which modalities each sample keeps (B, M) bool: 40 % keep all, the others each with probability one half, never none.

    Those in `anchors`, without which a task has little to ask, are kept nine times in ten.
    """
    present = rng.random((batch, len(modalities))) < [KEEP_ANCHOR if m in anchors else KEEP_ONE for m in modalities]
    present[rng.random(batch) < KEEP_ALL] = True
    present[np.arange(batch), rng.integers(0, len(modalities), batch)] |= ~present.any(1)
    return present
