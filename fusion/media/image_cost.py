"""Estimates the cost of decoding a picture from its header, which decides in which process it is decoded, or that it is refused.

A picture may cost 10 seconds of processor time and 500 MB. Cheap ones are decoded in this process, the rest in a child process that can
be killed (bounded.py), and what cannot fit is refused before it is decoded.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import BinaryIO, cast

from PIL import Image, ImageFile, Jpeg2KImagePlugin, TiffImagePlugin

from fusion.media.pixels import MAX_PIXELS
from fusion.media.source import MediaError
from fusion.messages import Message, message

HERE_BYTES = 100_000_000  # decoded in this process up to here
MOST_BYTES = 340_000_000  # refused beyond: 500 MB less what the processes need besides
PILLOW_MEGAPIXELS = 178  # beyond which Pillow opens nothing
HERE_FILE_BYTES = 32_000_000
HERE_SECONDS = 2.0  # of this thread, when the header has promised less
APART_SECONDS = 7.5
HERE_SCANS = 256_000_000  # pixels times scans of a progressive JPEG
HERE_PROFILE_BYTES = 1 << 16
MAX_PROFILE_BYTES = 1 << 22

STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}  # bytes of a pixel in Pillow; 4 in other modes
# Times these bytes that the decoder needs at its peak, measured with Pillow 12; 2 in other formats.
TIMES = {"PNG": 1.1, "BMP": 1.1, "DIB": 1.1, "TIFF": 1.1, "TGA": 1.1, "PPM": 1.1}
NAMES = {"JPEG2000": "JPEG 2000", "MPO": "JPEG"}
INNER = (b"\0\0\1\0", b"icns")  # icons: Pillow decodes the pictures inside on opening, whatever their size
PLAIN_TIFF = ("raw", "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "tiff_ccitt", "group3", "group4")


class TooCostly(Exception):
    """Not to be decoded in this process; never leaves the media layer."""


@dataclass(frozen=True)
class Cost:
    """`peak` bytes of memory for so many pixels; `kind` says what decides, such as "progressive JPEG"."""

    peak: float
    kind: str
    cheap: bool = True  # in time, as far as the header can say


class Nameless:
    """An open file without its name and descriptor, so that the format is detected by content alone."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        return self.file.read(size)


class Metered(Nameless):
    """An open file for decoding in this process; reading raises `TooCostly` when it takes too long or reads too much.

    Decoders read in small pieces, so this also ends loops over millions of tiny parts of a file.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file)
        self.left = 3 * size + (1 << 20)  # bytes; some headers are read more than once
        self.end = time.thread_time() + HERE_SECONDS

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0 or time.thread_time() > self.end:
            raise TooCostly
        return data


def nameless(file: BinaryIO) -> BinaryIO:
    """The file as `Nameless`, which has all that decoders call."""
    return cast(BinaryIO, Nameless(file))


def metered(file: BinaryIO, size: int) -> BinaryIO:
    """The file as `Metered`, which has all that decoders call."""
    return cast(BinaryIO, Metered(file, size))


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file; keeps its position."""
    place = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(place)
    return size


def plan(image: Image.Image, file: BinaryIO, name: str, here: bool) -> None:
    """Set the decoder to a smaller size where possible, and check the cost of the rest.

    Args:
        image: opened, not decoded; its decoder is set to a smaller size where the format allows it.
        file: what it is read from.
        name: what a message calls it.
        here: True in the caller's process, False in a child process that can be killed.

    Raises:
        TooCostly: it must be decoded in a child process.
        MediaError: it must not be decoded at all.
    """
    pixels = image.width * image.height
    cost = COSTS.get(image.format or "", _plain)(image, file)
    if cost.peak > MOST_BYTES:
        raise MediaError(too_large(name, pixels, cost.peak, cost.kind))
    if here and (cost.peak > HERE_BYTES or not cost.cheap or len(image.info.get("icc_profile") or b"") > HERE_PROFILE_BYTES):
        raise TooCostly


def too_large(name: str, pixels: int, peak: float, kind: str) -> Message:
    """The sentence for a picture that needs `peak` bytes."""
    limit = int(pixels * MOST_BYTES / peak / 1e6)
    return message(
        "{name} has {count} megapixels, but the limit for {kind} files like it is {limit}.",
        name=name,
        count=math.ceil(pixels / 1e6),
        kind=kind,
        limit=limit,
    )


def _plain(image: Image.Image, file: BinaryIO) -> Cost:
    format = image.format or "picture"
    kind = NAMES.get(format, format)
    each = STORED.get(image.mode, 4) * TIMES.get(format, 2)
    return Cost(image.width * image.height * each, kind)


def _avif(image: Image.Image, file: BinaryIO) -> Cost:
    """The stored planes, the RGB pixels and a copy of these, and the whole file."""
    return Cost(image.width * image.height * (8.2 + _plane_bytes(file)) + 2 * size_of(file), "AVIF")


def _plane_bytes(file: BinaryIO) -> float:
    """Bytes that the decoded planes of an AVIF have for each pixel, by the boxes that describe its coding (av1C)."""
    place = file.tell()
    file.seek(0)
    head = file.read(1 << 16)
    file.seek(place)
    most = 0.0
    at = head.find(b"av1C")
    while 0 <= at < len(head) - 6:
        flags = head[at + 6]
        sample = 2 if flags & 0x40 else 1  # more than 8 bits
        chroma = 0.0 if flags & 0x10 else 2 / ((1 + (flags >> 3 & 1)) * (1 + (flags >> 2 & 1)))
        most = max(most, sample * (1 + chroma))
        at = head.find(b"av1C", at + 4)
    return most or 6.0


def _webp(image: Image.Image, file: BinaryIO) -> Cost:
    """Pillow keeps four canvases of 4 bytes; a large still picture is decoded by OpenCV instead, which keeps less."""
    pixels = image.width * image.height
    copies = 2 * size_of(file)
    if not needs_opencv(image):
        return Cost(pixels * 16.5 + copies, "WebP")
    file.seek(0)
    each = 6.4 if b"VP8 " in file.read(1 << 16) else 7.6  # lossy or lossless
    return Cost(pixels * (each if image.mode == "RGB" else each + 1) + copies, "WebP")


def needs_opencv(image: Image.Image) -> bool:
    """True for a WebP that Pillow cannot decode within the budget."""
    still = getattr(image, "n_frames", 1) == 1
    return image.format == "WEBP" and still and image.width * image.height * 16.5 > MOST_BYTES


def _jpeg(image: Image.Image, file: BinaryIO) -> Cost:
    """A baseline JPEG is scaled while it is decoded; with several scans all coefficients are kept until the last one."""
    pixels = image.width * image.height
    part = 1
    while pixels / part**2 > MAX_PIXELS:
        part *= 2
    parts = getattr(image, "layer", [])
    several = _has_several_scans(image, len(parts))
    progressive = bool(image.info.get("progressive"))
    if part > 1:
        image.draft(None, (max(1, image.width // part), max(1, image.height // part)))
    peak = 4 * image.width * image.height + 10e6
    if several:
        most = max((h * v for _, h, v, _ in parts), default=1)
        peak += 2 * pixels * sum(h * v for _, h, v, _ in parts) / most
    scans = _count(file, b"\xff\xda") if several else 1
    return Cost(peak, message("progressive JPEG") if progressive else "JPEG", cheap=scans * pixels <= HERE_SCANS)


def _has_several_scans(image: Image.Image, parts: int) -> bool:
    """False where all components come in one scan; Pillow has read the file up to the end of the first scan's header."""
    file = image.fp if isinstance(image, ImageFile.ImageFile) else None
    if image.info.get("progressive") or not file:
        return True
    header = 8 + 2 * parts
    place = file.tell()
    file.seek(max(0, place - header))
    start = file.read(header)
    file.seek(place)
    return start[:5] != b"\xff\xda" + bytes((0, header - 2, parts))


def _count(file: BinaryIO, mark: bytes) -> int:
    """How often two bytes occur in a file; keeps its position."""
    place = file.tell()
    count = 0
    last = b""
    file.seek(0)
    while block := file.read(1 << 20):
        count += block.count(mark) + ((last + block[:1]) == mark)
        last = block[-1:]
    file.seek(place)
    return count


def _jpeg2000(image: Image.Image, file: BinaryIO) -> Cost:
    """The lower resolution levels of a JPEG 2000 are a smaller picture; its header says how many there are."""
    pixels = image.width * image.height
    per_pixel = 6.5 * len(image.getbands())
    levels = _levels(file)
    reduce = 0
    while reduce < levels and pixels / 4**reduce > MAX_PIXELS:
        reduce += 1
    if reduce and isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        image.reduce = reduce
    return Cost(pixels / 4**reduce * per_pixel + 0.5 * pixels + 10e6, NAMES["JPEG2000"], cheap=pixels < 6_000_000)


def _levels(file: BinaryIO) -> int:
    """Decomposition levels by the marker COD of the main header; 0 where it is not found."""
    place = file.tell()
    file.seek(0)
    head = file.read(1 << 16)
    file.seek(place)
    start = head.find(b"\xff\x4f\xff\x51")  # start of codestream, image size
    code = head.find(b"\xff\x52", start) if start >= 0 else -1
    return min(head[code + 9], 32) if 0 <= code < len(head) - 9 else 0


def _tiff(image: Image.Image, file: BinaryIO) -> Cost:
    """A strip or tile may be larger than the picture; rotating a picture needs a second copy."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return _plain(image, file)
    tags = image.tag_v2
    tile = int(tags.get(TiffImagePlugin.TILEWIDTH, 0)) * int(tags.get(TiffImagePlugin.TILELENGTH, 0))
    depth = sum(tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) / 8
    pixels = image.width * image.height
    copies = 1 if tags.get(0x0112, 1) == 1 else 2
    peak = pixels * STORED.get(image.mode, 4) * 1.1 * copies + tile * depth
    return Cost(peak, "TIFF", cheap=image.info.get("compression") in PLAIN_TIFF)


COSTS = {"JPEG": _jpeg, "MPO": _jpeg, "JPEG2000": _jpeg2000, "TIFF": _tiff, "WEBP": _webp, "AVIF": _avif}
