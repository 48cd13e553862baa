"""A task with its shipped encoders and strategies: media in, predictions out. The page, the command line and users call only this."""

from __future__ import annotations

import copy
import time
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fusion.config import CHECKPOINTS
from fusion.cut_paths import cut_notes
from fusion.encoded_cache import EncodedCache
from fusion.encoder_choice import choose, is_compact
from fusion.encoder_registry import EncoderRegistry, count_parameters, encode, encoder_view
from fusion.encoders import Prepared
from fusion.heads.classification import contributions
from fusion.heads.open_set import OpenSetThresholds
from fusion.inputs import Encoded, EncodedMedium, Given, Inputs, MediaOnDemand, Notes, Severity, read_given
from fusion.loading import fill_open_strategies, lacks_weights, load_parts
from fusion.messages import Message, either, message, words
from fusion.model import Fused, FusionModel, present_mask
from fusion.open_labels import names_behind
from fusion.strategies import STRATEGIES, Unimodal
from fusion.strategies.evidential import REFUSES
from fusion.strategies.zero_shot import REACHED
from fusion.tasks import Task, find_task
from fusion.types import Audio, Belief, Clip, EncoderView, Features, FusionError, Medium, Opinion, Prediction


@dataclass(frozen=True)
class Description:
    """What a strategy is, for a visitor; `notes` say how the weights here differ from its paper, and what cutting its paths costs."""

    name: str
    title: str
    idea: str
    formula: str
    paper: str
    fuses: str
    notes: Notes = ()


class Lab:
    """A task and all its strategies on one device, in float32.

    Attributes:
        strategies, baselines: names in screen order; untrained: strategies without weights here; `modalities`, `labels` of the task.
        device, precision: where and how it computes.
        loaded: {strategy or baseline: its model, thresholds and size}; models: the models alone.
        choice: {modality: name of its encoder}; registry: all encoders that could be chosen.
        encoder_parameters: {modality: trained parameters of its encoder}.
        label_notes: of typed labels, which mean the same, and which a modality cannot know.
        unavailable: {strategy, baseline, or modality whose encoder is meant: why it cannot be used, in one sentence}; the rest answers.
        untrained: names of strategies and baselines that can be trained here on a choice of encoders, and are not, or not wholly.
    """

    precision = "float32"
    label_notes: tuple[Message, ...] = ()

    def __init__(
        self,
        task: str | Task | None = None,
        device: str = "auto",
        checkpoints: Path = CHECKPOINTS,
        encoders: str | Mapping[str, str] = "compact",
        labels: Iterable[str] | str | None = None,
    ) -> None:
        """Loads it.

        Args:
            encoders: a set's name or {modality: encoder} (`fusion.encoder_choice`); the strategies are those trained on it, if any.
            labels: of a task whose labels are typed.
        """
        self.task = find_task(task) if labels is None else find_task(task).with_labels(labels)
        self.checkpoints = checkpoints
        self.device = pick_device(device)
        self.modalities = self.task.modalities
        self.labels = self.task.labels
        self.choice = choose(self.task, encoders)
        if sentence := lacks_weights(self.task, checkpoints):
            raise FusionError(sentence)
        self.registry = EncoderRegistry(self.task, self.device, checkpoints)
        self._parts = load_parts(self.registry, self.choice)
        self.encoders = self._parts.encoders
        self.unavailable = self._parts.unavailable
        self.untrained = self._parts.untrained
        self._take_strategies()
        self.encoder_parameters = {m: count_parameters(e) for m, e in self.encoders.items()}

    def _take_strategies(self) -> None:
        self.loaded = self._parts.strategies
        self.label_notes = tuple(self._parts.notes)
        self.models = {name: strategy.model for name, strategy in self.loaded.items()}
        self.strategies = tuple(n for n in self.loaded if n in STRATEGIES)
        self.baselines = tuple(n for n in self.loaded if n not in STRATEGIES)

    def with_labels(self, labels: Iterable[str] | str) -> Lab:
        """The same lab for other labels, in a task whose labels are typed; what it has encoded stays valid.

        Raises:
            FusionError: the labels of this task are fixed, or these cannot be read.
        """
        other = copy.copy(self)
        other.task = self.task.with_labels(labels)
        other.labels = other.task.labels
        other._parts = copy.copy(self._parts)
        fill_open_strategies(other.task, other._parts, self.device)
        other._take_strategies()
        return other

    def names_behind(self, encoded: Encoded, label: str, count: int = 3) -> dict[str, list[tuple[str, float]]]:
        """Which names spoke for a typed label: {modality: [(name, its probability), ...]}, of photos, sounds and clips."""
        if not self.task.open_labels or label not in self.labels:
            raise FusionError("There is no label named {label!r}; there are {known}.", label=label, known=list(self.labels))
        return names_behind(self.models, encoded.features, self.labels.index(label), count)

    @property
    def parameters(self) -> dict[str, int]:
        """{strategy or baseline: trained parameters of itself and its heads}."""
        return {name: strategy.parameters for name, strategy in self.loaded.items()}

    @property
    def thresholds(self) -> dict[str, OpenSetThresholds | None]:
        """{strategy or baseline: when its answer is "none of these"}; None in tasks that do not ask."""
        return {name: strategy.thresholds for name, strategy in self.loaded.items()}

    def describe(self, name: str) -> Description:
        """Title, idea in a sentence, formula and paper of a strategy or baseline."""
        self._check(name)
        strategy = self.models[name].strategy
        kind = type(strategy)
        title = (
            message("{modality} alone", modality=message(name.removesuffix("_only").capitalize()))
            if kind is Unimodal
            else message(kind.title)
        )
        own = () if strategy.differs is None else (strategy.differs,)
        notes = (*own, *cut_notes(self.checkpoints, self.task, name))
        return Description(name, title, (kind.__doc__ or "").strip().splitlines()[0], kind.formula, kind.paper, kind.fuses, notes)

    def encode(self, inputs: Inputs, severity: Severity | None = None, cache: EncodedCache | None = None) -> Encoded:
        """Loads, corrupts where asked, and encodes any non-empty subset of the modalities.

        Args:
            inputs: {modality: path, bytes, array or text}, see `fusion.media.load`; None counts as missing.
            severity: {modality: 0-5} for the mix of corruptions, {modality: ("blur", 0-5)} for one of `fusion.media.corruptions`;
                the same choice gives the same corruption.
            cache: media and features that it holds are not computed again. The answer is the same with and without it.

        Raises:
            FusionError: one sentence for a person: nothing given, an unknown modality, a medium that cannot be read.
        """
        return self.encode_media(self.load(inputs, severity, cache), cache)

    def load(self, inputs: Inputs, severity: Severity | None = None, cache: EncodedCache | None = None) -> Encoded:
        """The first half of `encode`: media, decoded and corrupted, without features; only their keys where features are remembered."""
        given = self._readable(inputs, severity, cache)
        usable = [one for one in given if one.modality not in self.unavailable]
        keys = {one.modality: self._features_key(one, cache) for one in usable if cache is not None and one.fingerprint is not None}
        loaded = MediaOnDemand({one.modality: partial(one.load, cache) for one in usable})
        said: dict[str, Notes] = {}
        for one in given:
            m = one.modality
            remembered: EncodedMedium | None = cache.get(keys[m]) if cache is not None and m in keys else None
            if m in self.unavailable:
                said[m] = (self.unavailable[m],)
            else:
                said[m] = loaded.notes(m) if remembered is None else remembered.said
        notes = dict.fromkeys(note for several in said.values() for note in several)
        return Encoded(loaded, tuple(notes), {}, {}, {}, keys, said)

    def _features_key(self, given: Given, cache: EncodedCache) -> Hashable:
        return "features", given.modality, given.fingerprint, given.corruption, cache.number(self.encoders[given.modality])

    def encode_media(self, loaded: Encoded, cache: EncodedCache | None = None) -> Encoded:
        """The second half of `encode`: what `load` gave, with features."""
        found = replace(loaded, prepared={}, features={}, seconds={}, views={})
        notes = [*loaded.notes, *self.label_notes]
        for m in loaded.media:
            key = loaded.keys.get(m)
            if cache is None or key is None:
                found.prepared[m], found.features[m], found.seconds[m] = self._encode(m, loaded.media[m])
            else:
                encoded: EncodedMedium = cache.remember(key, partial(self._encode_to_remember, m, loaded))
                found.prepared[m], found.features[m], found.seconds[m] = encoded.prepared, encoded.features, encoded.seconds
                found.views[m] = encoded.view
            notes += found.prepared[m].notes
        for m, sound in self._soundtrack(found.media).items():
            found.prepared[m], found.features[m], found.seconds[m] = self._encode(m, sound)
            found = replace(found, media={**found.media, m: sound})
            notes.append(message("The sound of the clip was read as {modality}.", modality=message(m)))
        return replace(found, notes=tuple(dict.fromkeys(notes)))

    def _soundtrack(self, media: Mapping[str, Medium]) -> dict[str, Audio]:
        """{modality: the sound of the clip} where the task reads it and no other sound is given; else empty."""
        of_kind = {kind: m for m, kind in self.task.kinds.items()}
        sound, film = of_kind.get("audio"), of_kind.get("video")
        if not self.task.reads_soundtrack or sound is None or film is None:
            return {}
        if sound not in self.encoders or sound in media or film not in media:
            return {}
        clip = media[film]
        return {sound: clip.audio} if isinstance(clip, Clip) and clip.audio is not None else {}

    def _encode_to_remember(self, modality: str, loaded: Encoded) -> EncodedMedium:
        prepared, features, seconds = self._encode(modality, loaded.media[modality])
        view = encoder_view(self.encoders[modality], prepared, features, seconds)
        return EncodedMedium(replace(prepared, values=prepared.values[:0].clone()), features, seconds, loaded.said[modality], view)

    def predict(self, inputs: Inputs | Encoded, strategy: str = "cross_attention") -> Prediction:
        """The answer of one strategy, with its attention and the effect of leaving each modality out."""
        self._check(strategy)
        encoded = inputs if isinstance(inputs, Encoded) else self.encode(inputs)
        needs = self.models[strategy].strategy.modalities
        given = [m for m in needs if m in encoded.features]
        if not given:
            raise FusionError(
                "{strategy} needs {modalities}, which is missing.", strategy=self.describe(strategy).title, modalities=either(needs)
            )
        return self._predict(encoded, strategy, given)

    def compare(self, inputs: Inputs | Encoded) -> dict[str, Prediction]:
        """The answers of all strategies and of the baselines whose modality is there; the encoders run once."""
        encoded = inputs if isinstance(inputs, Encoded) else self.encode(inputs)
        usable = [n for n in self.models if set(self.models[n].strategy.modalities) & set(encoded.features)]
        return {n: self.predict(encoded, n) for n in usable}

    def predict_batch(self, inputs: list[Inputs], strategy: str = "cross_attention") -> list[Prediction]:
        """Answers to many inputs, each with its own subset of modalities; one pass of each encoder, without attention."""
        self._check(strategy)
        model = self.models[strategy]
        loaded = [self._load_all(i) for i in inputs]
        given = [[m for m in model.strategy.modalities if m in media_of] for media_of in loaded]
        if not all(given):
            raise FusionError(
                "Input {number} has no {modalities} for {strategy}.",
                number=given.index([]) + 1,
                modalities=either(model.strategy.modalities),
                strategy=self.describe(strategy).title,
            )
        features, prepared_of = {}, [dict[str, Prepared]() for _ in loaded]
        for m in model.strategy.modalities:
            rows = [i for i, media_of in enumerate(loaded) if m in media_of]
            if rows:
                prepared = [self.encoders[m].prepare(loaded[i][m]) for i in rows]
                features[m] = _spread(self._features(m, prepared), rows, len(loaded))
                for i, p in zip(rows, prepared, strict=True):
                    prepared_of[i][m] = p
        found = []
        for i, (names, ready) in enumerate(zip(given, prepared_of, strict=True)):
            start = time.perf_counter()
            row = {m: _rows(features[m], torch.tensor([i], device=self.device)) for m in names}
            fused, subsets = self._fuse(model, row, names)
            found.append(self._prediction(strategy, fused, names, subsets, ready, time.perf_counter() - start))
        return found

    def encoder_views(self, inputs: Inputs | Encoded, cache: EncodedCache | None = None) -> dict[str, EncoderView]:
        """The input and the tokens of each encoder, for drawing; `cache` as for `encode`."""
        encoded = inputs if isinstance(inputs, Encoded) else self.encode(inputs, cache=cache)
        made = {m: p for m, p in encoded.prepared.items() if m not in encoded.views}
        new = {m: encoder_view(self.encoders[m], p, encoded.features[m], encoded.seconds[m]) for m, p in made.items()}
        return {m: new[m] if m in new else encoded.views[m] for m in encoded.features}

    def _readable(self, inputs: Inputs, severity: Severity | None = None, cache: EncodedCache | None = None) -> list[Given]:
        """What is given, at least one of it for an encoder that is there.

        Raises:
            FusionError: an unknown modality, nothing given, or nothing that an encoder here reads.
        """
        unknown = [m for m in (*inputs, *(severity or {})) if m not in self.modalities]
        if unknown:
            raise FusionError(
                "There is no modality named {modality!r}; there are {modalities}.", modality=unknown[0], modalities=words(self.modalities)
            )
        given = read_given({m: self.task.kinds[m] for m in self.modalities}, inputs, severity, cache)
        if not given:
            raise FusionError("No input is given: give at least one of {modalities}.", modalities=words(self.modalities))
        if all(one.modality in self.unavailable for one in given):
            raise FusionError(self.unavailable[given[0].modality])
        return given

    def _load_all(self, inputs: Inputs) -> dict[str, Medium]:
        """All media of one input, without corruption."""
        media = {one.modality: one.load()[0] for one in self._readable(inputs) if one.modality not in self.unavailable}
        return media | self._soundtrack(media)

    def _encode(self, modality: str, medium: Medium) -> tuple[Prepared, Features, float]:
        """Prepared values and features (batch of one) of a medium, and the seconds that both took."""
        start = time.perf_counter()
        prepared = self.encoders[modality].prepare(medium)
        features = self._features(modality, [prepared])
        return prepared, features, time.perf_counter() - start

    def _features(self, modality: str, prepared: list[Prepared]) -> Features:
        found = encode(self.encoders[modality], prepared)
        return Features(
            found.tokens.to(self.device),
            found.mask.to(self.device),
            found.pooled.to(self.device),
            found.weights.to(self.device),
            layout=tuple(p.layout for p in prepared),
        )

    def _predict(self, encoded: Encoded, strategy: str, given: list[str]) -> Prediction:
        model, ready = self.models[strategy], {m: encoded.prepared[m] for m in given}
        start = time.perf_counter()
        fused, subsets = self._fuse(model, {m: encoded.features[m] for m in given}, given, need_attention=True)
        return self._prediction(strategy, fused, given, subsets, ready, time.perf_counter() - start)

    def _fuse(
        self, model: FusionModel, features: dict[str, Features], given: list[str], need_attention: bool = False
    ) -> tuple[Fused, dict[tuple[str, ...], np.ndarray]]:
        """One sample with all that is given (row 0), and in the same pass with every other non-empty subset: probabilities (K,) of each."""
        subsets, present = subsets_given(model.strategy.modalities, tuple(given))
        with torch.inference_mode():
            fused = model.fuse_subsets(features, present.to(self.device), need_attention)
        return fused, dict(zip(subsets, fused.logits.softmax(-1).cpu().numpy(), strict=True))

    def _prediction(self, name: str, fused: Fused, given: list[str], subsets: dict[tuple[str, ...], np.ndarray],
                    prepared: dict[str, Prepared], seconds: float) -> Prediction:  # fmt: skip
        """Row 0 of `fused`, for a person to read."""
        output = fused.output
        probs = subsets[tuple(given)]
        best = int(probs.argmax())
        order = self.models[name].strategy.modalities
        weights = None if output.weights is None else {m: float(output.weights[0, order.index(m)]) for m in given}
        votes = None
        if output.unimodal_logits is not None:
            votes = {m: self._named(output.unimodal_logits[m][0].softmax(-1).cpu()) for m in given}
        auxiliary = None
        if output.auxiliary is not None:
            answers = {q: v[0].softmax(-1).tolist() for q, v in output.auxiliary.items()}
            auxiliary = {q: dict(zip(self.task.heads.questions[q], p, strict=True)) for q, p in answers.items()}
        attention = {pair: a[0].cpu().numpy() for pair, a in output.attention.items()}
        box = mask = found = None
        where = self.task.heads.localization
        if fused.place is not None and where and where.image in given and len(given) > 1:
            found = float(fused.place.found[0].sigmoid())
            if found >= 0.5:
                read = prepared[where.image]
                box = _clipped(read.on_picture(fused.place.box[0].cpu().numpy()))
                mask = read.on_extent(fused.place.mask[0].sigmoid().cpu().numpy())
        thresholds = self.loaded[name].thresholds
        known = None
        if thresholds is not None:
            confidences = {s: torch.tensor([p.max()]) for s, p in subsets.items() if len(s) in (1, len(given))}
            known = bool(thresholds.known(confidences, tuple(given)))
        if self.task.open_labels and output.auxiliary is not None:
            known = bool(output.auxiliary[REACHED][0].argmax() == 0)
        layouts = {m: p.layout for m, p in prepared.items()}
        return Prediction(
            label=self.labels[best],
            probs=self._named(probs),
            weights=weights,
            contributions=contributions(subsets, tuple(given)),
            votes=votes,
            attention=attention,
            layouts=layouts,
            box=box,
            seconds=seconds,
            subsets=subsets,
            auxiliary=auxiliary,
            mask=mask,
            found=found,
            known=known,
            opinion=None if output.opinion is None else self._belief(output.opinion, given, order),
        )

    def _belief(self, opinion: Opinion, given: list[str], order: tuple[str, ...]) -> Belief:
        """Row 0 of an opinion, for a person to read."""
        doubt = float(opinion.doubt[0])
        return {
            "belief": self._named(opinion.belief[0].cpu()),
            "doubt": doubt,
            "conflict": float(opinion.conflict[0]),
            "doubts": {m: float(opinion.doubts[0, order.index(m)]) for m in given},
            "refuses": doubt > REFUSES,
        }

    def _named(self, probs: Tensor | np.ndarray) -> dict[str, float]:
        return dict(zip(self.labels, probs.tolist(), strict=True))

    def _check(self, name: str) -> None:
        if name in self.unavailable and name not in self.modalities:
            raise FusionError(self.unavailable[name])
        if name in self.untrained and is_compact(self.task, self.choice):
            raise FusionError(
                "The strategy {name} has no trained weights for the task {task}; `python -m fusion train --data DIR` makes them.",
                name=name,
                task=self.task.name,
            )
        if name in self.untrained or not self.models:
            which = message("The strategy {name} has not", name=name) if self.models else message("No strategy has")
            raise FusionError(
                "{which} been trained on these encoders yet; `python -m fusion train --encoders ...` does it in a minute.", which=which
            )
        if name not in self.models:
            raise FusionError("There is no strategy named {name!r}; there are {known}.", name=name, known=list(self.models))


@cache
def subsets_given(modalities: tuple[str, ...], given: tuple[str, ...]) -> tuple[list[tuple[str, ...]], Tensor]:
    """All non-empty subsets of what is given, the whole first, and which of `modalities` each has (B, M)."""
    subsets = [c for size in range(len(given), 0, -1) for c in combinations(given, size)]
    return subsets, present_mask(modalities, subsets)


def pick_device(name: str) -> str:
    """ "auto" takes cuda, then mps, then cpu; a named device that is not there is one clear sentence."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(d for d, usable in there.items() if usable and _works(d))
    if not there.get(name.split(":")[0], False) or not _works(name):
        raise FusionError(
            "The device {name!r} is not available; there is {known}.", name=name, known=[d for d, usable in there.items() if usable]
        )
    return name


def _works(device: str) -> bool:
    """Whether anything can be put there: the third of two cards is not there, nor one whose driver is broken."""
    try:
        torch.zeros(1, device=device)
        return True
    except (RuntimeError, AssertionError):
        return False


def _rows(features: Features, index: Tensor) -> Features:
    return Features(features.tokens[index], features.mask[index], features.pooled[index], features.weights[index])


def _clipped(box: np.ndarray) -> tuple[float, float, float, float]:
    """A box (4,) cut at the border of the picture."""
    x0, y0, x1, y1 = np.clip(box, 0.0, 1.0).tolist()
    return x0, y0, x1, y1


def _spread(features: Features, rows: list[int], batch: int) -> Features:
    """Features of some samples laid out over the whole batch; the others' tokens are zero, one of them marked real for softmax."""
    index = torch.tensor(rows, device=features.pooled.device)

    def place(x: Tensor) -> Tensor:
        return x.new_zeros(batch, *x.shape[1:]).index_copy(0, index, x)

    mask = place(features.mask)
    mask[~mask.any(1), 0] = True
    return Features(place(features.tokens), mask, place(features.pooled), place(features.weights))
