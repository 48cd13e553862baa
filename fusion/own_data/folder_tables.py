"""Form 1: tables beside media, one for all rows or one per split."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion.messages import message
from fusion.own_data.kinds import FILES, SPLITS, kind_of_file, split_of
from fusion.own_data.samples import Table
from fusion.own_data.text_tables import TABLES, read_table
from fusion.types import FusionError

NAMES = ("metadata", "data", "index", "annotations", "labels", "samples")
FILE_SUFFIXES = ("_file_name", "_path", "_file", "_filename")
LOOKED_AT = 200  # values of a column, to see whether they are files


def read_tables(root: Path) -> Table | None:
    """The rows of the tables of a data set; None where it has none."""
    files = find_tables(root)
    if not files:
        return None
    columns: dict[str, list[Any]] = {}
    splits: list[str | None] = []
    notes = []
    for path, split in files:
        found, said = read_table(path)
        notes += said
        count = len(next(iter(found.values())))
        with_paths(found, path.parent)
        for name in (*columns, *(n for n in found if n not in columns)):
            columns.setdefault(name, [None] * len(splits))
            columns[name] += found.get(name) or [None] * count
        splits += [split] * count
    used = {path for path, _ in files}
    others = [p.name for p in sorted(files[0][0].parent.iterdir()) if p.suffix.lower() in TABLES and p not in used]
    if others:
        notes.append(message("Left out, as their names are those of no split: {files}.", files=others[:5]))
    folder = root if root.is_dir() else root.parent
    return Table(folder, columns, splits, notes=notes)


def find_tables(root: Path) -> list[tuple[Path, str | None]]:
    """The tables of a data set with the split that each holds, or None: a file, one per split, or one for all."""
    if root.is_file():
        if root.suffix.lower() not in TABLES:
            raise FusionError("{file} is no table, archive or folder.", file=root.name)
        return [(root, None)]
    files = sorted(p for p in root.iterdir() if p.is_file() and not p.name.startswith("."))
    media = {p.stem for p in files if kind_of_file(p.name)}
    here = [p for p in files if p.suffix.lower() in TABLES and not (p.suffix.lower() == ".json" and p.stem in media)]
    by_split = [(p, split_of(p.stem)) for p in here if split_of(p.stem)]
    if by_split and not any(p.stem.lower() in NAMES for p in here):
        return sorted(by_split, key=lambda found: list(SPLITS.values()).index(found[1] or ""))
    inside = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and split_of(p.name)):
        for name in NAMES:
            inside += [(p, split_of(folder.name)) for p in folder.glob(f"{name}.*") if p.suffix.lower() in TABLES]
    if inside:
        return list(inside)
    named = [p for name in NAMES for p in here if p.stem.lower() == name]
    if named or len(here) == 1:
        return [((named or here)[0], None)]
    if len(here) > 1:
        raise FusionError(
            "There are several tables ({files}); name one metadata.csv, or one for each split.", files=[p.name for p in here[:5]]
        )
    return []


def with_paths(columns: dict[str, list[Any]], folder: Path) -> None:
    """Turns the values of columns that name files into paths, in place."""
    for name, values in columns.items():
        if names_files(name, values, folder):
            columns[name] = [None if v is None else folder / str(v) for v in values]


def names_files(name: str, values: list[Any], folder: Path) -> bool:
    """Whether a column holds the names of media files: most of them are there, or its name and their endings say so."""
    some = [v for v in values if v is not None][:LOOKED_AT]
    if not some or not all(isinstance(v, str) and len(v) < 1000 and "\n" not in v for v in some):
        return False
    kinds = [kind_of_file(v) for v in some]
    if sum(k is not None for k in kinds) < 0.5 * len(some):
        return False
    if name.endswith(FILE_SUFFIXES) or name in ("file_name", "path", "file", "filename"):
        return True
    there = sum(_is_file(folder, v) for v in some)
    return there >= 0.5 * len(some) or (sum(k in FILES for k in kinds) > 0.9 * len(some) and all(" " not in v for v in some))


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False
