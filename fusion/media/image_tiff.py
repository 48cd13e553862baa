"""TIFF pictures that Pillow reads wrongly or not at all: other number types, planar layout, white as zero, 16-bit alpha.

Read by tifffile, which decodes uncompressed and Deflate files by itself, else by OpenCV. Only in a child process: neither has a limit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, BinaryIO

import cv2
import numpy as np
from PIL import Image, TiffImagePlugin

from fusion.media.image_cost import MOST_BYTES, TooCostly, nameless, size_of, too_large
from fusion.media.pixels import Scale, scale_of, shrink
from fusion.media.source import MediaError
from fusion.messages import Message

MIN_IS_WHITE, GREY, RGB, CMYK, YCBCR = 0, 1, 2, 5, 6
COLOURS = {MIN_IS_WHITE: 1, GREY: 1, RGB: 3, CMYK: 4, YCBCR: 3}  # samples of a pixel, alpha not counted
MODES = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA", (4, False): "CMYK"}
WORDS = {0: "grey (white is zero)", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK", 6: "YCbCr", 8: "Lab", 9: "Lab", 10: "Lab"}
UNITS = {1: "", 2: "signed ", 3: "float ", 4: ""}  # by the tag SampleFormat; complex numbers are no picture
ASSOCIATED, UNASSOCIATED = 1, 2  # alpha that has been multiplied into the colours, or not


@dataclass(frozen=True)
class Layout:
    """How a TIFF stores its first picture, by its tags."""

    photometric: int
    bits: tuple[int, ...]
    number: int  # 1 unsigned, 2 signed, 3 float
    samples: int
    planar: bool
    packed: bool  # compressed in any way
    extra: tuple[int, ...]

    @property
    def words(self) -> str:
        bits = "/".join(map(str, sorted(set(self.bits))))
        number = UNITS.get(self.number, "complex ")
        colours = WORDS.get(self.photometric, "unknown colours")
        return f"{bits}-bit {number}{colours}{', planar' if self.planar else ''}"


def layout_of(tags: TiffImagePlugin.ImageFileDirectory_v2) -> Layout:
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    numbers = tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    return Layout(
        photometric=int(tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION, 0)),
        bits=tuple(map(int, bits)),
        number=int(max(numbers)),
        samples=int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1)),
        planar=tags.get(TiffImagePlugin.PLANAR_CONFIGURATION, 1) == 2,
        packed=tags.get(TiffImagePlugin.COMPRESSION, 1) != 1,
        extra=tuple(map(int, tags.get(TiffImagePlugin.EXTRASAMPLES, ()))),
    )


def read_layout(file: BinaryIO) -> Layout | None:
    """The layout of a TIFF that Pillow does not open; None where it is no TIFF or its tags are broken."""
    try:
        return layout_of(_read_tags(file))
    except (TooCostly, MemoryError):
        raise
    except Exception:
        return None


def _read_tags(file: BinaryIO) -> TiffImagePlugin.ImageFileDirectory_v2:
    file.seek(0)
    head = file.read(8)
    if 43 in head[2:4]:  # BigTIFF
        head += file.read(8)
    tags = TiffImagePlugin.ImageFileDirectory_v2(head)
    file.seek(tags.next)
    tags.load(file)
    return tags


def is_unusual(layout: Layout) -> bool:
    """True for layouts that Pillow would read wrongly."""
    if layout.number in (2, 3):
        return True
    if layout.photometric == YCBCR:
        return not layout.packed
    if max(layout.bits) <= 8:
        return layout.planar and layout.photometric not in (GREY, RGB)
    plain = layout.photometric in (RGB, CMYK) and max(layout.bits) == 16
    grey = layout.photometric == GREY and max(layout.bits) in (12, 16) and layout.samples == 1
    return layout.planar or not (plain or grey)


@dataclass(frozen=True)
class Decoded:
    """A picture of mode L, LA, RGB, RGBA or CMYK, scaled down, in the orientation of its file."""

    image: Image.Image
    stored: tuple[int, int]  # width and height in the file
    profile: bytes | None
    orientation: int | None
    notes: list[Message]


def check_layout(name: str, layout: Layout) -> None:
    """Refuse layouts that no decoder here supports, before anything is decoded.

    Raises:
        MediaError: one sentence that names the format.
    """
    colours = COLOURS.get(layout.photometric)
    if layout.samples > 4 and (colours is None or layout.samples > colours + len(layout.extra)):
        raise MediaError("{name} has {count} channels, but an image has 1 (grey), 3 (colour) or 4.", name=name, count=layout.samples)
    if colours is None or layout.samples < colours or max(layout.bits) > 64 or layout.number not in UNITS:
        raise unreadable(name, layout)


def unreadable(name: str, layout: Layout) -> MediaError:
    return MediaError(
        "{name} is a TIFF image that is damaged or of a kind that cannot be read here ({format}).", name=name, format=layout.words
    )


def read_tiff(file: BinaryIO, name: str, layout: Layout) -> Decoded:
    """Decode the first picture.

    Raises:
        MediaError: one sentence that names the format.
    """
    try:
        pixels, profile, orientation = _by_tifffile(file, name, layout)
    except (MediaError, MemoryError):
        raise
    except Exception:  # an unsupported codec or layout, or damage
        profile = orientation = None
        pixels = _by_opencv(file, name, layout)
    if pixels is None:
        raise unreadable(name, layout)
    image, notes = _to_image(pixels, name, layout)
    return Decoded(image, (pixels.shape[1], pixels.shape[0]), profile, orientation, notes)


def _check(name: str, shape: tuple[int, ...], itemsize: int) -> None:
    """Refuse a picture whose values, with one copy for reordering planes or bytes, exceed the limit."""
    H, W = shape[:2]
    need = 2.1 * float(np.prod(shape, dtype=np.float64)) * itemsize
    if need > MOST_BYTES:
        raise MediaError(too_large(name, H * W, need, "TIFF"))


def _by_tifffile(file: BinaryIO, name: str, layout: Layout) -> tuple[np.ndarray | None, bytes | None, int | None]:
    """(H, W, C) of the file's own number type."""
    import tifffile  # only for these files

    logging.getLogger("tifffile").disabled = True
    file.seek(0)
    with tifffile.TiffFile(nameless(file), name="picture.tif") as opened:
        page = opened.pages[0]
        if not isinstance(page, tifffile.TiffPage) or page.photometric == YCBCR or page.imagedepth != 1 or page.dtype is None:
            raise ValueError("left to OpenCV")
        _check(name, (page.imagelength, page.imagewidth, page.samplesperpixel), page.dtype.itemsize)
        pixels = page.asarray()
        orientation = page.tags.valueof(0x0112)
        profile = page.iccprofile
    shape = (page.samplesperpixel, page.imagelength, page.imagewidth)
    pixels = np.moveaxis(pixels.reshape(shape), 0, -1) if layout.planar else pixels.reshape(*shape[1:], shape[0])
    if not isinstance(profile, bytes):
        profile = None
    if not isinstance(orientation, int):
        orientation = None
    return pixels, profile, orientation


def _by_opencv(file: BinaryIO, name: str, layout: Layout) -> np.ndarray | None:
    """(H, W, C), or None: OpenCV confuses planes, does not read 16-bit CMYK, and may drop samples silently."""
    if layout.planar or layout.photometric == CMYK or size_of(file) > MOST_BYTES / 4:
        return None
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    _check(name, _opencv_size(file), max(1, max(layout.bits) // 8) * max(3, layout.samples))
    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None:
        return None
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    if pixels.shape[2] >= 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    if layout.photometric == YCBCR:
        return pixels
    return pixels if pixels.shape[2] == layout.samples and pixels.dtype.itemsize * 8 == max(layout.bits) else None


def _opencv_size(file: BinaryIO) -> tuple[int, int, int]:
    tags = _read_tags(file)
    return int(tags.get(TiffImagePlugin.IMAGELENGTH, 0)), int(tags.get(TiffImagePlugin.IMAGEWIDTH, 0)), 1


def _to_image(pixels: np.ndarray, name: str, layout: Layout) -> tuple[Image.Image, list[Message]]:
    """(H, W, C) of any number type as a small picture."""
    colours = COLOURS[layout.photometric]
    alpha = next((place for place, kind in enumerate(layout.extra) if kind in (ASSOCIATED, UNASSOCIATED)), None)
    if colours == 4:
        alpha = None
    H, W = pixels.shape[:2]
    rows = max(1, 2_000_000 // W)
    bands = (pixels[top : top + rows, :, :colours] for top in range(0, H, rows))
    scale = scale_of(bands, pixels.dtype, name, _bits(pixels, layout))
    whole = _full(pixels.dtype)
    mode = MODES[colours, alpha is not None]

    def band(top: int, bottom: int) -> Image.Image:
        part = scale(pixels[top:bottom, :, :colours])
        if layout.photometric == MIN_IS_WHITE:
            part = 255 - part
        if alpha is not None:
            cover = whole(pixels[top:bottom, :, colours + alpha : colours + alpha + 1])
            if layout.extra[alpha] == ASSOCIATED:
                part = np.rint(part * (255 / np.maximum(cover, 1).astype(np.float32))).clip(0, 255).astype(np.uint8)
            part = np.concatenate([part, cover], 2)
        return Image.fromarray(np.ascontiguousarray(part[..., 0] if mode == "L" else part), mode)

    return shrink(W, H, band), list(scale.notes)


def _bits(pixels: np.ndarray, layout: Layout) -> int | None:
    """Bits in use where the type determines them: all of unsigned 8 and 16, one less of signed ones without negative values."""
    kind = pixels.dtype
    if kind.kind == "u" and kind.itemsize <= 2:
        return max(layout.bits)
    if kind.kind == "i" and kind.itemsize <= 2 and pixels.min() >= 0 and (kind.itemsize == 1 or pixels.max() > 255):
        return 8 * kind.itemsize - 1
    return None


def _full(kind: np.dtype[Any]) -> Scale:
    """The scale of alpha, which uses the whole range of its type, or 0 to 1."""
    if kind == np.uint8:
        return Scale()
    return Scale(gain=255.0 if kind.kind == "f" else 255 / np.iinfo(kind).max)
