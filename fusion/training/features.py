"""Features of many samples, encoded once and kept beside the data: what strategies are trained and measured on."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fusion.config import EncoderConfig, TrainConfig, load_config
from fusion.encoders import Encoder, Prepared, collate
from fusion.files import load_tensors, save_tensors
from fusion.model import load_encoder
from fusion.tasks import Task
from fusion.tasks.base import Sample, SampleSource
from fusion.training.behaviour import PACKAGE, digest_of
from fusion.types import Features, FusionError


class PreparedSamples(Dataset[tuple[dict[str, Prepared], Sample]]):
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
        self.source = source
        self.count = count
        self.seed = seed
        self.severity = severity
        self.nothing = nothing
        self.prepare: dict[str, Callable[..., Prepared]] = {m: e.prepare for m, e in encoders.items()}

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[dict[str, Prepared], Sample]:
        """Prepared media {modality: ...}, and the sample without its media."""
        sample = self.source.sample(index, self.seed, self.severity, self.nothing)
        prepared = {m: prepare(sample.inputs[m]) for m, prepare in self.prepare.items()}
        return prepared, replace(sample, inputs={})


VERSION = 1  # of what `fill` keeps of a sample; with another number all features are computed anew


def cache_path(task: Task, data: Path, checkpoints: Path, key: object, modalities: tuple[str, ...] | None = None) -> Path:
    """The file of features beside the data; its name changes with the samples, the encoders, and the code that makes or reads samples.

    Args:
        modalities: those that are encoded (default: all).
    """
    digest = hashlib.sha256(repr((VERSION, key) if modalities is None else (VERSION, key, modalities)).encode())
    for m in modalities or task.modalities:
        folder = checkpoints / task.encoder_tasks[m] / "encoders" / m
        config = load_config(folder / "config.json", EncoderConfig)
        digest.update(json.dumps(asdict(replace(config, shift=())), sort_keys=True).encode())
        digest.update((folder / "model.safetensors").read_bytes())
    folders = task.sample_code
    samples = [path for name in folders for path in sorted((PACKAGE / "tasks" / name).glob("*.py"))]
    encoders = [PACKAGE / "encoders" / f"{task.encoders[m]}.py" for m in modalities or task.modalities]
    corruptions = sorted((PACKAGE / "media" / "corruptions").glob("*.py"))
    digest.update(digest_of([*encoders, *corruptions, *samples]).encode())
    prefix = folders[0] if folders else task.name
    return data / ".features" / f"{prefix}-{digest.hexdigest()[:16]}.safetensors"


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
        """Padded features in float32.

        Args:
            rows: samples (B,), or of each modality its own.
            with_tokens: otherwise each sample has one token, its pooled vector.
        """
        features = {}
        for m in modalities or self.modalities:
            index = rows[m] if isinstance(rows, dict) else rows
            features[m] = self._with_tokens(m, index) if with_tokens else self._pooled_only(m, index)
        return features

    def _pooled_only(self, modality: str, index: Tensor) -> Features:
        """Of samples (B,), each with its pooled vector as its only token."""
        pooled = self.pooled[modality][index].float()
        one = torch.ones(len(index), 1)
        return Features(pooled[:, None], one.bool(), pooled, one)

    def _with_tokens(self, modality: str, index: Tensor) -> Features:
        """Of samples (B,), padded."""
        starts, tokens = self.starts[modality], self.tokens[modality]
        first = starts[index]
        lengths = starts[index + 1] - first
        steps = torch.arange(int(lengths.max()))[None]
        mask = steps < lengths[:, None]  # (B, T)
        rows = (first[:, None] + steps).clamp_max(len(tokens) - 1)
        padded = tokens[rows].float() * mask[..., None]
        return Features(padded, mask, self.pooled[modality][index].float(), mask / lengths[:, None])

    def mixed(self, other: FeatureCache, modality: str) -> FeatureCache:
        """These samples with one modality taken from `other` (the same samples under corruption)."""
        return replace(
            self,
            tokens=self.tokens | {modality: other.tokens[modality]},
            starts=self.starts | {modality: other.starts[modality]},
            pooled=self.pooled | {modality: other.pooled[modality]},
        )

    def save(self, path: Path) -> None:
        """One safetensors file, written whole or not at all."""
        names = torch.tensor(list(",".join(self.modalities).encode()), dtype=torch.uint8)  # a file of tensors keeps no order
        tensors = {"modalities": names, "labels": self.labels, "content": self.content}
        tensors |= {f"places.{k}": v for k, v in self.places.items()}
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


def fill(
    samples: PreparedSamples,
    encoders: dict[str, Encoder],
    workers: int,
    dtype: torch.dtype = torch.float16,
    say: Callable[[int], None] = lambda done: None,
) -> FeatureCache:
    """Runs the encoders over `samples`; half precision is enough for training, measuring takes float32.

    Args:
        say: called after every batch with the number of samples done.
    """
    modalities = tuple(encoders)
    tokens: dict[str, list[Tensor]] = {m: [] for m in modalities}
    lengths: dict[str, list[Tensor]] = {m: [] for m in modalities}
    pooled: dict[str, list[Tensor]] = {m: [] for m in modalities}
    done: list[Sample] = []
    device = next(next(iter(encoders.values())).parameters()).device
    loader: DataLoader[tuple[dict[str, Prepared], Sample]] = DataLoader(samples, 100, num_workers=workers, collate_fn=list)
    for batch in loader:
        for m in modalities:
            values, mask = collate([prepared[m] for prepared, _ in batch])
            with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.float16):
                features = encoders[m](values.to(device), mask.to(device))
            tokens[m].append(features.tokens[features.mask].to(dtype).cpu())
            lengths[m].append(features.mask.sum(1).cpu())
            pooled[m].append(features.pooled.to(dtype).cpu())
        done += [sample for _, sample in batch]
        say(len(done))
    zero = torch.zeros(1, dtype=torch.long)
    return FeatureCache(
        modalities,
        tokens={m: torch.cat(tokens[m]).clone() for m in modalities},
        starts={m: torch.cat([zero, torch.cat(lengths[m]).cumsum(0)]) for m in modalities},
        pooled={m: torch.cat(pooled[m]).clone() for m in modalities},
        labels=torch.tensor([s.label for s in done]),
        content=torch.tensor([[s.label if m in s.named else -1 for m in modalities] for s in done]),
        places=places_of(done),
    )


def joined(parts: Mapping[str, FeatureCache], picture: str | None = None) -> FeatureCache:
    """Samples whose modalities were encoded one by one, with the same labels; places are those of the modality `picture`."""
    first = next(iter(parts.values()))
    return FeatureCache(
        tuple(parts),
        tokens={m: part.tokens[m] for m, part in parts.items()},
        starts={m: part.starts[m] for m, part in parts.items()},
        pooled={m: part.pooled[m] for m, part in parts.items()},
        labels=first.labels,
        content=torch.cat([part.content for part in parts.values()], 1),
        places=parts[picture].places if picture else {},
    )


def places_of(samples: Sequence[Any]) -> dict[str, Tensor]:
    """`FeatureCache.places` of samples that say where what is asked for lies (see `SampleSource.sample`); empty for others."""
    if not hasattr(samples[0], "box"):
        return {}
    masks = np.stack([s.mask * 255 for s in samples]).round().astype(np.uint8)
    return {
        "found": torch.tensor([s.found for s in samples]),
        "box": torch.from_numpy(np.stack([s.box for s in samples])).float(),
        "mask": torch.from_numpy(masks),
    }


def load_encoders(task: Task, checkpoints: Path) -> dict[str, Encoder]:
    """The compact encoder of each modality."""
    return {m: load_encoder(checkpoints / task.encoder_tasks[m] / "encoders" / m) for m in task.modalities}


def fill_cache(task: Task, data: Path, checkpoints: Path, config: TrainConfig) -> FeatureCache:
    """Features of training samples at all severities, kept beside the data so that further calls with the same encoders find them."""
    path = cache_path(task, data, checkpoints, ("train", config.samples, config.seed))
    kept = FeatureCache.find(path)
    if kept is not None:
        return kept
    encoders = load_encoders(task, checkpoints)
    samples = PreparedSamples(task.samples("train", data), encoders, config.samples, config.seed + 2, "train", nothing=True)

    def say(done: int) -> None:
        if done % 1000 == 0:
            print(f"features {done}/{config.samples}", end="\r", file=sys.stderr, flush=True)

    cache = fill(samples, encoders, workers=2, say=say)
    cache.keep(path)
    return cache
