"""From what a person gives to media as encoders get them: found in the cache, or loaded and corrupted when first asked for."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fusion import media
from fusion.encoded_cache import EncodedCache, fingerprint
from fusion.encoders import Prepared
from fusion.media import corruptions
from fusion.messages import Message
from fusion.types import EncoderView, Features, Medium

Inputs = Mapping[str, Any]
Severity = Mapping[str, corruptions.Choice]
Notes = tuple[Message, ...]


@dataclass(frozen=True)
class Given:
    """One input as a person gave it.

    modality, kind    the modality's name, and what it is: "image", "text", "audio" or "video"
    value             path, bytes, array or text
    corruption        name and severity (0-5) of the corruption that is wanted
    seed              of that corruption: the same input and severity are corrupted alike
    fingerprint       what the cache knows the value by; None where it has to be loaded anew
    """

    modality: str
    kind: str
    value: Any
    corruption: tuple[str, int]
    seed: tuple[int, int]
    fingerprint: str | None = None

    def load(self, cache: EncodedCache | None = None) -> tuple[Medium, Notes]:
        """The medium as its encoder gets it, and the notes on loading it.

        Raises:
            MediaError: it cannot be read.
        """
        known = self.fingerprint
        loaded = _remember(cache, known and ("loaded", self.modality, known), lambda: media.load(self.kind, self.value))
        name, severity = self.corruption
        if severity == 0:
            return loaded.medium, loaded.notes
        key = known and ("corrupted", self.modality, known, self.corruption)
        rng = np.random.default_rng(self.seed)
        return _remember(cache, key, lambda: corruptions.corrupt(self.kind, loaded.medium, severity, rng, name)), loaded.notes


def read_given(
    modalities: Mapping[str, str], inputs: Inputs, severity: Severity | None = None, cache: EncodedCache | None = None
) -> list[Given]:
    """All inputs that are there, in the order of `modalities` {name: kind}."""
    found = []
    for index, (modality, kind) in enumerate(modalities.items()):
        value = inputs.get(modality)
        if value is None:
            continue
        corruption = corruptions.read_choice(kind, (severity or {}).get(modality, 0))
        known = None if cache is None else fingerprint_of(kind, value)
        found.append(Given(modality, kind, value, corruption, (corruption[1], index), known))
    return found


def fingerprint_of(kind: str, value: Any) -> str | None:
    """The fingerprint of what a person gave for a modality of some kind; None where it has none, so that it is loaded anew."""
    try:
        return fingerprint(Path(value) if kind != "text" and isinstance(value, str) else value)
    except (TypeError, OSError, ValueError):
        return None


class MediaOnDemand(Mapping[str, Medium]):
    """{modality: medium}, each of which is loaded when it is first asked for."""

    def __init__(self, loaders: Mapping[str, Callable[[], tuple[Medium, Notes]]]) -> None:
        """`loaders` {modality: gives its medium, and notes on it}."""
        self._loaders, self._loaded = dict(loaders), dict[str, tuple[Medium, Notes]]()

    def __getitem__(self, modality: str) -> Medium:
        return self._load(modality)[0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaders)

    def __len__(self) -> int:
        return len(self._loaders)

    def notes(self, modality: str) -> Notes:
        """What is to be said about its medium."""
        return self._load(modality)[1]

    def _load(self, modality: str) -> tuple[Medium, Notes]:
        if modality not in self._loaded:
            self._loaded[modality] = self._loaders[modality]()
        return self._loaded[modality]


class EncodedMedium(NamedTuple):
    """All that is remembered of one medium: at most about 1 MB, where a decoded clip may be 50 MB."""

    prepared: Prepared  # without its values, which only the encoder reads
    features: Features  # batch of one
    seconds: float
    said: Notes  # about loading it
    view: EncoderView


@dataclass(frozen=True)
class Encoded:
    """Inputs after the encoders: everything that strategies and views need, computed once.

    media    {modality: medium as the encoders got it, after corruption}; where the features were remembered, it is decoded when asked for
    notes    one sentence for each thing that was trimmed, scaled, assumed or not read
    keys     {modality: what its features are remembered by}; one that is not remembered is left out
    said     {modality: those sentences that are about loading its medium}
    views    {modality: input and tokens of its encoder}, of those that are remembered
    """

    media: Mapping[str, Medium]
    notes: Notes
    prepared: dict[str, Prepared]
    features: dict[str, Features]  # batch of one, with layouts
    seconds: dict[str, float]
    keys: dict[str, Hashable] = field(default_factory=dict)
    said: dict[str, Notes] = field(default_factory=dict)
    views: dict[str, EncoderView] = field(default_factory=dict)


def _remember(cache: EncodedCache | None, key: Hashable, make: Callable[[], Any]) -> Any:
    """`make()`, or what the cache holds by this key."""
    return make() if cache is None else cache.remember(key, make)
