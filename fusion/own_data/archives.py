"""Archives: .zip files and WebDataset .tar shards, unpacked into the cache once, within limits."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from fusion.config import cache_folder
from fusion.types import FusionError

MOST_BYTES = 50 << 30  # of everything unpacked
MOST_FILES = 2_000_000
MOST_GROWTH = 200  # times its packed size, from 100 MB on: more is a zip bomb
CHUNK = 1 << 20


def unpacked(path: Path) -> Path:
    """The folder that holds what an archive holds, or the folder of its shards; any other path as it is.

    Raises:
        FusionError: the archive is damaged, too large, or names files outside of itself, in one sentence.
    """
    if path.is_file() and path.suffix.lower() == ".zip":
        return _lone(_unpack([path]))
    if path.is_file() and path.suffix.lower() == ".tar":
        return _unpack([path])
    if path.is_dir():
        shards = sorted(p for p in path.rglob("*.tar") if p.is_file())
        if shards:
            return _unpack(shards)
    return path


def is_unpacked(folder: Path) -> bool:
    """Whether a folder came out of an archive."""
    return folder.resolve().is_relative_to(_home().resolve())


def _home() -> Path:
    return cache_folder() / "own_data" / "unpacked"


def _unpack(archives: list[Path]) -> Path:
    digest = hashlib.sha256()
    for archive in archives:
        status = archive.stat()
        digest.update(f"{archive.resolve()} {status.st_size} {status.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    home = _home() / digest.hexdigest()[:16]
    if home.is_dir():
        return home
    part = home.with_name(f".{home.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        for archive in archives:
            into = part / archive.parent.name if len({a.parent for a in archives}) > 1 else part
            _unpack_one(archive, into)
        try:
            os.replace(part, home)
        except OSError:  # another process was faster
            if not home.is_dir():
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return home


def _unpack_one(archive: Path, into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    limit = MOST_BYTES
    growth = archive.stat().st_size * MOST_GROWTH
    written = 0
    try:
        for count, (name, file) in enumerate(_members(archive)):
            target = _inside(into, name, archive.name)
            if count > MOST_FILES:
                raise FusionError("{file} holds more than {count:,} files.", file=archive.name, count=MOST_FILES)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                while block := file.read(CHUNK):
                    written += len(block)
                    if written > limit or written > max(growth, 100 << 20):
                        raise FusionError("{file} unpacks to far more than its own size; it is not read.", file=archive.name)
                    out.write(block)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, FusionError):
            raise
        raise FusionError("{file} is damaged or encrypted and cannot be unpacked.", file=archive.name) from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of every regular file; links and devices are left out."""
    if archive.suffix.lower() == ".zip":
        with zipfile.ZipFile(archive) as whole:
            for member in whole.infolist():
                if not member.is_dir():
                    with whole.open(member) as file:
                        yield member.filename, file
        return
    with tarfile.open(archive, "r:*") as shards:
        for entry in shards:
            content = shards.extractfile(entry) if entry.isfile() else None
            if content is not None:
                yield entry.name, content


def _inside(folder: Path, name: str, archive: str) -> Path:
    """The path of a member; one that would lie outside of the folder is refused."""
    parts = PurePosixPath(name.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or (parts.parts and ":" in parts.parts[0]):
        raise FusionError("{file} names a file outside of itself; it is not read.", file=archive)
    return folder.joinpath(*parts.parts)


def _lone(home: Path) -> Path:
    """The only folder in an unpacked archive, where it holds nothing else."""
    found = [p for p in home.iterdir() if not p.name.startswith((".", "__MACOSX"))]
    return _lone(found[0]) if len(found) == 1 and found[0].is_dir() and not _is_class(found[0]) else home


def _is_class(folder: Path) -> bool:
    return not any(p.is_dir() or p.suffix.lower() in (".csv", ".jsonl", ".json", ".parquet", ".npz", ".npy") for p in folder.iterdir())
