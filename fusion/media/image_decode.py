"""Decodes an opened file to (H, W, 3) uint8: reads the header, decodes the first picture, scales it, converts colours, rotates it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageFile, TiffImagePlugin

from fusion.media.image_colour import apply_gamma, to_srgb
from fusion.media.image_cost import (
    HERE_FILE_BYTES,
    INNER,
    PILLOW_MEGAPIXELS,
    TooCostly,
    metered,
    needs_opencv,
    plan,
    size_of,
)
from fusion.media.image_tags import has_heavy_tags
from fusion.media.image_tiff import Layout, check_layout, is_unusual, layout_of, read_layout, read_tiff
from fusion.media.pixels import Scale, flatten, scale_of, shrink
from fusion.media.source import Loaded, MediaError, refusal
from fusion.messages import Message, message

# Left out on purpose: EPS runs a program, WMF, FITS and HDF5 need handlers, the rest is rare.
FORMATS = (
    *("PNG", "JPEG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "ICO", "ICNS", "PPM", "JPEG2000"),
    *("TGA", "QOI", "PCX", "PSD", "SGI", "DDS"),
)

TURNS = {  # EXIF orientation -> the transposition that makes the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

WIDER = {"L;2": 85, "L;4": 17}  # raw mode of a grey PNG -> factor that makes its values 8 bits

_warnings_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Pillow's warnings about broken metadata and large pictures, which are handled here. Filters are global, hence the lock."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@dataclass
class Small:
    """A decoded picture of few pixels, still in the colours and the orientation of its file."""

    image: Image.Image
    stored: tuple[int, int]  # width and height in the file
    profile: bytes | None = None
    orientation: int | None = None
    gamma: float | None = None
    notes: list[Message] = field(default_factory=list)


def decode(file: BinaryIO, name: str, here: bool) -> Loaded[np.ndarray]:
    """Decode the first picture of a file.

    Args:
        file: opened.
        name: what a message calls it.
        here: True in the caller's process, where only cheap pictures are decoded; False in a child process.

    Raises:
        TooCostly: it is too costly for this process.
        MediaError: not a picture, damaged, or too large.
    """
    size = size_of(file)
    if here and (size > HERE_FILE_BYTES or _is_risky(file)):
        raise TooCostly
    file.seek(0)
    read = metered(file, size) if here else file
    with quiet():
        image = _open(read, name)
        if isinstance(image, Layout):
            return finish(_unusual_tiff(read, name, image, here), name)
        with image:
            return finish(load_small(image, read, name, here), name)


def _is_risky(file: BinaryIO) -> bool:
    """True for files that Pillow would decode or copy on opening, before their size is known."""
    file.seek(0)
    return file.read(4) in INNER or has_heavy_tags(file)


def decode_apart(file: BinaryIO, name: str) -> tuple[np.ndarray, list[Message]]:
    """`decode` in a child process: pixels and notes."""
    loaded = decode(file, name, here=False)
    return loaded.medium, list(loaded.notes)


def _open(file: BinaryIO, name: str) -> ImageFile.ImageFile | Layout:
    """Read the header only: an image, or the layout of a TIFF that Pillow cannot read correctly."""
    Image.init()  # registers all formats; costs nothing the second time
    try:
        image = Image.open(file, formats=[kind for kind in FORMATS if kind in Image.OPEN])
    except Image.DecompressionBombError as error:
        raise MediaError(
            "{name} has more than {count} megapixels, which is too large to decode.", name=name, count=PILLOW_MEGAPIXELS
        ) from error
    except (TooCostly, MemoryError):
        raise
    except Exception as error:  # decoders raise nearly anything on malformed data
        if layout := read_layout(file):
            return layout
        raise refusal(file, name, "image") from error
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        layout = layout_of(image.tag_v2)
        if is_unusual(layout):
            return layout
    return image


def _unusual_tiff(file: BinaryIO, name: str, layout: Layout, here: bool) -> Small:
    check_layout(name, layout)
    if here:
        raise TooCostly
    tiff = read_tiff(file, name, layout)
    return Small(tiff.image, tiff.stored, tiff.profile, tiff.orientation, notes=tiff.notes)


def load_small(image: Image.Image, file: BinaryIO | None, name: str, here: bool) -> Small:
    """Decode an opened picture and make it small.

    Args:
        image: opened.
        file: what it is read from; None for a picture that the caller has opened, which must not be changed.
        name: what a message calls it.
        here: as in `decode`.
    """
    stored = image.size
    if not image.width or not image.height:
        raise MediaError("{name} has no pixels.", name=name)
    try:
        if file is not None:
            plan(image, file, name, here)
            if needs_opencv(image):
                return _by_opencv(image, file, name)
            _match_transparency(image)
        image.load()
    except (TooCostly, MediaError, MemoryError):
        raise
    except Image.DecompressionBombError as error:  # of a picture inside an icon
        raise MediaError(
            "{name} holds an image of more than {count} megapixels, which is too large to decode.", name=name, count=PILLOW_MEGAPIXELS
        ) from error
    except Exception as error:
        raise MediaError("{name} is damaged or cut short.", name=name) from error
    try:
        small, notes = _numbers(image, name) if _is_numeric(image) else (_colours(image), [])
    except (MediaError, MemoryError):
        raise
    except Exception as error:
        raise MediaError("{name} stores its colours in a way that cannot be read ({mode}).", name=name, mode=image.mode) from error
    info = image.info
    gamma = info.get("gamma") if image.format == "PNG" and "srgb" not in info and not info.get("icc_profile") else None
    loaded = Small(small, stored, info.get("icc_profile"), _orientation(image), gamma, notes)
    if _has_more(image, own=file is not None):
        loaded.notes.insert(0, message("{name} has several images, so the first was used.", name=name))
    return loaded


def _match_transparency(image: Image.Image) -> None:
    """Scale the transparent colour of a PNG like its pixels: Pillow stretches 2 and 4 bits to 8, and of 16 bits keeps the upper 8."""
    clear = image.info.get("transparency")
    tiles = image.tile if image.format == "PNG" and isinstance(image, ImageFile.ImageFile) else None
    stored = tiles[0].args if tiles else None
    if isinstance(stored, str) and stored in WIDER and isinstance(clear, int):
        image.info["transparency"] = clear * WIDER[stored]
    if stored == "RGB;16B" and isinstance(clear, tuple):
        image.info["transparency"] = tuple(value >> 8 for value in clear)


def _by_opencv(image: Image.Image, file: BinaryIO, name: str) -> Small:
    """A WebP of many megapixels."""
    alpha = image.mode == "RGBA"
    small = Small(image, image.size, image.info.get("icc_profile"), _orientation(image))
    file.seek(0)
    data = np.frombuffer(file.read(), np.uint8)
    image.close()  # frees the canvases of its decoder
    pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED if alpha else cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise MediaError("{name} is damaged or cut short.", name=name)
    order = [2, 1, 0, 3] if alpha else [0, 1, 2]
    H, W = pixels.shape[:2]
    small.image = shrink(W, H, lambda top, bottom: Image.fromarray(np.ascontiguousarray(pixels[top:bottom][..., order])))
    return small


def finish(small: Small, name: str) -> Loaded[np.ndarray]:
    """Convert to sRGB, fill transparent parts and rotate upright: (H, W, 3) uint8."""
    image = to_srgb(small.image, small.profile)
    image, notes = apply_gamma(image, small.gamma, name)
    if image.mode == "RGBA":
        image, filled = flatten(image, name)
        notes += filled
    turn = TURNS.get(small.orientation or 1)
    image = image if turn is None else image.transpose(turn)
    if small.image.size not in (small.stored, small.stored[::-1]):
        notes = [message("{name} was scaled to {width} x {height} pixels.", name=name, width=image.width, height=image.height), *notes]
    return Loaded(np.array(image), (*small.notes, *notes))


def _orientation(image: Image.Image) -> int | None:
    """EXIF orientation; read after decoding, because TIFF and AVIF are rotated by then."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken metadata beside good pixels
        return None


def _has_more(image: Image.Image, own: bool) -> bool:
    """True for an animation or several pages; layers and stereo views do not count.

    Called last: an `own` TIFF is left at its second page, since counting them would read the whole file.
    """
    if image.format in ("MPO", "PSD"):
        return False
    try:
        if not own or image.format != "TIFF":
            return bool(getattr(image, "is_animated", False))
        image.seek(1)
    except TooCostly:
        raise
    except Exception:
        return False
    return True


def _is_numeric(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or image.mode in ("I", "F")


def _rows(image: Image.Image, top: int, bottom: int) -> Image.Image:
    whole = top == 0 and bottom == image.height
    return image if whole else image.crop((0, top, image.width, bottom))


def _colours(image: Image.Image) -> Image.Image:
    """A small picture of mode L, LA, RGB, RGBA, CMYK or LAB."""

    def rows(top: int, bottom: int) -> Image.Image:
        band = _rows(image, top, bottom)
        if band.mode in ("LA", "RGBA", "CMYK"):
            return band
        if band.mode == "LAB":
            return to_srgb(band, None)
        alpha = "A" if image.has_transparency_data else ""
        return band.convert(("L" if band.mode in ("1", "L") else "RGB") + alpha)

    return shrink(image.width, image.height, rows)


def _numbers(image: Image.Image, name: str) -> tuple[Image.Image, list[Message]]:
    """Grey of more than 8 bits as a small picture of mode L, or LA where one value is transparent."""
    bits = _grey_bits(image)
    step = max(1, 2_000_000 // image.width)
    bands = (np.asarray(_rows(image, top, min(top + step, image.height))) for top in range(0, image.height, step))
    kind = np.asarray(image.crop((0, 0, 1, 1))).dtype
    scale: Scale = scale_of(bands, kind, name, bits)
    clear = image.info.get("transparency")

    def rows(top: int, bottom: int) -> Image.Image:
        values = np.asarray(_rows(image, top, bottom))
        grey = Image.fromarray(scale(values))
        if isinstance(clear, int):
            grey.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
        return grey

    return shrink(image.width, image.height, rows), list(scale.notes)


def _grey_bits(image: Image.Image) -> int | None:
    """Bits in use of a grey value: Pillow keeps the values of 12-bit TIFF in 16 bits, and scales PGM to 16 bits."""
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(TiffImagePlugin.BITSPERSAMPLE, (16,))
        return int(bits[0] if isinstance(bits, tuple) else bits)
    return 16 if image.format in ("PPM", "PNG") and image.mode == "I" else None
