"""What every kind of medium needs: the error, the result, opening a file or bytes safely, naming what a file really is."""

from __future__ import annotations

import io
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fusion.types import FusionError, Medium

NOUNS = {"image": "an image", "text": "text", "audio": "sound", "video": "a clip"}  # what a modality holds
UNNAMED = {"image": "The image", "text": "The text", "audio": "The sound", "video": "The clip"}  # for arrays and bytes

# A pipe without a writer is not waited for, and a terminal does not become this process's own; Windows knows other flags.
OPEN_FLAGS = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))

# What the first bytes say, so that a wrong or renamed file gets a sentence that helps: (offset, bytes, what it is).
SIGNATURES = (
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"II*\0", "a TIFF picture"),
    (0, b"MM\0*", "a TIFF picture"),
    (4, b"ftypavif", "an AVIF picture"),
    (4, b"ftyphei", "a HEIC picture"),
    (4, b"ftyphev", "a HEIC picture"),
    (4, b"ftypmif1", "a HEIC picture"),
    (4, b"ftypmsf1", "a HEIC picture"),
    (4, b"ftypM4A", "an M4A sound"),
    (4, b"ftyp", "an MP4 clip"),
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska clip"),
    (8, b"AVI ", "an AVI clip"),
    (8, b"WAVE", "a WAV sound"),
    (0, b"OggS", "an Ogg sound"),
    (0, b"fLaC", "a FLAC sound"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"\xff\xfb", "an MP3 sound"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"%!PS", "a PostScript drawing"),
)


class MediaError(FusionError):
    """A medium that cannot be used; the message is one sentence with the file's own name (never its folder) and the reason."""


@dataclass(frozen=True)
class Loaded:
    """A medium ready for the encoders, and one sentence for each thing that was trimmed, scaled or assumed on the way."""

    medium: Medium
    notes: tuple[str, ...] = ()


def is_encoded(source: object) -> bool:
    """True for what has to be decoded (a path, bytes, an open file), False for arrays and the like."""
    return isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(source, "read")


def name_of(source: object, modality: str) -> str:
    """What messages call this source: the base name of its path, "The image file" for bytes, "The image" for an array."""
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    if not isinstance(path, str | os.PathLike):
        return f"The {modality} file" if is_encoded(source) else UNNAMED[modality]
    base = Path(os.fsdecode(path)).name
    shown = "".join("?" if unicodedata.category(c) in ("Cc", "Cs") else c for c in base)
    return shown if 0 < len(shown) <= 80 else f"{shown[:60]}...{shown[-12:]}" if shown else f"The {modality} file"


@contextmanager
def opened(source: object, modality: str) -> Iterator[BinaryIO]:
    """Open a path, bytes or file-like object for reading; closes what it opened, writes nothing.

    Raises:
        MediaError: it does not exist, is a folder or a device, may not be read, or is empty.
    """
    name = name_of(source, modality)
    try:
        file = _open(source, name)
    except MediaError:
        raise
    except (OSError, ValueError, TypeError) as error:  # no permission, name too long, NUL in the name
        raise MediaError(f"{name} cannot be opened.") from error
    with file:
        try:
            empty = not file.read(1)
            file.seek(0)
        except OSError as error:
            raise MediaError(f"{name} cannot be read.") from error
        if empty:
            raise MediaError(f"{name} is empty.")
        yield file


def _open(source: object, name: str) -> BinaryIO:
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if hasattr(source, "read"):
        return io.BytesIO(source.read())
    path = Path(os.fsdecode(source))
    if not path.exists():
        raise MediaError(f"{name} does not exist.")
    _check_regular(path.stat(), name)  # not opened at all: opening alone can start something in a device
    return _open_regular(path, name)


def _open_regular(path: Path, name: str) -> BinaryIO:
    """Open without waiting, then look at what was opened: by now the path may lead elsewhere."""
    descriptor = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    try:
        _check_regular(os.fstat(descriptor), name)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(found: os.stat_result, name: str) -> None:
    """Raises `MediaError` for what could block or never end: all but files with a size (those of /proc claim to have none)."""
    if not stat.S_ISREG(found.st_mode):
        raise MediaError(f"{name} is {'a folder' if stat.S_ISDIR(found.st_mode) else 'a device'}, not a file.")
    if found.st_size == 0:
        raise MediaError(f"{name} is empty.")


def refusal(file: BinaryIO, name: str, modality: str) -> MediaError:
    """The sentence for a file whose content is not what the modality takes."""
    file.seek(0)
    kind = describe(file.read(1024))
    file.seek(0)
    wanted = NOUNS[modality]
    own = {"image": "picture", "audio": ("sound", "clip"), "video": "clip"}[modality]  # a clip may be sound: its own
    if kind == "a HEIC picture" and modality == "image":
        return MediaError(f"{name} is a HEIC picture, which cannot be read here; save it as JPEG or PNG.")
    if kind is None:
        return MediaError(f"{name} is not {wanted} in a known format.")
    if kind.endswith(own):
        return MediaError(f"{name} is {kind} that is damaged, cut short or of an unknown variant.")
    return MediaError(f"{name} is {kind}, not {wanted}.")


def describe(head: bytes) -> str | None:
    """What a file is by its first bytes, such as "a PNG picture", or None where they say nothing."""
    for offset, magic, kind in SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return kind
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start):
        return "an SVG drawing"
    if start.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    try:
        text = head[:-4].decode() if len(head) == 1024 else head.decode()  # the cut may fall inside a character
    except UnicodeDecodeError:
        return None
    return None if any(c < " " and c not in "\t\r\n\f" for c in text) else "a text file"
