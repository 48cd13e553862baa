"""What each column of a table holds: detected from its values, with the reason, and changed by `NAME=KIND`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion.messages import Message, message
from fusion.own_data.kinds import KINDS, MEDIA, TABLE, kind_of_file, split_of
from fusion.own_data.samples import Column, Table
from fusion.types import FusionError

LABEL_NAMES = ("label", "labels", "target", "targets", "class", "y", "cls")
GROUP_NAMES = {
    "group", "speaker", "subject", "person", "patient", "user", "session", "recording", "participant", "writer", "author", "video",
    "movie", "song", "album", "fold",
}  # fmt: skip
ID_NAMES = {"id", "row", "index", "idx", "uuid", "key", "no", "number", "nr", "name", "filename", "file"}
ALWAYS_IDS = {"id", "uuid", "row", "index", "idx"}
DATE = re.compile(r"\d{4}[-/.]\d{1,2}([-/.]\d{1,2})?([T ]\d{1,2}:\d{2}.*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?|\d{1,2}:\d{2}(:\d{2})?")
MOSTLY = 0.95
MOST_LEVELS = 100  # of a category
EXAMPLE = 60  # characters
Override = Mapping[str, str]  # {column: kind}


def read_override(text: str) -> dict[str, str]:
    """ "day=ignore,age=number" as a dictionary.

    Raises:
        FusionError: it is not written so, or names an unknown kind, in one sentence.
    """
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, kind = part.rpartition("=")
        check_kind(name or part, kind)
        found[name] = kind
    return found


def check_kind(name: str, kind: str) -> None:
    if not name or kind not in KINDS:
        raise FusionError("{part!r} is not NAME=KIND with one of the kinds {kinds}.", part=f"{name}={kind}", kinds=list(KINDS))


def understand(table: Table, override: Override, label: str | None = None, group: str | None = None) -> list[Column]:
    """Every column with its kind.

    Args:
        override: {column: kind} that a person chose.
        label, group: names of the columns with these roles, where a person named them.

    Raises:
        FusionError: a column that is named is not there, or no label is found, in one sentence.
    """
    wanted = dict(override)
    wanted |= {label: "label"} if label else {}
    wanted |= {group: "group"} if group else {}
    for name, kind in wanted.items():
        if name not in table.columns:
            raise FusionError("There is no column named {name!r}; there are {known}.", name=name, known=list(table.columns)[:30])
        check_kind(name, kind)
    if "label" not in wanted.values():
        wanted |= {guess_label(table): "label"}
    if sum(kind == "label" for kind in wanted.values()) > 1:
        raise FusionError("Only one column can be the label.")
    has_group = "group" in wanted.values()
    found = [_column(table, name, wanted.get(name), has_group) for name in table.columns]
    return with_modalities(found)


def guess_label(table: Table) -> str:
    """The column that holds the label, by what the folders say or by its name."""
    implied = [name for name, kind in table.implied.items() if kind == "label"]
    by_name = {name.lower(): name for name in reversed(table.columns)}
    named = [by_name[name] for name in LABEL_NAMES if name in by_name]
    if implied or named:
        return (implied or named)[0]
    raise FusionError("No column is called like a label; name it with --label. There are: {known}.", known=list(table.columns)[:30])


def _column(table: Table, name: str, wanted: str | None, has_group: bool) -> Column:
    values = table.columns[name]
    there = [v for v in values if v is not None]
    missing = 1 - len(there) / max(1, len(values))
    if wanted:
        kind, why = wanted, message("asked for") if name not in table.implied else message("the folders say so")
        if wanted == "label" and name.lower() in LABEL_NAMES and name not in table.implied:
            why = message("its name")
    elif not there:
        kind, why = "ignore", message("it is empty")
    else:
        kind, why = detect(name, there, table)
        if kind == "group" and has_group:
            kind, why = "ignore", message("another column is the group")
        if name in table.beside and kind not in ("group", "split", "id", "date", "ignore"):
            kind, why = "ignore", message("it accompanies arrays; ask for it with --columns to use it")
    return Column(name, kind, why, example_of(there[0]) if there else "", missing)


def example_of(value: Any) -> str:
    """A value, short enough for a line."""
    if isinstance(value, Path):
        return value.name
    if isinstance(value, np.ndarray):
        return f"{' x '.join(map(str, value.shape))} numbers"
    if isinstance(value, list):
        value = "|".join(map(str, value))
    text = " ".join(str(value).split())
    return text if len(text) <= EXAMPLE else f"{text[: EXAMPLE - 3]}..."


def detect(name: str, values: Sequence[Any], table: Table) -> tuple[str, Message]:
    """Kind of a column from its values that are not empty, and the reason."""
    first = values[0]
    if isinstance(first, Path):
        return of_files(values)
    if isinstance(first, np.ndarray):
        return of_arrays(first)
    if isinstance(first, list):
        return of_lists(values)
    return of_words(name, [str(v) for v in values])


def of_files(values: Sequence[Any]) -> tuple[str, Message]:
    kinds = Counter(kind_of_file(v.name) for v in values)
    kind = kinds.most_common(1)[0][0] or "ignore"
    if kind == "series":
        from fusion.own_data.array_files import load_arrays

        shape: tuple[int, ...] = (0, 0)
        for path in values[:20]:
            try:
                shape = next(iter(load_arrays(path).values())).shape
                break
            except (FusionError, StopIteration):
                continue
        kind = "vector" if len(shape) == 1 else "series"
        return kind, message("files of arrays of shape {shape}", shape=" x ".join(map(str, shape)))
    ending = Counter(v.suffix.lower() for v in values).most_common(1)[0][0]
    return kind, message("files that end in {ending}", ending=ending)


def of_arrays(first: np.ndarray) -> tuple[str, Message]:
    if first.ndim == 1:
        return "vector", message("{count} numbers for each sample", count=first.shape[0])
    if first.ndim == 2:
        return "series", message("{steps} steps of {count} numbers for each sample", steps=first.shape[0], count=first.shape[1])
    if first.ndim == 3 and first.shape[2] in (1, 3, 4):
        return "image", message("arrays of pixels")
    return "ignore", message("arrays with {count} dimensions", count=first.ndim)


def of_lists(values: Sequence[Any]) -> tuple[str, Message]:
    if all(isinstance(v, list) and v and isinstance(v[0], float) for v in values):
        alike = len({len(v) for v in values}) == 1
        return ("vector" if alike else "series"), message("lists of numbers")
    return "ignore", message("lists of words")


def of_words(name: str, values: list[str]) -> tuple[str, Message]:
    """Kind of a column of words and numbers."""
    N = len(values)
    distinct = len(set(values))
    lowered = name.lower()
    stem = lowered.removesuffix("_column").removesuffix("_id")
    if lowered in ("split", "set", "subset", "partition") and all(split_of(v) for v in values):
        return "split", message("it names splits")
    numbers = [number_of(v) for v in values]
    numeric = sum(n is not None for n in numbers) >= MOSTLY * N
    if stem in GROUP_NAMES and 1 < distinct <= 0.8 * N:
        return "group", message("its name, and {count} values that come back", count=distinct)
    if distinct == 1 and N > 1:
        return "ignore", message("the same in all rows")
    if sum(DATE.fullmatch(v) is not None for v in values) >= MOSTLY * N:
        return "date", message("dates and times are left out")
    if lowered in ALWAYS_IDS:
        return "id", message("its name")
    if distinct >= MOSTLY * N and N > 5 and (lowered in ID_NAMES or lowered.endswith("_id") or _counts_up(numbers)):
        return "id", message("{share:.0%} of its values are different, and it counts or names rows", share=distinct / N)
    if numeric:
        return "number", message("numbers")
    words = sum(len(v.split()) for v in values) / N
    if distinct <= max(20, min(MOST_LEVELS, 0.2 * N)) and words < 4 and distinct < 0.9 * N:
        return "category", message("{count} different values", count=distinct)
    if distinct >= MOSTLY * N and words < 1.5 and not any(ord(c) > 0x2E80 for v in values[:50] for c in v):
        return "id", message("{share:.0%} of its values are different, and they are no text", share=distinct / N)
    return "text", message("{count:.0f} words on average", count=words)


def number_of(value: Any) -> float | None:
    """The number that a cell says, with a point or a comma; None where it says none."""
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip()
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        text = text.replace(",", ".")
    try:
        found = float(text)
    except ValueError:
        return None
    return found if np.isfinite(found) else None


def _counts_up(numbers: list[float | None]) -> bool:
    if any(n is None or n != int(n) for n in numbers):
        return False
    whole = [int(n) for n in numbers if n is not None]
    return len(whole) > 20 and len(set(np.diff(whole))) == 1


def with_modalities(columns: list[Column]) -> list[Column]:
    """Each input column with the name of its modality: its own without `_file_name` or `_path`; numbers and categories are one table."""
    used: set[str] = set()
    found = []
    for column in columns:
        modality = ""
        if column.kind in MEDIA:
            modality = modality_name(column, used)
            used.add(modality)
        elif column.kind in ("number", "category"):
            modality = TABLE
        found.append(Column(column.name, column.kind, column.why, column.example, column.missing, modality))
    return found


def modality_name(column: Column, used: set[str]) -> str:
    stem = column.name
    for ending in ("_file_name", "_filename", "_file", "_path"):
        stem = stem.removesuffix(ending)
    if stem.lower() in ("file_name", "filename", "file", "path", ""):
        stem = column.kind
    stem = re.sub(r"[^\w]+", "_", stem).strip("_") or column.kind
    name, number = stem, 2
    while name in used or name == TABLE:
        name, number = f"{stem}_{number}", number + 1
    return name
