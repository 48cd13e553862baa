"""What a data set is once it was read: rows of media with a label, whatever form it had."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion.messages import Message


@dataclass(frozen=True)
class Column:
    """One column as it was understood.

    name      as in the data
    kind      one of `fusion.own_data.kinds.KINDS`
    why       the reason for this kind, in one sentence
    example   one of its values, shortened
    missing   share of empty cells in [0, 1]
    modality  the modality it belongs to, "" where it is no input
    """

    name: str
    kind: str
    why: Message
    example: str
    missing: float
    modality: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "kind": self.kind,
            "why": str(self.why),
            "example": self.example,
            "missing": round(self.missing, 5),
            "modality": self.modality or None,
        }


@dataclass
class Table:
    """A data set as columns of equal length, before anybody said what they mean.

    root     the folder that file names are relative to
    columns  {name: one value per row}: str, float, Path of a file, array, or None for an empty cell
    splits   "train", "val" or "test" of each row where files or folders say so, else None
    arrays   columns that came as arrays with one row per sample
    implied  {column: its kind} where the form of the data already says it: the folder of a file is its label
    beside   columns that only accompany arrays: inputs only where somebody asks for them
    notes    a sentence for each thing that was assumed or left out
    """

    root: Path
    columns: dict[str, list[Any]]
    splits: list[str | None]
    arrays: frozenset[str] = frozenset()
    implied: dict[str, str] = field(default_factory=dict)
    beside: frozenset[str] = frozenset()
    notes: list[Message] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.splits)


@dataclass
class Samples:
    """A data set that can be trained on.

    name      of the folder or file it was read from
    root      the folder that file names are relative to
    rows      a name for each sample, for people: its file or its line
    columns   how each column was understood
    kinds     {modality: "image", "text", "audio", "video", "series", "vector" or "table"}
    media     {modality: one value per row}: Path, text, array, {column: value} of a table, or None where it is absent
    labels    one per row: a string, a tuple of strings (multi-label) or a number (regression); None where it is unknown
    answer    "class", "labels" or "value"
    classes   the labels in order; empty for a regression
    groups    of each row, or None: rows of one group never lie on both sides of a split
    splits    "train", "val" or "test" of each row, or None where none are given
    label     the column that the labels come from, "" where folders name them
    notes     a sentence for each thing that was assumed or left out
    """

    name: str
    root: Path
    rows: list[str]
    columns: tuple[Column, ...]
    kinds: dict[str, str]
    media: dict[str, list[Any]]
    labels: list[Any]
    answer: str
    classes: tuple[str, ...]
    groups: list[str] | None = None
    splits: list[str] | None = None
    label: str = ""
    table_columns: dict[str, str] = field(default_factory=dict)
    notes: list[Message] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.kinds)
