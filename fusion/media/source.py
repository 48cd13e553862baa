"""Shared by all loaders: the error, the result, opening a file or bytes safely, detecting the real format of a file."""

from __future__ import annotations

import io
import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Generic, TypeGuard, TypeVar

from fusion.messages import Message, message
from fusion.types import FusionError, Medium

# What a file of each modality should be, and names for arrays and files that have none.
NOUNS = {
    "image": message("an image"),
    "text": message("text"),
    "audio": message("audio"),
    "video": message("a video"),
}
UNNAMED = {
    "image": message("The image"),
    "text": message("The text"),
    "audio": message("The audio"),
    "video": message("The video"),
}
UNNAMED_FILES = {
    "image": message("The image file"),
    "text": message("The text file"),
    "audio": message("The audio file"),
    "video": message("The video file"),
}

# Do not block on a pipe without a writer, do not acquire a controlling terminal; Windows has other flags.
OPEN_FLAGS = sum(getattr(os, flag, 0) for flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"))

# Formats by their first bytes, for a helpful error on a wrong or renamed file: (offset, bytes, format).
SIGNATURES = (
    (0, b"\x89PNG", message("a PNG image")),
    (0, b"\xff\xd8\xff", message("a JPEG image")),
    (0, b"GIF8", message("a GIF image")),
    (8, b"WEBP", message("a WebP image")),
    (0, b"II*\0", message("a TIFF image")),
    (0, b"MM\0*", message("a TIFF image")),
    (4, b"ftypavif", message("an AVIF image")),
    (4, b"ftyphei", message("a HEIC image")),
    (4, b"ftyphev", message("a HEIC image")),
    (4, b"ftypmif1", message("a HEIC image")),
    (4, b"ftypmsf1", message("a HEIC image")),
    (4, b"ftypM4A", message("M4A audio")),
    (4, b"ftyp", message("an MP4 video")),
    (0, b"\x1aE\xdf\xa3", message("a WebM or Matroska video")),
    (8, b"AVI ", message("an AVI video")),
    (8, b"WAVE", message("WAV audio")),
    (0, b"OggS", message("Ogg audio")),
    (0, b"fLaC", message("FLAC audio")),
    (0, b"ID3", message("MP3 audio")),
    (0, b"\xff\xfb", message("MP3 audio")),
    (0, b"%PDF", message("a PDF document")),
    (0, b"PK\3\4", message("a ZIP archive")),
    (0, b"%!PS", message("a PostScript drawing")),
)


class MediaError(FusionError):
    """A medium that cannot be used; the message is one sentence with the file's own name (never its folder) and the reason."""


M_co = TypeVar("M_co", bound=Medium, covariant=True)
Encoded = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


@dataclass(frozen=True)
class Loaded(Generic[M_co]):
    """A medium ready for the encoders, and one sentence for each thing that was trimmed, scaled or assumed on the way."""

    medium: M_co
    notes: tuple[Message, ...] = ()


def is_encoded(source: object) -> TypeGuard[Encoded]:
    """True for a path, bytes or an open file, which have to be decoded; False for arrays and the like."""
    return isinstance(source, str | os.PathLike | bytes | bytearray | memoryview) or hasattr(source, "read")


def name_of(source: object, modality: str) -> str:
    """What messages call this source: the base name of its path, "The image file" for bytes, "The image" for an array."""
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    if not isinstance(path, str | os.PathLike):
        return UNNAMED_FILES[modality] if is_encoded(source) else UNNAMED[modality]
    base = Path(os.fsdecode(path)).name
    shown = "".join("?" if unicodedata.category(c) in ("Cc", "Cs") else c for c in base)
    if not shown:
        return UNNAMED_FILES[modality]
    return shown if len(shown) <= 80 else f"{shown[:60]}...{shown[-12:]}"


@contextmanager
def opened(source: Encoded, modality: str) -> Iterator[BinaryIO]:
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
        raise MediaError("{name} cannot be opened.", name=name) from error
    with file:
        try:
            empty = not file.read(1)
            file.seek(0)
        except OSError as error:
            raise MediaError("{name} cannot be read.", name=name) from error
        if empty:
            raise MediaError("{name} is empty.", name=name)
        yield file


def _open(source: Encoded, name: str) -> BinaryIO:
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)
    if not isinstance(source, str | os.PathLike):
        return io.BytesIO(source.read())
    path = Path(os.fsdecode(source))
    if not path.exists():
        raise MediaError("{name} does not exist.", name=name)
    _check_regular(path.stat(), name)  # before opening: opening a device can already have side effects
    return _open_regular(path, name)


def _open_regular(path: Path, name: str) -> BinaryIO:
    """Open without blocking, then check the open file, since the path may have changed in between."""
    descriptor = os.open(path, os.O_RDONLY | OPEN_FLAGS)
    try:
        _check_regular(os.fstat(descriptor), name)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(found: os.stat_result, name: str) -> None:
    """Raises `MediaError` for anything but a regular file with a size: it could block or never end (files in /proc report size 0)."""
    if not stat.S_ISREG(found.st_mode):
        raise MediaError(
            "{name} is {kind}, not a file.", name=name, kind=message("a folder") if stat.S_ISDIR(found.st_mode) else message("a device")
        )
    if found.st_size == 0:
        raise MediaError("{name} is empty.", name=name)


def refusal(file: BinaryIO, name: str, modality: str) -> MediaError:
    """The sentence for a file whose content is not what the modality takes."""
    file.seek(0)
    kind = describe(file.read(1024))
    file.seek(0)
    wanted = NOUNS[modality]
    own = {"image": ("image",), "audio": ("audio", "video"), "video": ("video",)}[modality]  # the sound of a video is audio, too
    if kind == "a HEIC image" and modality == "image":
        return MediaError("{name} is a HEIC image, which cannot be read here; save it as JPEG or PNG.", name=name)
    if kind is None:
        return MediaError("{name} is not {wanted} in a known format.", name=name, wanted=wanted)
    if kind.endswith(own):
        return MediaError("{name} is {kind} that is damaged, cut short or of an unsupported variant.", name=name, kind=kind)
    return MediaError("{name} is {kind}, not {wanted}.", name=name, kind=kind, wanted=wanted)


def describe(head: bytes) -> Message | None:
    """The format of a file by its first bytes, such as "a PNG image", or None where it is unknown."""
    for offset, magic, kind in SIGNATURES:
        if head[offset : offset + len(magic)] == magic:
            return kind
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"<svg") or (start.startswith((b"<?xml", b"<!--", b"<!doctype svg")) and b"<svg" in start):
        return message("an SVG drawing")
    if start.startswith((b"<!doctype html", b"<html")):
        return message("a web page")
    try:
        text = head[:-4].decode() if len(head) == 1024 else head.decode()  # the cut may fall inside a character
    except UnicodeDecodeError:
        return None
    return None if any(c < " " and c not in "\t\r\n\f" for c in text) else message("a text file")
