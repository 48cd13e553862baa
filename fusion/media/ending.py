"""Detects truncated sound and video files by their own structure: the sizes of chunks, boxes and streams."""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

COUNTED = ("flac", "tta", "wv", "ape")  # their headers state the number of samples and no size in bytes
UNKNOWN_SIZE = 0x7FFFFF00  # recorders that cannot seek back write sizes from here on
MAX_BOXES = 10_000


def ends_early(file: BinaryIO, container: str) -> bool:
    """True where bytes are missing at the end.

    Args:
        file: open for reading; its position is kept.
        container: FFmpeg's name of the format, such as "mov,mp4,m4a,3gp,3g2,mj2".

    Returns:
        False also for formats whose size is written nowhere: what FFmpeg calls their length is a guess by the bit rate.
    """
    kinds = set(container.split(","))
    if kinds & set(COUNTED):
        return True  # only the header states a length, so the caller has to compare it with what was decoded
    reader = next((reader for names, reader in READERS if kinds & set(names)), None)
    if reader is None:
        return False
    place = file.tell()
    try:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        end = reader(file, size)
    except (struct.error, IndexError, ValueError, OSError):
        return True  # the structure itself is truncated
    finally:
        file.seek(place)
    return end is not None and end > size


def _riff(file: BinaryIO, size: int) -> int | None:
    """WAV, AVI, AIFF: the first chunk spans the file."""
    head = file.read(8)
    length = struct.unpack("<I" if head[:4] in (b"RIFF", b"RF64") else ">I", head[4:8])[0]
    return None if length >= UNKNOWN_SIZE or not length else length + 8


def _boxes(file: BinaryIO, size: int) -> int | None:
    """MP4 and MOV: boxes one after the other."""
    place = 0
    for _ in range(MAX_BOXES):
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            break
        length = struct.unpack(">I", head[:4])[0]
        if length == 1:
            length = struct.unpack(">Q", head[8:16])[0]
        if length < 8:  # 0: to the end of the file
            return None
        place += length
        if place >= size:
            break
    return place


def _ebml(file: BinaryIO, size: int) -> int | None:
    """Matroska and WebM: a header, then the segment."""
    end = 0
    for _ in range(2):
        file.seek(end)
        head = file.read(16)
        id_length = 8 - head[0].bit_length() + 1
        first = head[id_length]
        width = 8 - first.bit_length() + 1
        value = int.from_bytes(head[id_length : id_length + width], "big") & ((1 << 7 * width) - 1)
        if value == (1 << 7 * width) - 1:  # unknown: a live recording
            return None
        end += id_length + width + value
    return end


def _mp3(file: BinaryIO, size: int) -> int | None:
    """The first frame of most encoders counts the bytes of the stream (Xing, Info)."""
    head = file.read(10)
    start = 0
    if head[:3] == b"ID3":
        start = 10 + sum((byte & 127) << 7 * (3 - i) for i, byte in enumerate(head[6:10]))
    file.seek(start)
    head = file.read(256)
    mark = max(head.find(b"Xing"), head.find(b"Info"))
    if mark < 0:
        return None
    flags = struct.unpack(">I", head[mark + 4 : mark + 8])[0]
    if not flags & 2:
        return None
    place = mark + 8 + 4 * (flags & 1)
    size_of_stream: int = struct.unpack(">I", head[place : place + 4])[0]
    return start + size_of_stream


def _caf(file: BinaryIO, size: int) -> int | None:
    place = 8
    for _ in range(MAX_BOXES):
        file.seek(place)
        head = file.read(12)
        if len(head) < 12:
            break
        length = struct.unpack(">q", head[4:])[0]
        if length < 0:
            return None
        place += 12 + length
    return place


READERS = (
    (("wav", "avi", "aiff"), _riff),
    (("mov", "mp4", "m4a", "3gp", "3g2", "mj2"), _boxes),
    (("matroska", "webm"), _ebml),
    (("mp3",), _mp3),
    (("caf",), _caf),
)
