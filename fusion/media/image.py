"""Pictures: anything Pillow reads safely, a PIL image or an array becomes (H, W, 3) uint8 RGB, upright and opaque."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from fusion.media.source import UNNAMED, Loaded, MediaError, is_encoded, name_of, opened, refusal

MAX_PIXELS = 2_500_000  # what is handed on; a larger picture is scaled down, a JPEG while it is decoded: encoders read 224 pixels
MAX_JPEG_PIXELS = 178_000_000  # refused beyond; JPEG is scaled while decoding, and Pillow's own bomb guard stops just above
MAX_DECODED_PIXELS = 100_000_000  # refused beyond, for formats that have to be decoded whole before they are scaled

# Left out on purpose: EPS runs a program, WMF and FITS and HDF5 need handlers, the rest nobody uploads.
FORMATS = (
    *("PNG", "JPEG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "ICO", "ICNS", "PPM", "JPEG2000"),
    *("TGA", "QOI", "PCX", "PSD", "SGI", "DDS"),
)

TURNS = {  # EXIF orientation -> what turns the stored picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_warnings_lock = threading.Lock()


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns of broken metadata and large pictures; both are handled here. The filters are global, hence the lock."""
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def load_image(source: object) -> Loaded:
    """Decode a picture.

    Args:
        source: a path, bytes, an open file, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Returns:
        (H, W, 3) uint8 RGB, contiguous, at most 2.5 megapixels.

    Raises:
        MediaError: not a picture, damaged, or too large.
    """
    name = name_of(source, "image")
    if is_encoded(source):
        with opened(source, "image") as file, _quiet(), _open(file, name) as image:
            return _finish(image, name)
    if isinstance(source, Image.Image):
        with _quiet():
            return _finish(source, UNNAMED["image"])
    array, notes = rgb_array(source, UNNAMED["image"], ndim=3)
    image, scaled = _shrink(Image.fromarray(array), UNNAMED["image"])
    return Loaded(np.array(image) if scaled else array, (*notes, *scaled))


def _open(file: BinaryIO, name: str) -> Image.Image:
    """Read the header only, and refuse what would not fit in memory."""
    Image.init()  # or only the commonest formats are known; costs nothing the second time
    try:
        image = Image.open(file, formats=[kind for kind in FORMATS if kind in Image.OPEN])
    except Image.DecompressionBombError as error:
        raise MediaError(f"{name} has more than {MAX_JPEG_PIXELS // 10**6} megapixels, which is too large to decode.") from error
    except Exception as error:  # decoders raise nearly anything on hostile bytes
        channels = _tiff_channels(file)
        if channels > 4:
            raise MediaError(f"{name} has {channels} channels, but an image has 1 (grey), 3 (colour) or 4.") from error
        raise refusal(file, name, "image") from error
    pixels, limit = image.width * image.height, MAX_JPEG_PIXELS if image.format in ("JPEG", "MPO") else MAX_DECODED_PIXELS
    if pixels > limit:
        image.close()
        raise MediaError(f"{name} has {pixels // 10**6} megapixels, but the most a {image.format} file may have is {limit // 10**6}.")
    part = 1
    while pixels / part**2 > MAX_PIXELS:
        part *= 2
    if part > 1:  # only JPEG can do this, the others ignore it
        image.draft(None, (max(1, image.width // part), max(1, image.height // part)))
    image.info["stored size"] = (pixels, image.size)
    return image


def _tiff_channels(file: BinaryIO) -> int:
    """Samples per pixel of a TIFF that Pillow has no mode for; 0 where it is no TIFF."""
    try:
        file.seek(0)
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(8))
        file.seek(tags.next)
        tags.load(file)
        return int(tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 0))
    except Exception:
        return 0


def _finish(image: Image.Image, name: str) -> Loaded:
    """Decode, make it RGB, scale, turn upright."""
    notes = []
    if image.width * image.height > MAX_JPEG_PIXELS:
        raise MediaError(f"{name} has more than {MAX_JPEG_PIXELS // 10**6} megapixels, which is too large.")
    if not image.width or not image.height:
        raise MediaError(f"{name} has no pixels.")
    if _moves(image):
        notes.append(f"{name} has several pictures, so the first was used.")
    stored, drafted = image.info.pop("stored size", (0, image.size))
    if stored and stored > drafted[0] * drafted[1]:
        notes.append(f"{name} was scaled to {drafted[0]} x {drafted[1]} pixels.")
    try:
        image.load()
    except Exception as error:
        raise MediaError(f"{name} is damaged or cut short.") from error
    try:
        colour, made = _to_rgb(image, name)
        turn = TURNS.get(_orientation(image))
        pixels = np.array(colour if turn is None else colour.transpose(turn))
    except MediaError:
        raise
    except Exception as error:
        raise MediaError(f"{name} stores its colours in a way that cannot be read ({image.mode}).") from error
    return Loaded(pixels, (*notes, *made))


def _orientation(image: Image.Image) -> int | None:
    """How the camera was held; asked after decoding, because TIFF and AVIF are turned upright by then."""
    try:
        return image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # broken metadata beside good pixels
        return None


def _moves(image: Image.Image) -> bool:
    """True for an animation or several pages; the second picture of an MPO is only another view for 3-D screens."""
    try:
        return image.format != "MPO" and getattr(image, "n_frames", 1) > 1
    except Exception:  # counting reads the whole file, which may be broken behind the first picture
        return False


def _to_rgb(image: Image.Image, name: str) -> tuple[Image.Image, list[str]]:
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        grey, notes = to_uint8(np.asarray(image), name, bits=_grey_bits(image))
        small, scaled = _shrink(Image.fromarray(grey), name)
        return small.convert("RGB"), notes + scaled
    if image.has_transparency_data:
        small, scaled = _shrink(image.convert("RGBA"), name)
        colour, notes = _flatten(small, name)
        return colour, scaled + notes
    return _shrink(image if image.mode == "RGB" else image.convert("RGB"), name)


def _grey_bits(image: Image.Image) -> int | None:
    """How many bits of a grey value are used: Pillow keeps 12-bit TIFF in 16 bits as it is, and widens PGM to 16."""
    if image.mode.startswith("I;16"):
        bits = getattr(image, "tag_v2", {}).get(TiffImagePlugin.BITSPERSAMPLE, (16,))
        return int(bits[0] if isinstance(bits, tuple) else bits)
    return 16 if image.format in ("PPM", "PNG") and image.mode == "I" else None


def _shrink(image: Image.Image, name: str) -> tuple[Image.Image, list[str]]:
    factor = 1
    while image.width * image.height / factor**2 > MAX_PIXELS:
        factor += 1
    if factor == 1:
        return image, []
    image = image.reduce((min(factor, image.width), min(factor, image.height)))
    return image, [f"{name} was scaled to {image.width} x {image.height} pixels."]


def _flatten(image: Image.Image, name: str) -> tuple[Image.Image, list[str]]:
    """Put what is transparent on white, or on black where the visible part is so light that white would hide it."""
    low, high = image.getextrema()[3]
    if low == 255:
        return image.convert("RGB"), []
    ground = "white"
    if high:
        small = np.asarray(image.reduce(max(1, max(image.size) // 256)), np.float32)
        light = (small[..., :3] @ np.float32([0.299, 0.587, 0.114])) / 255
        ink = small[..., 3]
        ground = "black" if (light * ink).sum() > 0.8 * ink.sum() else "white"
    base = Image.new("RGBA", image.size, ground)
    base.alpha_composite(image)
    return base.convert("RGB"), [f"{name} has transparent parts, which were filled with {ground}."]


def rgb_array(source: object, name: str, ndim: int) -> tuple[np.ndarray, list[str]]:
    """Make an array of pixels RGB uint8.

    Args:
        source: (..., H, W), (..., H, W, 1), (..., H, W, 3) or (..., H, W, 4), with `ndim` axes when the channels are there.
        name: what a message calls it.
        ndim: 3 for a picture, 4 for the frames of a clip.

    Returns:
        (..., H, W, 3) uint8, contiguous, and the notes.
    """
    array = np.asarray(source)
    if array.ndim == ndim - 1:
        array = array[..., None]
    shape = "T H W 3" if ndim == 4 else "H W 3"
    if array.dtype.kind not in "buif":
        raise MediaError(f"{name} must be a path, bytes or an array of numbers ({shape}).")
    if array.ndim != ndim or array.shape[-1] not in (1, 3, 4):
        raise MediaError(f"{name} must have the shape {shape}, not {' '.join(map(str, np.shape(source))) or 'a single number'}.")
    if array.size == 0:
        raise MediaError(f"{name} has no pixels.")
    array, notes = to_uint8(array, name)
    if array.shape[-1] == 4:
        flat, H, W = array.reshape(-1, *array.shape[-2:]), array.shape[-3], array.shape[-2]  # frames below one another
        colour, filled = _flatten(Image.fromarray(np.ascontiguousarray(flat)), name)
        return np.array(colour).reshape(*array.shape[: ndim - 3], H, W, 3), notes + filled
    return np.array(np.broadcast_to(array, (*array.shape[:-1], 3)), order="C"), notes  # a copy: the caller keeps what is theirs


def to_uint8(values: np.ndarray, name: str, bits: int | None = None) -> tuple[np.ndarray, list[str]]:
    """Bring pixel values to 0-255.

    Args:
        values: any shape, any number type.
        name: what a message calls it.
        bits: bits in use, where a file says so; otherwise it follows from the type and the range.
    """
    if values.dtype == np.uint8:
        return values, []
    if values.dtype == bool:
        return values.astype(np.uint8) * 255, []
    notes = []
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        values = np.where(np.isfinite(values), values, 0)
        notes.append(f"{name} has values that are not numbers, which were taken as black.")
    low, high = float(values.min()), float(values.max())
    if bits is None and low >= -1e-3 and values.dtype.kind == "f":
        bits = 0 if high <= 1.001 else 8 if high <= 255 else None
    elif bits is None and low >= 0:
        bits = 8 if high <= 255 else 16 if high <= 65535 else None
    if bits is None:  # no convention fits: keep the order of the values
        notes.append(f"{name} has values from {low:g} to {high:g}, which were stretched to black and white.")
        scaled = (values.astype(np.float64) - low) * (255 / (high - low) if high > low else 0)
    else:
        if bits == 8 and values.dtype.kind == "f":
            notes.append(f"{name} has values above 1, so they were taken as 0 to 255.")
        scaled = values.astype(np.float32) * np.float32(255 / max(1, 2**bits - 1))
    return np.rint(scaled).clip(0, 255).astype(np.uint8), notes
