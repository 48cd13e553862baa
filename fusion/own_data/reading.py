"""Reads a data set as samples: `read_samples("DATA")`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fusion.messages import Message, message
from fusion.own_data.archives import is_unpacked
from fusion.own_data.clip_parts import with_sound
from fusion.own_data.columns import number_of, understand
from fusion.own_data.forms import read_form
from fusion.own_data.kinds import MEDIA, TABLE, kind_of_file, split_of
from fusion.own_data.samples import Column, Samples, Table
from fusion.own_data.shortcuts import giveaway
from fusion.own_data.targets import build_target, read_labels
from fusion.types import FusionError

MOST_MODALITIES = 8


def read_samples(
    data: str | os.PathLike[str],
    label: str | None = None,
    group: str | None = None,
    columns: Mapping[str, str] | None = None,
    answer: str | None = None,
) -> Samples:
    """A data set in any of the six forms of `fusion.own_data.forms`.

    Args:
        label, group: names of these columns; found by their names if not given.
        columns: {name: kind} that replaces what was detected; "ignore" leaves one out.
        answer: "class", "labels" or "value", where the detected one is wrong.

    Raises:
        FusionError: what cannot be read or used, in one sentence.
    """
    name, table = read_form(data)
    override = dict(columns or {})
    found = understand(table, override, label, group)
    roles = {column.kind: column.name for column in reversed(found) if column.kind in ("label", "group", "split")}
    labels, kind, notes = read_labels(table.columns[roles["label"]], answer)
    found, said = without_giveaways(found, table, labels, kind, override)
    media, kinds = media_of(table, found)
    media, kinds, found = with_sound(media, kinds, found)
    if not kinds:
        raise FusionError("No column is an input besides the label {label!r}.", label=roles["label"])
    if len(kinds) > MOST_MODALITIES:
        raise FusionError("There are {count} modalities; at most {most} can be fused, so leave some out with --columns NAME=ignore.",
                          count=len(kinds), most=MOST_MODALITIES)  # fmt: skip
    samples = Samples(
        name=name,
        root=table.root,
        rows=row_names(table, found),
        columns=tuple(found),
        kinds=kinds,
        media=media,
        labels=labels,
        answer=kind,
        classes=build_target(labels, kind).classes if kind != "value" else (),
        groups=groups_of(table, roles.get("group")),
        splits=splits_of(table, roles.get("split")),
        label=roles["label"],
        table_columns={c.name: c.kind for c in found if c.modality == TABLE},
        notes=[*table.notes, *notes, *said],
    )
    return without_useless_rows(samples)


def without_giveaways(
    columns: list[Column], table: Table, labels: list[Any], answer: str, override: Mapping[str, str]
) -> tuple[list[Column], list[Message]]:
    """Leaves out numbers and categories that give the class away, unless somebody asked for them."""
    if answer != "class":
        return columns, []
    found, notes = [], []
    for column in columns:
        if column.kind in ("number", "category") and column.name not in override and giveaway(table.columns[column.name], labels):
            notes.append(message("The column {name!r} is left out, as each class has a value of its own of it: it gives the class away.",
                                 name=column.name))  # fmt: skip
            column = Column(column.name, "ignore", message("it gives the class away"), column.example, column.missing)
        found.append(column)
    return found, notes


def media_of(table: Table, columns: list[Column]) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """{modality: values} and {modality: kind} of all inputs; the columns of the table are one modality."""
    media: dict[str, list[Any]] = {}
    kinds: dict[str, str] = {}
    for column in columns:
        if column.kind in MEDIA:
            media[column.modality] = [as_medium(v, column, table.root) for v in table.columns[column.name]]
            kinds[column.modality] = column.kind
    own = [column for column in columns if column.modality == TABLE]
    if own:
        media[TABLE] = table_rows(table, own)
        kinds[TABLE] = TABLE
    return media, kinds


def as_medium(value: Any, column: Column, root: Path) -> Any:
    """A cell as its loader takes it."""
    if value is None:
        return None
    if column.kind == "text":
        return value if isinstance(value, Path) else str(value)
    if column.kind in ("series", "vector") and isinstance(value, list):
        return np.array(value, np.float32)
    if isinstance(value, str):
        return root / value
    return value


def table_rows(table: Table, columns: list[Column]) -> list[dict[str, Any] | None]:
    """{column: number or word} of every row, without empty cells; None where all are empty."""
    rows: list[dict[str, Any] | None] = []
    for i in range(len(table)):
        row: dict[str, Any] = {}
        for column in columns:
            value = table.columns[column.name][i]
            found = number_of(value) if column.kind == "number" and value is not None else value
            if found is not None:
                row[column.name] = found if column.kind == "number" else str(found)
        rows.append(row or None)
    return rows


def row_names(table: Table, columns: list[Column]) -> list[str]:
    """A name for each sample: its first file, else its number."""
    files = next((table.columns[c.name] for c in columns if table.columns[c.name] and isinstance(table.columns[c.name][0], Path)), None)
    if files is None:
        return [f"row {i + 1}" for i in range(len(table))]
    return [f.name if isinstance(f, Path) else f"row {i + 1}" for i, f in enumerate(files)]


def groups_of(table: Table, column: str | None) -> list[str] | None:
    """The group of each row; an empty cell is a group of its own."""
    if column is None:
        return None
    return [f"row {i + 1}" if v is None else str(v) for i, v in enumerate(table.columns[column])]


def splits_of(table: Table, column: str | None) -> list[str] | None:
    if column is not None:
        names = [split_of(str(v)) or "" for v in table.columns[column]]
        if "" in names:
            unknown = table.columns[column][names.index("")]
            raise FusionError("{value!r} in the column {name} is no split; there are train, val and test.", value=str(unknown), name=column)
        return names
    if all(split is None for split in table.splits):
        return None
    return [split or "train" for split in table.splits]


def without_useless_rows(samples: Samples) -> Samples:
    """Leaves out rows without a label, and those without any medium; files that are not there count as absent, and are said."""
    inside = samples.root.resolve() if is_unpacked(samples.root) else None
    absent: dict[str, list[str]] = {}
    for m, values in samples.media.items():
        for i, value in enumerate(values):
            if isinstance(value, Path) and not is_usable(value, inside):
                absent.setdefault(m, []).append(value.name)
                values[i] = None
    for m, names in absent.items():
        total = sum(v is not None for v in samples.media[m]) + len(names)
        said = message("{count:,} of {total:,} files of {modality} are not there, for example {example}.",
                       count=len(names), total=total, modality=m, example=names[0])  # fmt: skip
        if len(names) > 0.05 * total:
            raise FusionError(said)
        samples.notes.append(said)
    keep = [i for i in range(len(samples)) if samples.labels[i] is not None and any(v[i] is not None for v in samples.media.values())]
    if not keep:
        raise FusionError("No sample has both a label and something to read.")
    return subset(samples, keep) if len(keep) < len(samples) else samples


def is_usable(path: Path, inside: Path | None) -> bool:
    """Whether it is a file of a known kind; what was unpacked from an archive may only name files of its own."""
    try:
        own = inside is None or path.resolve().is_relative_to(inside)
        return own and path.is_file() and kind_of_file(path.name) is not None
    except (OSError, ValueError):
        return False


def subset(samples: Samples, rows: list[int]) -> Samples:
    """Some of the rows."""

    def some(values: list[Any] | None) -> Any:
        return None if values is None else [values[i] for i in rows]

    return replace(
        samples,
        rows=some(samples.rows),
        media={m: some(v) for m, v in samples.media.items()},
        labels=some(samples.labels),
        groups=some(samples.groups),
        splits=some(samples.splits),
    )
