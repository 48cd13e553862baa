"""Where the page asks the lab: one answer per input, remembered, so that a change of strategy or language costs nothing."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusion.types import Prediction, Seen
from fusion.ui.state import PageState

REMEMBERED = 12  # answers; about a megabyte each


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

    def __init__(self, lab: Any, examples: Mapping[str, Any], make_example: Callable[[str], Mapping[str, Any]], uploads: Path) -> None:
        self.lab, self.examples, self._make, self.uploads = lab, examples, make_example, uploads
        self._answers: OrderedDict[str, Answer] = OrderedDict()
        self._lock = threading.Lock()

    def example(self, name: str) -> Mapping[str, Any]:
        """The media of an example; an unknown name (of an old link) has none."""
        return self._make(name) if name in self.examples else {}

    def answer(self, state: PageState) -> Answer | None:
        """What every strategy says, or None where there is no input at all.

        Raises:
            FusionError: the input cannot be used, in one sentence.
        """
        inputs = state.media(self.example, self.uploads)
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
