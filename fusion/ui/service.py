"""Runs the labs for the page, one per task, and caches media, features and answers, so that only changes are computed."""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fusion.config import CHECKPOINTS
from fusion.encoded_cache import EncodedCache, fingerprint
from fusion.encoder_choice import choose
from fusion.loading import lacks_weights
from fusion.messages import Message, message
from fusion.tasks import TASKS
from fusion.types import MODALITIES, EncoderView, FusionError, Prediction
from fusion.ui.security import BackbonePolicy
from fusion.ui.state import PEN, MakeExample, PageState

if TYPE_CHECKING:
    from fusion.encoder_registry import EncoderRegistry
    from fusion.inputs import Encoded
    from fusion.lab import Lab
    from fusion.tasks.base import Example

logger = logging.getLogger(__name__)
EXAMPLES_KEPT = 4  # of each task; some megabytes each
OWN_KEPT = 3  # labs on encoders that visitors chose; a backbone may be large
COMPUTING = 2  # answers that are computed at the same time; others are decoded meanwhile, or wait
PREDICTION_BYTES = 8000  # of a strategy's numbers beside its maps, about
FIRST_STRATEGY = "cross_attention"
FINE_PEN = 0.03


OpenRegistry = Callable[["Lab"], "EncoderRegistry"]


class Examples(Protocol):
    """The worked examples of a task."""

    EXAMPLES: Mapping[str, Example]
    make_example: MakeExample


@dataclass(frozen=True)
class Answer:
    """All that the page shows of one input."""

    media: Mapping[str, Any]  # some are decoded when they are asked for
    notes: tuple[Message, ...]
    predictions: dict[str, Prediction]
    encoder_views: dict[str, EncoderView]
    marks: dict[str, str]  # {modality: cache key of its medium, corruption and encoder}
    mark: str  # cache key of the whole answer


def bytes_of(predictions: Mapping[str, Prediction]) -> int:
    """About how much memory the answers of all strategies take."""
    maps = [a for p in predictions.values() for a in (*p.attention.values(), *(() if p.mask is None else (p.mask,)))]
    return PREDICTION_BYTES * len(predictions) + sum(int(a.nbytes) for a in maps)


class TaskService:
    """The lab of one task, its examples, and a cache that all visitors share."""

    def __init__(
        self,
        lab: Lab,
        examples: Mapping[str, Example],
        make_example: MakeExample,
        uploads: Path,
        open_registry: OpenRegistry,
        cache: EncodedCache,
        computing: threading.Semaphore,
    ) -> None:
        self._open_registry = open_registry
        self.lab, self.examples, self.uploads = lab, examples, uploads
        self._make = lru_cache(EXAMPLES_KEPT)(make_example)  # needed again after every edit of another slot
        self.pen = FINE_PEN if lab.task.heads.localization else PEN  # small objects need a fine pen
        self.cache, self.computing = cache, computing

    @cached_property
    def registry(self) -> EncoderRegistry:
        """All encoders of the task; each is loaded on first use."""
        return self._open_registry(self.lab)

    def example(self, name: str) -> Mapping[str, Any]:
        """The media of an example; empty if the name is unknown, as in an old link."""
        return self._make(name) if name in self.examples else {}

    def strategy(self, name: str) -> str:
        """`name` if the task has this strategy, else the default one; "" if none is trained."""
        known = (*self.lab.strategies, *self.lab.baselines)
        return name if name in known else FIRST_STRATEGY if FIRST_STRATEGY in known else next(iter(known), "")

    def warm_up(self) -> None:
        """Computes one example: the first answer of a process is several times slower, and the page shows times."""
        for name in self.examples:
            try:
                self.lab.compare(self.lab.encode(self._make(name), severity={}))
                return
            except FusionError as error:
                logger.warning("The example %s of %s cannot be answered: %s", name, self.lab.task.name, error)

    def answer(self, state: PageState) -> Answer | None:
        """The answers of all strategies, or None if there is no input.

        Raises:
            FusionError: the input cannot be used, in one sentence.
        """
        inputs = state.media(self.example, self.uploads, self.pen, self.lab.task.kinds)
        if not inputs:
            return None
        severity = {m: s for m, s in state.severity.items() if m in inputs}
        loaded = self.lab.load(inputs, severity, self.cache)
        with self.computing:
            return self._answer(loaded)

    def _answer(self, loaded: Encoded) -> Answer:
        encoding = self.lab.encode_media(loaded, self.cache)
        marks = {m: self._mark(encoding.keys.get(m) or encoding.media[m]) for m in encoding.media}
        mark = self._mark(marks)
        predictions = self.cache.remember(("predictions", mark), lambda: self.lab.compare(encoding), bytes_of)
        views = self.lab.encoder_views(encoding, cache=self.cache)
        return Answer(encoding.media, tuple(encoding.notes), predictions, views, marks, mark)

    def _mark(self, content: object) -> str:
        """A short name for a medium or a key of the cache, of this lab and this process."""
        return fingerprint([self.cache.name, self.cache.number(self.lab), content])[:20]


class TaskServices:
    """The services of all tasks; each lab is loaded on first use and kept."""

    def __init__(
        self,
        labs: Mapping[str, Callable[..., Lab]],
        examples: Mapping[str, Examples],
        uploads: Path,
        registry: OpenRegistry | None = None,
        unavailable: Mapping[str, str] | None = None,
        backbones: BackbonePolicy | None = None,
    ) -> None:
        """`labs` {task: makes its lab}, the first one is what visitors find; `examples` {task: with EXAMPLES and make_example};
        `registry` makes a lab's encoder registry; `unavailable` {task: why it cannot be used}, as far as that is known;
        `backbones` says which pretrained encoders visitors may load, by default none."""
        self.backbones = backbones or BackbonePolicy("none")
        self.modalities, self._open_registry = slot_names(labs), registry or open_registry
        self._labs, self._examples, self._uploads = dict(labs), examples, uploads
        self._services: OrderedDict[tuple[str, str], TaskService] = OrderedDict()
        self.cache, self._computing = EncodedCache(), threading.BoundedSemaphore(COMPUTING)
        self._lock, self._opening = threading.Lock(), dict[tuple[str, str], threading.Lock]()
        self._first, self.unavailable = "", dict(unavailable or {})

    def __iter__(self) -> Iterator[str]:
        return iter(self._labs)

    def task(self, name: str) -> str:
        """That task; the one that visitors find where none is named.

        Raises:
            FusionError: there is no such task, or none at all that can be used.
        """
        if name and name not in self._labs:
            raise FusionError("There is no task named {name!r}; there is {tasks}.", name=name, tasks=list(self._labs))
        return name or self.first()

    def first(self) -> str:
        """The default task: the first one that can be loaded."""
        for task in () if self._first else self._labs:
            try:
                self.open(task, {})
                self._first = task
                break
            except FusionError as error:
                self.unavailable[task] = error.message
        if not self._first:
            raise FusionError(next(iter(self.unavailable.values()), message("There is no task.")))
        return self._first

    def loaded(self, task: str) -> bool:
        return (task, "{}") in self._services

    def __getitem__(self, task: str) -> TaskService:
        """The service of a task on its compact encoders."""
        return self.open(task, {})

    def open(self, task: str, encoder_choice: Mapping[str, str]) -> TaskService:
        """The service of a task on the named encoders, compact ones for other modalities; perhaps no strategy is trained on them.

        Raises:
            FusionError: weights cannot be used, there is no such encoder, or visitors may not load it, in one sentence.
        """
        self.backbones.check(encoder_choice)
        own = own_encoders(task, encoder_choice)
        key = (task, json.dumps(own, sort_keys=True))
        with self._lock:
            opening = self._opening.setdefault(key, threading.Lock())
        with opening:  # other tasks go on while one is loaded
            service = self._services.get(key)
            if service is None:
                service = self._load(task, own)
                with self._lock:
                    self._services[key] = service
                    for old in [k for k in self._services if k[1] != "{}"][:-OWN_KEPT]:
                        del self._services[old]
        return service

    def for_state(self, state: PageState) -> TaskService:
        """The service of the task and the encoders that a visitor has chosen.

        Raises:
            FusionError: there is no such task, or `open` raises it.
        """
        return self.open(self.task(state.task), state.encoder_choice)

    def _load(self, task: str, encoders: Mapping[str, str]) -> TaskService:
        found = self._examples.get(task)
        lab = self._labs[task](encoders=encoders) if encoders else self._labs[task]()
        examples, make_example = (found.EXAMPLES, found.make_example) if found else ({}, no_example)
        service = TaskService(lab, examples, make_example, self._uploads, self._open_registry, self.cache, self._computing)
        service.warm_up()
        return service

    def forget(self, task: str, encoder_choice: Mapping[str, str]) -> None:
        """Drops a service, so that it is loaded again: its strategies have been trained meanwhile."""
        with self._lock:
            self._services.pop((task, json.dumps(own_encoders(task, encoder_choice), sort_keys=True)), None)


def slot_names(tasks: Iterable[str]) -> tuple[str, ...]:
    """The modalities of all tasks on offer, each of which has a slot on the page: first those named like their kind, in screen order."""
    others = (m for task in tasks if task in TASKS for m in TASKS[task].modalities)
    return tuple(dict.fromkeys((*MODALITIES, *others)))


def no_example(name: str) -> Mapping[str, Any]:
    """Of a task without examples."""
    return {}


def own_encoders(task: str, encoder_choice: Mapping[str, str]) -> dict[str, str]:
    """{modality: encoder} of a choice, without those that are compact anyway."""
    if not encoder_choice:
        return {}
    return {m: name for m, name in choose(TASKS[task], encoder_choice).items() if name != TASKS[task].encoders[m]}


def open_registry(lab: Lab) -> EncoderRegistry:
    """All encoders of the lab's task, on the lab's device."""
    return lab.registry


def shipped_tasks(checkpoints: Path = CHECKPOINTS) -> list[str]:
    """Tasks with weights of at least one strategy and one encoder."""
    return [name for name, task in TASKS.items() if lacks_weights(task, checkpoints) is None]
