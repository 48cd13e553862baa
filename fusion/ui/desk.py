"""Where the page asks the labs, one per task: each answer is remembered, so that a change of strategy or language costs nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fusion.choice import choose
from fusion.config import CHECKPOINTS
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS
from fusion.types import MODALITIES, FusionError, Prediction, Seen
from fusion.ui.state import PEN, PageState

logger = logging.getLogger(__name__)
REMEMBERED = 12  # answers of each task; about a megabyte each
EXAMPLES_KEPT = 4  # of each task; some megabytes each
OWN_KEPT = 3  # labs around encoders that visitors chose; a backbone may be large
FIRST_STRATEGY = "cross_attention"
FINE_PEN = 0.03


@dataclass(frozen=True)
class Answer:
    """All a result shows of one input."""

    media: dict[str, Any]
    notes: tuple[str, ...]
    predictions: dict[str, Prediction]
    seen: dict[str, Seen]


def fingerprint(value: Any) -> str:
    """A hash of media and settings; files by place, size and time (an upload's folder is named by its content)."""
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype}{value.shape}".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, Mapping):
        for key in sorted(value):
            digest.update(f"\0{key}=".encode())
            _feed(digest, value[key])
    elif is_dataclass(value):
        _feed(digest, {f.name: getattr(value, f.name) for f in fields(value)})
    elif isinstance(value, Path):
        status = value.stat()
        digest.update(f"{value}{status.st_size}{status.st_mtime_ns}".encode())
    else:
        digest.update(repr(value).encode())


class Desk:
    """A lab and its examples, with a small memory of answers that all visitors share: only the same input finds the same answer."""

    def __init__(self, lab: Any, examples: Mapping[str, Any], make_example: Callable[[str], Mapping[str, Any]], uploads: Path,
                 open_library: Callable[[Any], Any]) -> None:  # fmt: skip
        self._open_library = open_library
        self.lab, self.examples, self.uploads = lab, examples, uploads
        self._make = lru_cache(EXAMPLES_KEPT)(make_example)  # every edit beside an example asks for the whole of it
        self.pen = FINE_PEN if lab.task.grid else PEN  # where several things share a picture, each is small
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def library(self) -> Any:
        """Every encoder that can be looked into; nothing of it is loaded before somebody asks."""
        return self._open_library(self.lab)

    def example(self, name: str) -> Mapping[str, Any]:
        """The media of an example; an unknown name (of an old link) has none."""
        return self._make(name) if name in self.examples else {}

    def strategy(self, name: str) -> str:
        """That strategy if the task has it, else the one a visitor finds first; "" where none is trained."""
        known = (*self.lab.strategies, *self.lab.baselines)
        return name if name in known else FIRST_STRATEGY if FIRST_STRATEGY in known else next(iter(known), "")

    def warm_up(self) -> None:
        """One answer that nobody sees: the very first is several times slower, and the page shows milliseconds."""
        for name in list(self.examples)[:1]:
            try:
                self.lab.compare(self.lab.encode(self._make(name), severity={}))
            except FusionError:
                logger.exception("The first example cannot be answered")

    def answer(self, state: PageState) -> Answer | None:
        """What every strategy says, or None where there is no input at all.

        Raises:
            FusionError: the input cannot be used, in one sentence.
        """
        inputs = state.media(self.example, self.uploads, self.pen)
        inputs = {m: medium for m, medium in inputs.items() if m in self.lab.modalities}
        if not inputs:
            return None
        severity = {m: s for m, s in state.severity.items() if m in inputs}
        key = fingerprint({"inputs": inputs, "severity": severity})
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return self._answers[key]
        encoding = self.lab.encode(inputs, severity=severity)
        answer = Answer(dict(encoding.media), tuple(encoding.notes), self.lab.compare(encoding), self.lab.see(encoding))
        with self._lock:
            self._answers[key] = answer
            while len(self._answers) > REMEMBERED:
                self._answers.popitem(last=False)
        return answer


class Desks:
    """The desks of all tasks on offer; each lab is loaded when somebody first asks for its task, and kept."""

    def __init__(
        self, labs: Mapping[str, Callable[[], Any]], examples: Mapping[str, Any], uploads: Path, library: Callable[[Any], Any] | None = None
    ) -> None:
        """`labs` {task: makes its lab}, the first one is what visitors find; `examples` {task: with EXAMPLES and make_example};
        `library` makes a lab's library of encoders."""
        self.modalities, self._open_library = MODALITIES, library or open_library
        self._labs, self._examples, self._uploads = dict(labs), examples, uploads
        self._desks: OrderedDict[tuple[str, str], Desk] = OrderedDict()
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[str]:
        return iter(self._labs)

    def task(self, name: str) -> str:
        """That task if it is on offer, else the first."""
        return name if name in self._labs else next(iter(self._labs))

    def loaded(self, task: str) -> bool:
        return (task, "{}") in self._desks

    def __getitem__(self, task: str) -> Desk:
        """The desk of a task with the encoders that all its strategies are shipped on."""
        return self.open(task, {})

    def open(self, task: str, readers: Mapping[str, str]) -> Desk:
        """The desk of a task whose strategies read with the encoders named, the others being compact; maybe nothing is trained on them.

        Raises:
            FusionError: weights cannot be used, or there is no such encoder, in one sentence.
        """
        own = own_encoders(task, readers)
        key = (task, json.dumps(own, sort_keys=True))
        with self._lock:
            if key not in self._desks:
                found = self._examples.get(task)
                lab = self._labs[task](encoders=own) if own else self._labs[task]()
                known = (found.EXAMPLES, found.make_example) if found else ({}, {}.get)
                self._desks[key] = Desk(lab, *known, self._uploads, self._open_library)
                self._desks[key].warm_up()
                for old in [k for k in self._desks if k[1] != "{}"][:-OWN_KEPT]:
                    del self._desks[old]
            return self._desks[key]

    def forget(self, task: str, readers: Mapping[str, str]) -> None:
        """Opens that desk anew the next time: its strategies have been trained meanwhile."""
        with self._lock:
            self._desks.pop((task, json.dumps(own_encoders(task, readers), sort_keys=True)), None)


def own_encoders(task: str, readers: Mapping[str, str]) -> dict[str, str]:
    """{modality: encoder} of a choice, without those that are compact anyway."""
    return {m: name for m, name in choose(TASKS[task], readers).items() if name != TASKS[task].compact[m]} if readers else {}


def open_library(lab: Any) -> Any:
    """All encoders of the lab's task, on the lab's device."""
    return lab.library


def shipped_tasks(checkpoints: Path = CHECKPOINTS) -> list[str]:
    """Tasks with weights of at least one strategy and of all their encoders."""
    return [name for name, task in TASKS.items()
            if any((checkpoints / name / s / "model.safetensors").exists() for s in STRATEGIES)
            and all((checkpoints / home / "encoders" / m / "model.safetensors").exists() for m, home in task.encoders.items())]  # fmt: skip
