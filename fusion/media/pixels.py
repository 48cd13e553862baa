"""Values of pixels: numbers of any type become 0-255, large pictures become small band by band, transparent parts are filled."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from fusion.media.source import MediaError
from fusion.messages import Message, message

MAX_PIXELS = 2_500_000  # what is handed on; encoders read 224 pixels
BAND_PIXELS = 2_000_000  # converted at a time, so that a large picture is never held twice


@dataclass(frozen=True)
class Scale:
    """How values become 0-255: (value - low) * gain; what is no number counts as 0."""

    low: float = 0.0
    gain: float = 1.0
    notes: tuple[Message, ...] = ()

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """(...) of any number type to uint8."""
        if values.dtype == np.uint8 and self.gain == 1:
            return values
        if values.dtype == bool:
            return values.astype(np.uint8) * 255
        exact = np.float64 if values.dtype.itemsize > 4 or self.low else np.float32
        scaled = values.astype(exact)
        if values.dtype.kind == "f":
            scaled[~np.isfinite(scaled)] = 0
        scaled -= exact(self.low)
        scaled *= exact(self.gain)
        return np.rint(scaled, out=scaled).clip(0, 255, out=scaled).astype(np.uint8)


def scale_of(bands: Iterable[np.ndarray], kind: np.dtype, name: str, bits: int | None = None) -> Scale:
    """Find the scale of values.

    Args:
        bands: the values in any number of parts; read only where the type alone does not say their range.
        kind: their type.
        name: what a message calls the medium.
        bits: bits in use, where a file says so; otherwise it follows from the type and the range.
    """
    if kind.kind == "b" or (kind == np.uint8 and bits in (None, 8)):
        return Scale()
    if bits is not None and kind.kind != "f":
        return Scale(gain=255 / max(1, 2**bits - 1))
    low, high, notes = math.inf, -math.inf, []
    for band in bands:
        finite = band
        if kind.kind == "f" and not np.isfinite(band).all():
            finite = np.where(np.isfinite(band), band, 0)
            notes = [message("{name} has values that are not numbers, which were taken as black.", name=name)]
        low, high = min(low, float(finite.min())), max(high, float(finite.max()))
    if low >= -1e-3 and kind.kind == "f":
        bits = 0 if high <= 1.001 else 8 if high <= 255 else None
    elif low >= 0:
        bits = 8 if high <= 255 else 16 if high <= 65535 else None
    if bits is None:  # no convention fits: keep the order of the values
        notes.append(
            message("{name} has values from {low:g} to {high:g}, which were stretched to black and white.", name=name, low=low, high=high)
        )
        return Scale(low, 255 / (high - low) if high > low else 0.0, tuple(notes))
    if bits == 8 and kind.kind == "f":
        notes.append(message("{name} has values above 1, so they were taken as 0 to 255.", name=name))
    return Scale(gain=255 / max(1, 2**bits - 1), notes=tuple(notes))


def to_uint8(values: np.ndarray, name: str, bits: int | None = None) -> tuple[np.ndarray, list[Message]]:
    """Bring pixel values to 0-255.

    Args:
        values: any shape, any number type.
        name: what a message calls it.
        bits: bits in use, where a file says so; otherwise it follows from the type and the range.
    """
    scale = scale_of([values], values.dtype, name, bits)
    return scale(values), list(scale.notes)


def factors(width: int, height: int) -> tuple[int, int]:
    """By how much width and height are divided to keep to `MAX_PIXELS`; the same number where neither side is very short."""
    factor = 1
    while math.ceil(width / min(factor, width)) * math.ceil(height / min(factor, height)) > MAX_PIXELS:
        factor += 1
    return min(factor, width), min(factor, height)


def shrink(width: int, height: int, rows: Callable[[int, int], Image.Image]) -> Image.Image:
    """A picture of at most `MAX_PIXELS`, made from bands of a larger one by averaging blocks of pixels.

    Args:
        width, height: of the whole picture.
        rows: gives the rows from one to another (not included) as a picture of any mode that can be averaged.
    """
    across, down = factors(width, height)
    if across == down == 1:
        return rows(0, height)
    step = down * max(1, BAND_PIXELS // (width * down))
    small = None
    for top in range(0, height, step):
        band = rows(top, min(top + step, height)).reduce((across, down))
        if small is None:
            small = Image.new(band.mode, (band.width, math.ceil(height / down)))
        small.paste(band, (0, top // down))
    return small


def choose_ground(small: np.ndarray) -> Message:
    """White, or black where the visible parts of (..., 4) are so light that white would hide them."""
    small = small.astype(np.float32)
    light = (small[..., :3] @ np.float32([0.299, 0.587, 0.114])) / 255
    ink = small[..., 3]
    return message("black") if (light * ink).sum() > 0.8 * ink.sum() else message("white")


def flatten(image: Image.Image, name: str) -> tuple[Image.Image, list[Message]]:
    """Put what is transparent on white, or on black where the visible part is so light that white would hide it."""
    low, high = image.getextrema()[3]
    if low == 255:
        return image.convert("RGB"), []
    ground = choose_ground(np.asarray(image.reduce(max(1, max(image.size) // 256)))) if high else message("white")
    base = Image.new("RGBA", image.size, ground)
    base.alpha_composite(image)
    return base.convert("RGB"), [message("{name} has transparent parts, which were filled with {ground}.", name=name, ground=ground)]


def rgb_array(source: object, name: str, ndim: int) -> tuple[np.ndarray, list[Message]]:
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
        raise MediaError("{name} must be a path, bytes or an array of numbers ({shape}).", name=name, shape=shape)
    if array.ndim != ndim or array.shape[-1] not in (1, 3, 4):
        raise MediaError(
            "{name} must have the shape {shape}, not {found}.",
            name=name,
            shape=shape,
            found=" ".join(map(str, np.shape(source))) or message("a single number"),
        )
    if array.size == 0:
        raise MediaError("{name} has no pixels.", name=name)
    array, notes = to_uint8(array, name)
    if array.shape[-1] == 4:
        flat, H, W = array.reshape(-1, *array.shape[-2:]), array.shape[-3], array.shape[-2]  # frames below one another
        colour, filled = flatten(Image.fromarray(np.ascontiguousarray(flat)), name)
        return np.array(colour).reshape(*array.shape[: ndim - 3], H, W, 3), notes + filled
    return np.array(np.broadcast_to(array, (*array.shape[:-1], 3)), order="C"), notes  # a copy: the caller keeps what is theirs
