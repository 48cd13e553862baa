"""Files that are kept: written whole or not at all, and compared with their checksum when they are read again.

    python -m fusion checksums [FOLDER ...]             writes SHA256SUMS into every folder of a checkpoint
    python -m fusion checksums --check [FOLDER ...]     names the files that differ from it

Checksums stand in the folder of the files they are of, in the format of `sha256sum -c SHA256SUMS`: a folder can be copied or trained
anew without touching any other, and two trainings never write the same list. A file without a checksum is read all the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from fusion.system_errors import reason_of
from fusion.types import FusionError

if TYPE_CHECKING:  # torch takes seconds to import, and `python -m fusion --help` has no use for it
    from torch import Tensor

SUMS = "SHA256SUMS"
COVERED = (".safetensors", ".json", ".wav")  # what is read when the app runs; cards may be edited by hand
LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
STALE = 24 * 3600  # seconds after which a temporary file belongs to a process that was killed


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the name only when everything is there.

    Raises:
        FusionError: the file cannot be written, in one sentence.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path)
        yield part
        os.replace(part, path)
    except (OSError, SafetensorError) as error:
        raise FusionError("{file} cannot be written: {reason}.", file=_named(path), reason=reason_of(error)) from error
    finally:
        with suppress(OSError):
            part.unlink()


def require_folder(folder: Path) -> None:
    """Makes a folder and tries it, before hours of work whose result could not be written there.

    Raises:
        FusionError: nothing can be written there, in one sentence.
    """
    probe = folder / f".{uuid.uuid4().hex[:12]}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise FusionError("Nothing can be written to {folder}: {reason}.", folder=_named(folder), reason=reason_of(error)) from error


def save_text(path: Path, text: str) -> None:
    with written_whole(path) as part:
        part.write_text(text, "utf-8")


def save_json(path: Path, value: Any, indent: int = 1, checksum: bool = True) -> None:
    """JSON with a newline at its end; `checksum`: whether its checksum is kept beside it."""
    text = json.dumps(value, indent=indent) + "\n"
    if checksum:
        forget_checksum(path)
    save_text(path, text)
    if checksum:
        keep_checksum(path)


def save_tensors(path: Path, tensors: Mapping[str, Tensor], checksum: bool = True) -> None:
    from safetensors.torch import save_file

    if checksum:
        forget_checksum(path)
    with written_whole(path) as part:
        save_file({k: v.contiguous() for k, v in tensors.items()}, part)
    if checksum:
        keep_checksum(path)


def load_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        FusionError: it is missing, differs from its checksum, or is not JSON, in one sentence.
    """
    check(path)
    try:
        return json.loads(path.read_text("utf-8"), parse_constant=_refuse)
    except OSError as error:
        raise FusionError("{file} cannot be read: {reason}.", file=_named(path), reason=reason_of(error)) from error
    except (ValueError, RecursionError) as error:
        raise FusionError("{file} is damaged: it is not JSON.", file=_named(path)) from error


def load_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        FusionError: it is missing, differs from its checksum, or is not such a file, in one sentence. Without a checksum to compare,
            also where a number is not finite.
    """
    from safetensors.torch import load_file

    known = check(path)
    try:
        found = load_file(path)
    except OSError as error:
        raise FusionError("{file} cannot be read: {reason}.", file=_named(path), reason=reason_of(error)) from error
    except Exception as error:  # safetensors has several errors for what is no such file
        raise FusionError("{file} is damaged: it is not a complete safetensors file.", file=_named(path)) from error
    if not known and not all(x.isfinite().all() for x in found.values() if x.is_floating_point()):
        raise FusionError("{file} is damaged: some of its numbers are not finite.", file=_named(path))
    return found


def check(path: Path) -> bool:
    """Whether the file has a checksum, which is then the right one.

    Raises:
        FusionError: the file is missing, cannot be read, or differs from its checksum, in one sentence.
    """
    try:
        if not path.is_file():
            raise FusionError("{file} is missing.", file=_named(path))
        wanted = read_checksums(path.parent).get(path.name)
        if wanted is not None and wanted != checksum_of(path):
            raise FusionError("{file} is damaged: it differs from its checksum in {sums}.", file=_named(path), sums=SUMS)
    except OSError as error:
        raise FusionError("{file} cannot be read: {reason}.", file=_named(path), reason=reason_of(error)) from error
    return wanted is not None


def checksum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_checksums(folder: Path) -> dict[str, str]:
    """{file name: SHA-256 in hexadecimal digits}; lines that cannot be read count as missing."""
    try:
        lines = (folder / SUMS).read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    return {found[2]: found[1] for found in map(LINE.fullmatch, lines) if found}


def keep_checksum(path: Path) -> None:
    """Writes the checksum of a file into the list of its folder."""
    _save_checksums(path.parent, read_checksums(path.parent) | {path.name: checksum_of(path)})


def forget_checksum(path: Path) -> None:
    """Before a file is written: should that be interrupted, the old checksum must not condemn what is there."""
    known = read_checksums(path.parent)
    if known.pop(path.name, None):
        _save_checksums(path.parent, known)


def covered(folder: Path) -> list[Path]:
    """The files directly in a folder that have a checksum in a checkpoint."""
    return sorted(p for p in folder.iterdir() if p.suffix in COVERED and not p.name.startswith(".") and p.is_file())


def folders(root: Path) -> list[Path]:
    """`root` and the folders in it, without hidden ones, that hold files of a checkpoint."""
    inside = (p for p in root.rglob("*") if p.is_dir() and not any(part.startswith(".") for part in p.relative_to(root).parts))
    return [folder for folder in sorted([root, *inside]) if (folder / SUMS).exists() or covered(folder)]


def write_checksums(root: Path) -> int:
    """Makes the lists of all folders in `root` anew, and returns how many files they name."""
    found = {folder: {p.name: checksum_of(p) for p in covered(folder)} for folder in folders(root)}
    for folder, sums in found.items():
        _save_checksums(folder, sums)
    return sum(map(len, found.values()))


def differences(root: Path) -> list[str]:
    """One sentence for every file in `root` that is damaged, missing from a folder's list, or named there and gone."""
    said = []
    for folder in folders(root):
        known, here = read_checksums(folder), covered(folder)
        for path in (*here, *(folder / name for name in known if not (folder / name).exists())):
            try:
                if not check(path):
                    said.append(f"{_named(path)} has no checksum.")
            except FusionError as error:
                said.append(str(error))
    return said


def _save_checksums(folder: Path, sums: Mapping[str, str]) -> None:
    save_text(folder / SUMS, "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def _named(path: Path) -> str:
    """The end of a path, enough to know the file by: "digits/early/model.safetensors"."""
    return "/".join(path.parts[-3:])


def _remove_stale(path: Path) -> None:
    """Temporary files of the same name that a killed process left behind."""
    for part in path.parent.glob(f".{path.name}.*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > STALE:
                part.unlink()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")
