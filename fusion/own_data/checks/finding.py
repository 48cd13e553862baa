"""One thing that the data check found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fusion.messages import Message


@dataclass(frozen=True)
class Finding:
    """A warning: its kind, a sentence with the count, how many samples it concerns, and a few examples."""

    kind: str
    sentence: Message
    count: int
    examples: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "sentence": str(self.sentence), "count": self.count, "examples": list(self.examples)}


def some(names: Sequence[str], count: int = 5) -> tuple[str, ...]:
    return tuple(map(str, names[:count]))
