"""Forms 5 and 6: arrays. One .npy or .npz per modality with rows in the same order, or one .npz per split with an array per modality."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from fusion.messages import Message, message
from fusion.own_data.columns import LABEL_NAMES
from fusion.own_data.kinds import SPLITS, split_of
from fusion.own_data.samples import Table
from fusion.own_data.text_tables import TABLES, read_table
from fusion.types import FusionError

Arrays = dict[str, np.ndarray]
ROW_NAMES = ("row", "index", "id")


def load_arrays(path: Path) -> Arrays:
    """The arrays of a .npy (under the file's own name) or .npz file, never unpickled.

    Raises:
        FusionError: it is damaged or holds objects, in one sentence.
    """
    try:
        if path.suffix.lower() == ".npy":
            return {path.stem: np.load(path, allow_pickle=False, mmap_mode="r")}
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            if isinstance(found, np.ndarray):
                raise ValueError
            arrays = {name: found[name] for name in found.files}
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, MemoryError) as error:
        raise FusionError("{file} is not a whole file of arrays of numbers or text.", file=path.name) from error
    return arrays


def read_arrays(root: Path) -> Table | None:
    """The rows of arrays; None where the data set does not consist of arrays."""
    if root.is_file():
        return _joined(root.parent, [(root, None)]) if root.suffix.lower() == ".npz" else None
    here = sorted(p for p in root.iterdir() if p.is_file() and p.suffix.lower() in (".npz", ".npy"))
    per_split = [(p, split_of(p.stem)) for p in here if p.suffix.lower() == ".npz" and split_of(p.stem)]
    if any(split == "train" for _, split in per_split):
        return _joined(root, sorted(per_split, key=lambda found: list(SPLITS.values()).index(found[1] or "")))
    if len(here) == 1 and here[0].suffix.lower() == ".npz":
        return _joined(root, [(here[0], None)])
    return _per_modality(root, here) if len(here) > 1 or (here and _beside(here[0])) else None


def _joined(root: Path, files: list[tuple[Path, str | None]]) -> Table:
    """One file per split, or one for all."""
    parts: list[dict[str, list[Any]]] = []
    splits: list[str | None] = []
    notes: list[Message] = []
    names: set[str] = set()
    further: set[str] = set()
    for path, split in files:
        arrays = load_arrays(path)
        count = _rows_of(arrays, path.name)
        part = {name: _as_column(array) for name, array in arrays.items()}
        names |= set(arrays)
        beside = _beside(path)
        if beside is not None:
            columns, said = _columns_beside(beside, arrays, count)
            part |= columns
            further |= set(columns)
            notes += said
        parts.append(part)
        splits += [split] * count
    every = dict.fromkeys(name for part in parts for name in part)
    sizes = [len(next(iter(part.values()))) for part in parts]
    columns = {name: [v for part, size in zip(parts, sizes, strict=True) for v in part.get(name, [None] * size)] for name in every}
    return Table(root, columns, splits, frozenset(names), beside=frozenset(further), notes=notes)


def _per_modality(root: Path, files: list[Path]) -> Table | None:
    arrays: Arrays = {}
    for path in files:
        arrays |= load_arrays(path) if path.suffix.lower() == ".npy" else {f"{path.stem}": _only(path)}
    count = _rows_of(arrays, root.name)
    columns = {name: _as_column(array) for name, array in arrays.items()}
    tables = [p for p in sorted(root.iterdir()) if p.suffix.lower() in TABLES]
    notes: list[Message] = []
    further: dict[str, list[Any]] = {}
    if len(tables) == 1:
        further, notes = _columns_beside(tables[0], arrays, count)
    return Table(root, columns | further, [None] * count, frozenset(arrays), beside=frozenset(further), notes=notes)


def _only(path: Path) -> np.ndarray:
    arrays = load_arrays(path)
    if len(arrays) != 1:
        raise FusionError("{file} holds several arrays beside other files of arrays; keep one in each.", file=path.name)
    return next(iter(arrays.values()))


def _rows_of(arrays: Arrays, where: str) -> int:
    if not arrays or any(array.ndim == 0 for array in arrays.values()):
        raise FusionError("{file} holds no arrays with one row per sample.", file=where)
    sizes = {name: len(array) for name, array in arrays.items()}
    if len(set(sizes.values())) > 1:
        told = [f"{name} {size}" for name, size in sizes.items()]
        raise FusionError("The arrays in {file} have different numbers of rows: {sizes}.", file=where, sizes=told)
    return next(iter(sizes.values()))


def _as_column(array: np.ndarray) -> list[Any]:
    """One value per row: text, a number as text, or an array."""
    if array.dtype.kind not in "fiubSU":
        raise FusionError("An array holds something else than numbers or text.")
    if array.ndim > 1:
        return list(array)
    if array.dtype.kind in "SU":
        return [str(v) or None for v in array.astype(str)]
    return [None if array.dtype.kind == "f" and not np.isfinite(v) else repr(v.item()) for v in array]


def _beside(path: Path) -> Path | None:
    return next((p for ending in TABLES if (p := path.with_suffix(ending)).is_file()), None)


def _columns_beside(path: Path, arrays: Arrays, count: int) -> tuple[dict[str, list[Any]], list[Message]]:
    """Columns of a table of the same rows; one that is called like an array gets another name, a label that is there twice is left out."""
    columns, notes = read_table(path)
    if len(next(iter(columns.values()))) != count:
        raise FusionError("{file} has another number of rows than the arrays beside it.", file=path.name)
    found: dict[str, list[Any]] = {}
    for name, values in columns.items():
        if name in arrays and name.lower() in LABEL_NAMES:
            continue
        if name in arrays:
            renamed = f"{name}_column"
            notes.append(
                message(
                    "The column {name} of {file} is called {renamed} here, beside the array {name}.",
                    name=name,
                    file=path.name,
                    renamed=renamed,
                )
            )
            found[renamed] = values
        else:
            found[name] = values
    return found, notes
