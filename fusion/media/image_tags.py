"""Detects decompression bombs in EXIF tags: a thousand tags may point to the same megabyte, and Pillow copies it for each of them."""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

HERE_TAG_BYTES = 32_000_000  # copied in this process up to here
HEAD_BYTES = 1 << 18  # usual files have their tags in here
MAX_PARTS = 5000  # segments or chunks
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two with 64-bit sizes
STARTS = (re.compile(rb"II[*+]\0"), re.compile(rb"MM\0[*+]"))


def has_heavy_tags(file: BinaryIO) -> bool:
    """True where tags claim more than `HERE_TAG_BYTES` in all, or too many parts of the file may hold some."""
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if head.startswith(TIFF_STARTS):  # its tags are metered as they are read
        return False
    data = _jpeg_head(head) if head.startswith(b"\xff\xd8") else None
    if data is None:
        data = head + file.read()
        if data.startswith(b"\x89PNG"):
            data = _png_chunks(data)
        elif data.startswith(b"\xff\xd8"):
            data = _jpeg_head(data)
    if data is None or b"Raw profile type exif" in data:  # tags in a coding of their own
        return True
    starts = [match.start() for pattern in STARTS for match in pattern.finditer(data)]
    return len(starts) > 64 or sum(_claimed(data, start) for start in starts) > HERE_TAG_BYTES


def _jpeg_head(data: bytes) -> bytes | None:
    """All before the pixels; None where they do not begin in this part of the file."""
    at = 2
    for _ in range(MAX_PARTS):
        if len(data) < at + 4 or data[at] != 0xFF:
            return None
        if data[at + 1] == 0xDA:
            return data[:at]
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4])
    return None


def _png_chunks(data: bytes) -> bytes | None:
    """The chunks that hold no pixels; None where there are too many."""
    parts: list[bytes] = []
    at = 8
    for _ in range(MAX_PARTS):
        if len(data) < at + 8:
            return b"".join(parts)
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if data[at + 4 : at + 8] not in (b"IDAT", b"fdAT"):
            parts.append(data[at:end])
        at = end
    return None


def _claimed(data: bytes, start: int) -> int:
    """Bytes of all values of the first directory of tags that begins here."""
    order = "<" if data[start : start + 1] == b"I" else ">"
    if data[start : start + 4] in TIFF_STARTS[2:]:
        return HERE_TAG_BYTES + 1  # no camera writes these
    head = data[start + 4 : start + 8]
    if len(head) < 4:
        return 0
    at = start + struct.unpack(order + "I", head)[0]
    count = data[at : at + 2]
    if len(count) < 2:
        return 0
    (entries,) = struct.unpack(order + "H", count)
    table = data[at + 2 : at + 2 + 12 * entries]
    table = table[: len(table) // 12 * 12]
    return sum(min(8 * number, len(data)) for _, _, number, _ in struct.iter_unpack(order + "HHII", table))
