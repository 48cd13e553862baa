"""What the loop reads: fresh samples for an encoder, cached features for a strategy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fusion.encoders import Encoder, Prepared, collate
from fusion.tasks.digits import Digits
from fusion.types import Features


class EncoderData(Dataset):
    """`count` samples of one modality per epoch: prepared values, mask and label (-1 where it names nothing).

    New ones in every epoch; with `fresh=False` those of the first epoch are kept in memory and used again (several times faster).
    """

    def __init__(self, task: Digits, encoder: Encoder, count: int, seed: int, severity: str = "train", fresh: bool = True) -> None:
        self.task, self.prepare, self.modality = task, encoder.prepare, encoder.modality
        self.count, self.seed, self.severity, self.fresh, self.epoch = count, seed, severity, fresh, 0
        self.kept: dict[int, tuple[Prepared, int]] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Prepared, int]:
        if index in self.kept:
            return self.kept[index]
        number = self.epoch * self.count + index if self.fresh else index
        sample = self.task.sample(number, self.seed, self.severity, nothing=True)
        made = self.prepare(sample.inputs[self.modality]), sample.label if sample.named else -1
        if not self.fresh:
            self.kept[index] = made
        return made

    def collate(self, samples: list[tuple[Prepared, int]]) -> dict[str, Any]:
        values, mask = collate([s[0] for s in samples])
        return {"values": values, "mask": mask, "label": torch.tensor([s[1] for s in samples])}


class PreparedSamples(Dataset):
    """Samples of all modalities, prepared: for measuring and for filling a cache."""

    def __init__(
        self,
        task: Digits,
        encoders: dict[str, Encoder],
        count: int,
        seed: int,
        severity: dict[str, int] | str = "none",
        nothing: bool = False,
    ) -> None:
        self.task, self.count, self.seed, self.severity, self.nothing = task, count, seed, severity, nothing
        self.prepare: dict[str, Callable[..., Prepared]] = {m: e.prepare for m, e in encoders.items()}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[dict[str, Prepared], int, tuple[str, ...]]:
        sample = self.task.sample(index, self.seed, self.severity, self.nothing)
        return {m: prepare(sample.inputs[m]) for m, prepare in self.prepare.items()}, sample.label, sample.named


def as_lists(samples: list[Any]) -> list[Any]:
    return samples


class FeatureCache(Dataset):
    """Features of many samples in half precision, tokens without padding; batches drop modalities at random.

    A strategy's training reads nothing else, so that it takes seconds to minutes on a CPU.
    """

    def __init__(self, modalities: tuple[str, ...], seed: int, dtype: torch.dtype = torch.float16) -> None:
        self.modalities, self.seed, self.dtype, self.epoch = modalities, seed, dtype, 0
        self.tokens: dict[str, list[Tensor]] = {m: [] for m in modalities}
        self.pooled: dict[str, list[Tensor]] = {m: [] for m in modalities}
        self.labels: list[int] = []
        self.named: list[tuple[bool, ...]] = []

    def fill(self, samples: PreparedSamples, encoders: dict[str, Encoder], workers: int, precision: str = "bf16") -> Iterator[int]:
        """Runs the encoders over `samples`; yields how many are done."""
        device = next(next(iter(encoders.values())).parameters()).device
        for batch in DataLoader(samples, 100, num_workers=workers, collate_fn=as_lists):
            for m in self.modalities:
                values, mask = collate([s[0][m] for s in batch])
                with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                    features = encoders[m](values.to(device), mask.to(device))
                for tokens, real in zip(features.tokens.to(self.dtype).cpu(), features.mask.cpu(), strict=True):
                    self.tokens[m].append(tokens[real].clone())
                self.pooled[m] += list(features.pooled.to(self.dtype).cpu().clone())
            self.labels += [s[1] for s in batch]
            self.named += [tuple(m in s[2] for m in self.modalities) for s in batch]
            yield len(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> int:
        return index

    def features(self, indices: list[int]) -> dict[str, Features]:
        """Padded features of some samples, float32."""
        out = {}
        for m in self.modalities:
            tokens = [self.tokens[m][i] for i in indices]
            lengths = torch.tensor([len(t) for t in tokens])
            padded = torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True).float()
            mask = torch.arange(padded.shape[1])[None] < lengths[:, None]
            out[m] = Features(padded, mask, torch.stack([self.pooled[m][i] for i in indices]).float(), mask.float())
        return out

    def collate(self, indices: list[int]) -> dict[str, Any]:
        """One batch: features, `present` after modality dropout, and the label (-1 where nothing present names it)."""
        rng = np.random.default_rng([self.seed, self.epoch, indices[0]])
        present = torch.from_numpy(drop_modalities(len(indices), len(self.modalities), rng))
        named = torch.tensor([self.named[i] for i in indices])
        label = torch.tensor([self.labels[i] for i in indices])
        features = self.features(indices)
        return {
            "tokens": {m: f.tokens for m, f in features.items()},
            "mask": {m: f.mask for m, f in features.items()},
            "pooled": {m: f.pooled for m, f in features.items()},
            "present": present,
            "label": torch.where((named & present).any(1), label, torch.full_like(label, -1)),
            "named": named & present,
        }


def drop_modalities(batch: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Which modalities each sample keeps (B, M): 40 % keep all, the others each with probability one half, never none."""
    present = rng.random((batch, count)) < 0.5
    present[rng.random(batch) < 0.4] = True
    present[np.arange(batch), rng.integers(0, count, batch)] |= ~present.any(1)
    return present
