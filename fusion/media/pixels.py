"""Pixel values: scaling any number type to 0-255, reducing large pictures band by band, filling transparent parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from fusion.media.source import MediaError
from fusion.messages import Message, message

MAX_PIXELS = 2_500_000  # what is handed on; encoders read 224 pixels
BAND_PIXELS = 2_000_000  # converted at a time, so that a large picture is never held twice


@dataclass(frozen=True)
class Scale:
    """How values are mapped to 0-255: (value - low) * gain; values that are not finite count as 0."""

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
        scaled: np.ndarray = values.astype(exact)
        if values.dtype.kind == "f":
            scaled[~np.isfinite(scaled)] = 0
        np.subtract(scaled, exact(self.low), out=scaled)  # in place: pictures may be large
        np.multiply(scaled, exact(self.gain), out=scaled)
        np.rint(scaled, out=scaled)
        return scaled.clip(0, 255, out=scaled).astype(np.uint8)


def scale_of(bands: Iterable[np.ndarray], kind: np.dtype[Any], name: str, bits: int | None = None) -> Scale:
    """Find the scale that maps values to 0-255.

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
    low, high = math.inf, -math.inf
    notes: list[Message] = []
    for band in bands:
        finite = band
        if kind.kind == "f" and not np.isfinite(band).all():
            finite = np.where(np.isfinite(band), band, 0)
            notes = [message("{name} has values that are not numbers, which were taken as black.", name=name)]
        low = min(low, float(finite.min()))
        high = max(high, float(finite.max()))
    bits = _bits_of_range(low, high, kind.kind == "f")
    if bits is None:  # no convention fits: keep the order of the values
        notes.append(
            message("{name} has values from {low:g} to {high:g}, which were stretched to black and white.", name=name, low=low, high=high)
        )
        return Scale(low, 255 / (high - low) if high > low else 0.0, tuple(notes))
    if bits == 8 and kind.kind == "f":
        notes.append(message("{name} has values above 1, so they were taken as 0 to 255.", name=name))
    return Scale(gain=255 / max(1, 2**bits - 1), notes=tuple(notes))


def _bits_of_range(low: float, high: float, is_float: bool) -> int | None:
    """Bits that values from `low` to `high` use by convention: 0 for floats in [0, 1], else 8 or 16; None where no convention fits."""
    if low < (-1e-3 if is_float else 0):
        return None
    if is_float and high <= 1.001:
        return 0
    if high <= 255:
        return 8
    return 16 if high <= 65535 and not is_float else None


def to_uint8(values: np.ndarray, name: str, bits: int | None = None) -> tuple[np.ndarray, list[Message]]:
    """Scale pixel values to 0-255.

    Args:
        values: any shape, any number type.
        name: what a message calls it.
        bits: bits in use, where a file says so; otherwise it follows from the type and the range.
    """
    scale = scale_of([values], values.dtype, name, bits)
    return scale(values), list(scale.notes)


def factors(width: int, height: int) -> tuple[int, int]:
    """Integer factors by which width and height are reduced to at most `MAX_PIXELS`; equal unless one side is very short."""
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
    first = rows(0, min(step, height)).reduce((across, down))
    small = Image.new(first.mode, (first.width, math.ceil(height / down)))
    small.paste(first, (0, 0))
    for top in range(step, height, step):
        small.paste(rows(top, min(top + step, height)).reduce((across, down)), (0, top // down))
    return small


def choose_background(small: np.ndarray) -> Message:
    """White, or black where the visible parts of (..., 4) are so light that white would hide them."""
    small = small.astype(np.float32)
    light = (small[..., :3] @ np.array([0.299, 0.587, 0.114], np.float32)) / 255
    alpha = small[..., 3]
    return message("black") if (light * alpha).sum() > 0.8 * alpha.sum() else message("white")


def flatten(image: Image.Image, name: str) -> tuple[Image.Image, list[Message]]:
    """Composite an RGBA picture on white, or on black where the visible part is so light that white would hide it."""
    alpha = image.getextrema()[-1]
    assert isinstance(alpha, tuple), "a picture of several channels has a pair for each"
    low, high = alpha
    if low == 255:
        return image.convert("RGB"), []
    ground = choose_background(np.asarray(image.reduce(max(1, max(image.size) // 256)))) if high else message("white")
    base = Image.new("RGBA", image.size, ground)
    base.alpha_composite(image)
    return base.convert("RGB"), [message("{name} has transparent parts, which were filled with {ground}.", name=name, ground=ground)]


def rgb_array(source: object, name: str, ndim: int) -> tuple[np.ndarray, list[Message]]:
    """Convert an array of pixels to RGB uint8.

    Args:
        source: (..., H, W), (..., H, W, 1), (..., H, W, 3) or (..., H, W, 4), with `ndim` axes when the channels are there.
        name: what a message calls it.
        ndim: 3 for a picture, 4 for the frames of a clip.

    Returns:
        (..., H, W, 3) uint8, contiguous, and the notes.
    """
    array = np.asarray(source)
    given = array.shape
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
            found=" ".join(map(str, given)) or message("a single number"),
        )
    if array.size == 0:
        raise MediaError("{name} has no pixels.", name=name)
    array, notes = to_uint8(array, name)
    if array.shape[-1] == 4:
        *frames, H, W, _ = array.shape
        flat = array.reshape(-1, W, 4)  # all frames below one another
        colour, filled = flatten(Image.fromarray(np.ascontiguousarray(flat)), name)
        return np.array(colour).reshape(*frames, H, W, 3), notes + filled
    return np.array(np.broadcast_to(array, (*array.shape[:-1], 3)), order="C"), notes  # a copy: not the array of the caller
