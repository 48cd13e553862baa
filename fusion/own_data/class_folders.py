"""Form 2: folders of classes; files of one stem, side by side or in parallel folders, are one sample."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from fusion.messages import message
from fusion.own_data.kinds import kind_of_file, split_of
from fusion.own_data.samples import Table

MODALITY_NAMES = {
    "image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "text", "texts", "caption", "captions", "words",
    "audio", "audios", "sound", "sounds", "wav", "wavs", "video", "videos", "clip", "clips", "left", "right", "front", "back", "rgb",
    "depth", "emg", "imu", "eeg", "ecg", "lidar", "thermal",
}  # fmt: skip
FURTHER = (".cls", ".json")  # of WebDataset: the label as a number, and further columns
Key = tuple[str | None, tuple[str, ...], str]  # split, folders, stem


def read_folders(root: Path) -> Table | None:
    """The samples of a folder; None where it holds no media."""
    if not root.is_dir():
        return None
    files = [p for p in sorted(root.rglob("*")) if p.is_file() and not any(part.startswith(".") for part in p.relative_to(root).parts)]
    media = [p for p in files if kind_of_file(p.name) or p.suffix.lower() in FURTHER]
    if not any(kind_of_file(p.name) for p in media):
        return None
    placed = [(p, *_without_split(p.relative_to(root).parts[:-1])) for p in media]
    depth = max(len(folders) for _, _, folders in placed)
    level = _modality_level([(p, folders) for p, _, folders in placed], depth)
    rows: dict[Key, dict[str, Any]] = defaultdict(dict)
    for path, split, folders in placed:
        own = folders[level] if level is not None and level < len(folders) else None
        rest = tuple(f for i, f in enumerate(folders) if i != level)
        _put(rows[(split, rest, path.name.split(".")[0])], path, own)
    return _as_table(root, rows)


def _without_split(folders: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The split that one of the folders names, and the others."""
    for i, name in enumerate(folders):
        if split_of(name):
            return split_of(name), folders[:i] + folders[i + 1 :]
    return None, folders


def _modality_level(placed: list[tuple[Path, tuple[str, ...]]], depth: int) -> int | None:
    """Which level of folders names modalities: those of it hold files of the same stems, and differ in kind or are called so."""
    for level in range(depth):
        kinds, stems = defaultdict(set), defaultdict(set)
        for path, folders in placed:
            if len(folders) > level:
                kinds[folders[level]].add(kind_of_file(path.name))
                stems[(*folders[:level], *folders[level + 1 :], path.stem)].add(folders[level])
        if len(kinds) < 2 or any(len(found) > 1 for found in kinds.values()):
            continue
        differ = len({next(iter(found)) for found in kinds.values()}) == len(kinds)
        called = all(name.lower() in MODALITY_NAMES for name in kinds)
        shared = sum(len(found) > 1 for found in stems.values())
        if (differ or called) and shared * 2 >= len(stems):
            return level
    return None


def _put(row: dict[str, Any], path: Path, modality: str | None) -> None:
    """One file into its sample."""
    ending = path.suffix.lower()
    if ending == ".cls":
        row["cls"] = path.read_text("utf-8", "replace").strip() or None
        return
    if ending == ".json":
        try:
            found = json.loads(path.read_text("utf-8", "replace"))
        except ValueError:
            return
        if isinstance(found, dict):
            row |= {str(k): v if isinstance(v, str) or v is None else str(v) for k, v in found.items()}
        return
    kind = kind_of_file(path.name) or ""
    middle = path.name.split(".")[1:-1]  # "7.left.jpg" is the modality "left"
    row[modality or (middle[0] if middle else kind)] = path


def _as_table(root: Path, rows: dict[Key, dict[str, Any]]) -> Table:
    splits = [split for split, _, _ in rows]
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows.values()] for name in names}
    table = Table(root, columns, splits)
    labels = [folders[0] if folders else None for _, folders, _ in rows]
    if any(labels) and "label" not in columns:
        columns["label"] = labels
        table.implied["label"] = "label"
        deeper = [folders[1] if len(folders) > 1 else None for _, folders, _ in rows]
        if all(deeper) and len(set(deeper)) < len(deeper):
            columns["folder"] = deeper
            table.notes.append(message("The folders inside those of the classes are the column {name!r}.", name="folder"))
    elif "cls" in columns:
        table.implied["cls"] = "label"
    return table
