"""Encodes every medium of a data set once: what is in the cache is read from there, the rest is decoded, read and kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from fusion.messages import Message
from fusion.own_data.encoders.base import OwnEncoder
from fusion.own_data.feature_cache import FeatureStore, MemoryStore, RawRows, as_rows, content_key
from fusion.own_data.media import load_medium
from fusion.own_data.samples import Samples
from fusion.types import MODALITIES, FusionError

BATCH = 32
TOKENS_UP_TO = 6000  # samples; of more only vectors are kept
MOST_BROKEN = 0.05  # share of a modality's files
LOOKED_AT = 64  # files that are decoded before anything else
IN_MEMORY = ("vector", "table")  # kinds that are faster to read anew than to keep
Say = Callable[[str, int, int], None]  # modality, done, all


@dataclass
class Encoded:
    """Raw features of a whole data set.

    rows     {modality: raw features of the samples that have it}
    place    {modality: (N,) row of each sample in them, -1 where it is absent}
    broken   {modality: [(name of the file, why)]}
    keys     {modality: content hash of each sample, None where absent}
    """

    rows: dict[str, RawRows]
    place: dict[str, torch.Tensor]
    broken: dict[str, list[tuple[str, Message]]]
    keys: dict[str, list[str | None]] = field(default_factory=dict)
    with_tokens: bool = True

    @property
    def present(self) -> torch.Tensor:
        """(N, M) bool."""
        return torch.stack([place >= 0 for place in self.place.values()], 1)


def quiet(modality: str, done: int, total: int) -> None:
    """For those who do not ask how far it is."""


def processes() -> tuple[int, int]:
    """Number of this process and of all, where `accelerate launch` or torchrun started several."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def encode_samples(samples: Samples, encoders: dict[str, OwnEncoder[Any]], say: Say = quiet, tokens: bool | None = None) -> Encoded:
    """Raw features of all samples.

    Raises:
        FusionError: more than 5 % of a modality's files cannot be read, in one sentence with examples.
    """
    with_tokens = len(samples) <= TOKENS_UP_TO if tokens is None else tokens
    found = Encoded({}, {}, {}, with_tokens=with_tokens)
    for m, encoder in encoders.items():
        reader = _Reader(m, samples, encoder, with_tokens, say)
        reader.check_some()
        reader.read_all()
        found.rows[m], found.place[m] = reader.rows()
        found.broken[m] = [(samples.rows[i] if samples.rows else str(i), why) for i, why in reader.broken.items()]
        found.keys[m] = reader.keys
    return found


class _Reader:
    """One modality of a data set through its encoder."""

    def __init__(self, modality: str, samples: Samples, encoder: OwnEncoder[Any], with_tokens: bool, say: Say) -> None:
        self.modality = modality
        self.kind = samples.kinds[modality]
        self.values = samples.media[modality]
        self.encoder = encoder
        self.with_tokens = with_tokens
        self.say = say
        self.broken: dict[int, Message] = {}
        self.half = self.kind in MODALITIES
        self.keys: list[str | None] = [None] * len(self.values)
        name = f"{self.kind}-{encoder.fingerprint()}{'-tokens' if with_tokens else ''}"
        self.store: FeatureStore | MemoryStore = MemoryStore() if self.kind in IN_MEMORY else FeatureStore.open(name)
        for i, value in enumerate(self.values):
            if value is not None:
                try:
                    self.keys[i] = content_key(value)
                except FusionError as error:
                    self.broken[i] = error.message

    def check_some(self) -> None:
        """Decodes some of them: where many are broken, that is said before an hour has passed."""
        there = [i for i, key in enumerate(self.keys) if key is not None and key not in self.store]
        some = there[:: 1 + len(there) // LOOKED_AT]
        for i in some:
            try:
                load_medium(self.kind, self.values[i])
            except FusionError as error:
                self.broken[i] = error.message
        if len(some) >= 8:
            self._stop_if(len(self.broken), len(some))

    def _stop_if(self, broken: int, total: int) -> None:
        if broken > MOST_BROKEN * total:
            raise FusionError(
                "{broken} of {total} files of {modality} cannot be read, for example: {examples}",
                broken=broken, total=total, modality=self.modality, examples=list(self.broken.values())[:3],
            )  # fmt: skip

    def read_all(self) -> None:
        rank, world = (0, 1) if isinstance(self.store, MemoryStore) else processes()
        todo: dict[str, int] = {}
        for i, key in enumerate(self.keys):
            if key is not None and i not in self.broken and key not in self.store and int(key[:8], 16) % world == rank:
                todo.setdefault(key, i)
        batch: list[tuple[str, Any]] = []
        for done, (key, i) in enumerate(todo.items(), 1):
            try:
                batch.append((key, self.encoder.prepare(load_medium(self.kind, self.values[i]))))
            except FusionError as error:
                self.broken[i] = error.message
            if len(batch) == BATCH or (done == len(todo) and batch):
                self._read(batch)
                batch = []
                self.say(self.modality, done, len(todo))
        self.store.flush()
        if world > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()
            self.store.refresh()
        there = sum(key is not None for key in self.keys)
        self._stop_if(len(self.broken), max(there, 1))

    def _read(self, batch: list[tuple[str, Any]]) -> None:
        raw = self.encoder.read_media([prepared for _, prepared in batch])
        self.store.put([key for key, _ in batch], as_rows(raw, self.with_tokens, self.half))

    def rows(self) -> tuple[RawRows, torch.Tensor]:
        """Raw features of each different medium, and the row of each sample in them."""
        used = list(dict.fromkeys(key for i, key in enumerate(self.keys) if key is not None and i not in self.broken and key in self.store))
        if not used:
            raise FusionError("None of the files of {modality} can be read.", modality=self.modality)
        index = {key: row for row, key in enumerate(used)}
        place = [-1 if key is None or i in self.broken else index.get(key, -1) for i, key in enumerate(self.keys)]
        return self.store.get(used), torch.tensor(place)
