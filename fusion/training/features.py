"""What the loop reads: fresh samples for an encoder, cached features for a strategy."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fusion.config import EncoderConfig, load_config
from fusion.encoders import Encoder, Prepared, collate
from fusion.files import load_tensors, save_tensors
from fusion.tasks import Task
from fusion.tasks.base import SampleSource
from fusion.training.behaviour import PACKAGE, digest_of
from fusion.types import Features, FusionError


class EncoderData(Dataset):
    """`count` samples of one modality per epoch: prepared values, mask and label (-1 where it names nothing).

    New ones in every epoch; with `fresh=False` those of the first epoch are kept in memory and used again (several times faster).
    """

    def __init__(
        self, source: SampleSource, modality: str, encoder: Encoder, count: int, seed: int, severity: str = "train", fresh: bool = True
    ) -> None:
        self.source, self.modality, self.prepare = source, modality, encoder.prepare
        self.count, self.seed, self.severity, self.fresh, self.epoch = count, seed, severity, fresh, 0
        self.kept: dict[int, tuple[Prepared, int]] = {}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[Prepared, int]:
        if index in self.kept:
            return self.kept[index]
        number = self.epoch * self.count + index if self.fresh else index
        sample = self.source.sample(number, self.seed, self.severity, nothing=True)
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
        source: SampleSource,
        encoders: dict[str, Encoder],
        count: int,
        seed: int,
        severity: dict[str, int] | str = "none",
        nothing: bool = False,
    ) -> None:
        self.source, self.count, self.seed, self.severity, self.nothing = source, count, seed, severity, nothing
        self.prepare: dict[str, Callable[..., Prepared]] = {m: e.prepare for m, e in encoders.items()}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[dict[str, Prepared], Any]:
        sample = self.source.sample(index, self.seed, self.severity, self.nothing)
        return {m: prepare(sample.inputs[m]) for m, prepare in self.prepare.items()}, replace(sample, inputs={})


VERSION = 1  # of what `fill` keeps of a sample; another number makes all features anew


def cache_path(task: Task, data: Path, checkpoints: Path, key: object) -> Path:
    """Where features are kept beside the data: another name for other samples, encoders, or another way to make or read samples."""
    digest = hashlib.sha256(repr((VERSION, key)).encode())
    for m in task.modalities:
        folder = checkpoints / task.encoder_tasks[m] / "encoders" / m
        config = load_config(folder / "config.json", EncoderConfig)
        digest.update(json.dumps(asdict(replace(config, shift=())), sort_keys=True).encode())
        digest.update((folder / "model.safetensors").read_bytes())
    folders = task.sample_code
    samples = [path for name in folders for path in sorted((PACKAGE / "tasks" / name).glob("*.py"))]
    encoders = [PACKAGE / "encoders" / f"{name}.py" for name in task.encoders.values()]
    corruptions = sorted((PACKAGE / "media" / "corruptions").glob("*.py"))
    digest.update(digest_of([*encoders, *corruptions, *samples]).encode())
    prefix = folders[0] if folders else task.name
    return data / ".features" / f"{prefix}-{digest.hexdigest()[:16]}.safetensors"


def as_lists(samples: list[Any]) -> list[Any]:
    return samples


@dataclass
class FeatureCache:
    """Features of N samples: what a strategy's training and measuring read instead of media.

    tokens   {modality: (sum of T, D)} real tokens one sample after the other; starts {modality: (N + 1,)} where each begins
    pooled   {modality: (N, D)}
    labels   (N,) the label of each sample; content (N, M) the same where a modality names it, -1 where it names nothing
    places   {"found": (N,) bool, "box": (N, 4), "mask": (N, S, S) uint8 of 255}, empty where the task has no place
    """

    modalities: tuple[str, ...]
    tokens: dict[str, Tensor]
    starts: dict[str, Tensor]
    pooled: dict[str, Tensor]
    labels: Tensor
    content: Tensor
    places: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.labels)

    def features(
        self, rows: Tensor | dict[str, Tensor], modalities: tuple[str, ...] | None = None, with_tokens: bool = True
    ) -> dict[str, Features]:
        """Padded features, float32, of samples `rows` (B,) or of each modality its own; without tokens each has one, its pooled vector."""
        out = {}
        for m in modalities or self.modalities:
            index = rows[m] if isinstance(rows, dict) else rows
            pooled = self.pooled[m][index].float()
            if not with_tokens:
                out[m] = Features(pooled[:, None], torch.ones(len(index), 1, dtype=torch.bool), pooled, torch.ones(len(index), 1))
                continue
            first, lengths = self.starts[m][index], self.starts[m][index + 1] - self.starts[m][index]
            steps = torch.arange(int(lengths.max()))[None]
            mask = steps < lengths[:, None]
            tokens = self.tokens[m][(first[:, None] + steps).clamp_max(len(self.tokens[m]) - 1)].float() * mask[..., None]
            out[m] = Features(tokens, mask, pooled, mask / lengths[:, None])
        return out

    def mixed(self, other: FeatureCache, modality: str) -> FeatureCache:
        """These samples with one modality taken from `other` (the same samples under corruption)."""
        change = {k: getattr(self, k) | {modality: getattr(other, k)[modality]} for k in ("tokens", "starts", "pooled")}
        return replace(self, **change)

    def save(self, path: Path) -> None:
        """One safetensors file, written whole or not at all."""
        names = torch.tensor(list(",".join(self.modalities).encode()), dtype=torch.uint8)  # a file of tensors keeps no order
        tensors = {"modalities": names, "labels": self.labels, "content": self.content} | {f"places.{k}": v for k, v in self.places.items()}
        for m in self.modalities:
            tensors |= {f"tokens.{m}": self.tokens[m], f"starts.{m}": self.starts[m], f"pooled.{m}": self.pooled[m]}
        save_tensors(path, tensors, checksum=False)  # may be a gigabyte, and is made anew where it is not whole

    @classmethod
    def load(cls, path: Path) -> FeatureCache:
        """What `save` wrote.

        Raises:
            FusionError: the file is missing, damaged, or something else, in one sentence.
        """
        found = load_tensors(path)
        try:
            modalities = tuple(bytes(found["modalities"].tolist()).decode().split(","))
            parts = {kind: {m: found[f"{kind}.{m}"] for m in modalities} for kind in ("tokens", "starts", "pooled")}
            cache = cls(modalities, **parts, labels=found["labels"], content=found["content"], places={})
        except KeyError as error:
            raise FusionError(f"{path.name} holds no features.") from error
        N = len(cache.labels)
        if cache.content.shape != (N, len(modalities)) or any(len(x) != N for x in cache.pooled.values()):
            raise FusionError(f"{path.name} holds no features.")
        return replace(cache, places={k.removeprefix("places."): v for k, v in found.items() if k.startswith("places.")})

    @classmethod
    def find(cls, path: Path) -> FeatureCache | None:
        """What was kept there; None where it has to be made, for the first time or anew."""
        try:
            return cls.load(path)
        except FusionError as error:
            if path.exists():
                print(f"{error} It is made anew.", file=sys.stderr)
            return None

    def keep(self, path: Path) -> None:
        """Saves it for other runs; a full disk is no reason to lose this one."""
        try:
            self.save(path)
        except FusionError as error:
            print(f"{error} The features are used once and not kept.", file=sys.stderr)


def fill(samples: PreparedSamples, encoders: dict[str, Encoder], workers: int, dtype: torch.dtype = torch.float16,
         say: Callable[[int], None] = lambda done: None) -> FeatureCache:  # fmt: skip
    """Runs the encoders over `samples`; half precision is enough for training, measuring takes float32."""
    modalities = tuple(encoders)
    tokens, lengths, pooled = ({m: [] for m in modalities} for _ in range(3))
    kept: list[Any] = []
    device = next(next(iter(encoders.values())).parameters()).device
    for batch in DataLoader(samples, 100, num_workers=workers, collate_fn=as_lists):
        for m in modalities:
            values, mask = collate([s[0][m] for s in batch])
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.float16):
                features = encoders[m](values.to(device), mask.to(device))
            tokens[m].append(features.tokens[features.mask].to(dtype).cpu())
            lengths[m].append(features.mask.sum(1).cpu())
            pooled[m].append(features.pooled.to(dtype).cpu())
        kept += [s[1] for s in batch]
        say(len(kept))
    places = {}
    if hasattr(kept[0], "box"):
        places = {"found": torch.tensor([s.found for s in kept]), "box": torch.from_numpy(np.stack([s.box for s in kept])).float(),
                  "mask": torch.from_numpy(np.stack([s.mask * 255 for s in kept]).round().astype(np.uint8))}  # fmt: skip
    starts = {m: torch.cat([torch.zeros(1, dtype=torch.long), torch.cat(lengths[m]).cumsum(0)]) for m in modalities}
    content = torch.tensor([[s.label if m in s.named else -1 for m in modalities] for s in kept])
    flat = {m: torch.cat(t).clone() for m, t in tokens.items()}
    whole = {m: torch.cat(p).clone() for m, p in pooled.items()}
    return FeatureCache(modalities, flat, starts, whole, torch.tensor([s.label for s in kept]), content, places)


class StrategyData(Dataset):
    """Batches of a task out of a cache, with modality dropout; where samples are halves of two, each finds a new partner in each epoch."""

    def __init__(self, task: Task, cache: FeatureCache, seed: int, modalities: tuple[str, ...], with_tokens: bool = True) -> None:
        self.task, self.cache, self.seed, self.modalities, self.with_tokens, self.epoch = task, cache, seed, modalities, with_tokens, 0

    def __len__(self) -> int:
        return len(self.cache)

    def __getitem__(self, index: int) -> int:
        return index

    def collate(self, indices: list[int]) -> dict[str, Any]:
        rng = np.random.default_rng([self.seed, self.epoch, indices[0]])
        present = torch.from_numpy(drop_modalities(len(indices), self.modalities, rng, self.task.anchors))
        return make_batch(self.task, self.cache, torch.tensor(indices), self.modalities, present, rng, False, self.with_tokens)


def make_batch(task: Task, cache: FeatureCache, index: Tensor, modalities: tuple[str, ...], present: Tensor, rng: np.random.Generator,
               held: bool | None, with_tokens: bool = True) -> dict[str, Any]:  # fmt: skip
    """Features of samples `index`, what each modality says, the label (-1 where what is present does not say it) and further targets.

    Args:
        present: (B, M) over `modalities`.
        held: where samples are halves of two, whether pairs are those kept from training (True), the others (False), or any (None).
    """
    rows: dict[str, Tensor] = dict.fromkeys(cache.modalities, index)
    if task.pairing:
        other = torch.from_numpy(task.pairing.partners(cache.labels[index].numpy(), cache.labels.numpy(), rng, held))
        rows |= dict.fromkeys(task.pairing.modalities, other)
    every = task.modalities
    content = torch.full((len(index), len(every)), -1)  # of all modalities of the task, in its order
    for i, m in enumerate(modalities):
        said = cache.content[rows[m], cache.modalities.index(m)]
        content[:, every.index(m)] = torch.where(present[:, i], said, torch.full_like(said, -1))
    label = task.decide(content.numpy())
    own = [np.where(np.arange(len(every)) == every.index(m), content.numpy(), -1) for m in modalities]
    batch = {
        "features": {m: (f.tokens, f.mask, f.pooled, f.weights) for m, f in cache.features(rows, modalities, with_tokens).items()},
        "present": present,
        "content": content[:, [every.index(m) for m in modalities]],
        "own": torch.from_numpy(np.stack([task.decide(c) for c in own], 1)),
        "label": torch.from_numpy(label),
        "auxiliary": {q: torch.from_numpy(a) for q, a in task.answers(label, content.numpy()).items()},
    }
    if where := task.heads.localization:
        image = present[:, modalities.index(where.image)] if where.image in modalities else torch.zeros(len(index), dtype=torch.bool)
        batch |= {k: v[index] for k, v in cache.places.items()} | {"asked": (batch["label"] >= 0) & image}
    return batch


def drop_modalities(batch: int, modalities: tuple[str, ...], rng: np.random.Generator, anchors: tuple[str, ...] = ()) -> np.ndarray:
    """Which modalities each sample keeps (B, M): 40 % keep all, the others each with probability one half, never none.

    Those in `anchors`, without which a task has little to ask, are kept nine times in ten.
    """
    present = rng.random((batch, len(modalities))) < [0.9 if m in anchors else 0.5 for m in modalities]
    present[rng.random(batch) < 0.4] = True
    present[np.arange(batch), rng.integers(0, len(modalities), batch)] |= ~present.any(1)
    return present
