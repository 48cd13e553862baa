"""Raw features on disk, found again by the content of the medium and the fingerprint of its encoder.

    <cache>/own_data/features/<fingerprint>/<random>.safetensors      at most 4,096 samples
    <cache>/own_data/features/<fingerprint>/<random>.json             their keys, written last

A shard counts once its list of keys is there; both get their names only when they are whole. Several processes write beside each other:
each writes shards of its own, and one that is there twice does no harm. A killed process loses at most the shard that it had not written.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.config import cache_folder
from fusion.files import load_tensors, save_json, save_tensors
from fusion.own_data.encoders.base import Raw
from fusion.types import FusionError

SHARD = 4096  # samples


def content_key(value: Any) -> str:
    """A hash of a medium: of a file's bytes, a text, an array, a row of a table.

    Raises:
        FusionError: the file cannot be read, in one sentence.
    """
    digest = hashlib.sha256()
    if isinstance(value, Path):
        try:
            with value.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()[:32]
        except OSError as error:
            raise FusionError("{name} cannot be read.", name=value.name) from error
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).data)
    elif isinstance(value, dict):
        digest.update(json.dumps(value, sort_keys=True, default=str).encode())
    else:
        digest.update(b"text\0" + str(value).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:32]


@dataclass
class RawRows:
    """Raw features of N samples.

    tokens  (sum of T, F) one sample after the other; starts (N + 1,)
    pooled  (N, P)
    grams   (sum,) n-grams of texts; gram_starts (N + 1,)
    """

    tokens: Tensor
    starts: Tensor
    pooled: Tensor
    grams: Tensor
    gram_starts: Tensor

    def __len__(self) -> int:
        return len(self.pooled)

    def batch(self, index: Tensor) -> Raw:
        """Some of the samples, padded."""
        first = self.starts[index]
        lengths = self.starts[index + 1] - first
        steps = torch.arange(max(1, int(lengths.max()) if len(index) else 1))[None]
        mask = steps < lengths[:, None]
        rows = (first[:, None] + steps).clamp_max(max(0, len(self.tokens) - 1))
        tokens = self.tokens[rows].float() * mask[..., None]
        grams = [self.grams[self.gram_starts[i] : self.gram_starts[i + 1]] for i in index.tolist()] if len(self.grams) else []
        return Raw(tokens, mask, self.pooled[index].float(), grams)

    def tensors(self) -> dict[str, Tensor]:
        return {"tokens": self.tokens, "starts": self.starts, "pooled": self.pooled, "grams": self.grams, "gram_starts": self.gram_starts}


def join(parts: list[RawRows]) -> RawRows:
    """Samples of several, one after the other."""

    def starts(each: list[Tensor]) -> Tensor:
        lengths = torch.cat([s[1:] - s[:-1] for s in each])
        return torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])

    return RawRows(
        torch.cat([p.tokens for p in parts]),
        starts([p.starts for p in parts]),
        torch.cat([p.pooled for p in parts]),
        torch.cat([p.grams for p in parts]),
        starts([p.gram_starts for p in parts]),
    )


def as_rows(raw: Raw, with_tokens: bool, half: bool) -> RawRows:
    """A batch as rows; without tokens each sample has one, which is zero until its vector stands in for it."""
    kind = torch.float16 if half else torch.float32
    mask = raw.mask if with_tokens else raw.mask[:, :0]
    lengths = mask.sum(1).cpu()
    zero = torch.zeros(1, dtype=torch.long)
    tokens = (raw.tokens[raw.mask] if with_tokens else raw.tokens[:0, 0]).to(kind).cpu()
    grams = torch.cat(raw.grams) if raw.grams else torch.zeros(0, dtype=torch.int16)
    gram_lengths = torch.tensor([len(g) for g in raw.grams]) if raw.grams else torch.zeros(len(mask), dtype=torch.long)
    return RawRows(
        tokens, torch.cat([zero, lengths.cumsum(0)]), raw.pooled.to(kind).cpu(), grams, torch.cat([zero, gram_lengths.cumsum(0)])
    )


@dataclass
class FeatureStore:
    """The cache of one encoder."""

    folder: Path
    where: dict[str, tuple[str, int]] = field(default_factory=dict)  # {key: (shard, row)}
    pending: list[tuple[list[str], RawRows]] = field(default_factory=list)

    @classmethod
    def open(cls, fingerprint: str) -> FeatureStore:
        store = cls(cache_folder() / "own_data" / "features" / fingerprint)
        store.refresh()
        return store

    def refresh(self) -> None:
        """Finds what other processes have written since."""
        known = {shard for shard, _ in self.where.values()}
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else []:
            if path.stem in known or not path.with_suffix(".safetensors").is_file():
                continue
            with contextlib.suppress(OSError, ValueError):
                keys = json.loads(path.read_text("utf-8"))
                self.where |= {str(key): (path.stem, row) for row, key in enumerate(keys)}

    def __contains__(self, key: str) -> bool:
        return key in self.where

    def put(self, keys: list[str], rows: RawRows) -> None:
        """Keeps a batch; it is written with others as a shard."""
        self.pending.append((keys, rows))
        if sum(len(k) for k, _ in self.pending) >= SHARD:
            self.flush()

    def flush(self) -> None:
        """Writes what is not written yet.

        Raises:
            FusionError: the disk is full or the folder cannot be written, in one sentence.
        """
        if not self.pending:
            return
        keys = [key for part, _ in self.pending for key in part]
        rows = join([part for _, part in self.pending])
        name = uuid.uuid4().hex[:16]
        save_tensors(self.folder / f"{name}.safetensors", rows.tensors(), checksum=False)
        save_json(self.folder / f"{name}.json", keys, checksum=False)
        self.where |= {key: (name, row) for row, key in enumerate(keys)}
        self.pending = []

    def get(self, keys: list[str]) -> RawRows:
        """Raw features by their keys, in this order.

        Raises:
            KeyError: one is not there; FusionError: a shard is damaged, and was forgotten.
        """
        wanted: dict[str, list[int]] = {}
        for place, key in enumerate(keys):
            wanted.setdefault(self.where[key][0], []).append(place)
        parts, order = [], []
        for shard, places in wanted.items():
            rows = self._shard(shard)
            index = torch.tensor([self.where[keys[p]][1] for p in places])
            parts.append(_some(rows, index))
            order += places
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return _some(join(parts), back)

    def _shard(self, name: str) -> RawRows:
        path = self.folder / f"{name}.safetensors"
        try:
            return RawRows(**load_tensors(path))
        except (FusionError, TypeError) as error:
            self.forget(name)
            raise FusionError("A file of the cache was damaged and is made anew: run it again.") from error

    def forget(self, shard: str) -> None:
        """Removes a shard that cannot be read."""
        for ending in (".json", ".safetensors"):
            with contextlib.suppress(OSError):
                (self.folder / f"{shard}{ending}").unlink()
        self.where = {key: place for key, place in self.where.items() if place[0] != shard}


class MemoryStore:
    """The same for media that are faster to read anew than to keep on disk."""

    def __init__(self) -> None:
        self.where: dict[str, int] = {}
        self.parts: list[RawRows] = []

    def refresh(self) -> None:
        """Nobody else writes here."""

    def __contains__(self, key: str) -> bool:
        return key in self.where

    def put(self, keys: list[str], rows: RawRows) -> None:
        self.where |= {key: len(self.where) + i for i, key in enumerate(keys)}
        self.parts.append(rows)

    def flush(self) -> None:
        """There is nothing to write."""

    def get(self, keys: list[str]) -> RawRows:
        """Raw features by their keys, in this order."""
        return _some(join(self.parts), torch.tensor([self.where[key] for key in keys]))


def _some(rows: RawRows, index: Tensor) -> RawRows:
    """Some of the rows, in the order of `index`."""

    def ragged(values: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
        lengths = starts[index + 1] - starts[index]
        ends = lengths.cumsum(0)
        offset = torch.repeat_interleave(starts[index] - (ends - lengths), lengths)
        return values[torch.arange(int(lengths.sum())) + offset], torch.cat([torch.zeros(1, dtype=torch.long), ends])

    tokens, starts = ragged(rows.tokens, rows.starts)
    grams, gram_starts = ragged(rows.grams, rows.gram_starts)
    return RawRows(tokens, starts, rows.pooled[index], grams, gram_starts)
