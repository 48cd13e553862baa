"""Pictures: anything Pillow reads safely, a PIL image or an array becomes (H, W, 3) uint8 RGB, upright and opaque.

See image_cost.py (the cost of decoding, and in which process it is done), image_decode.py, image_colour.py, image_tiff.py and pixels.py.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from fusion.media.bounded import run_bounded
from fusion.media.image_cost import APART_SECONDS, PILLOW_MEGAPIXELS, TooCostly
from fusion.media.image_decode import Small, decode, decode_apart, finish, load_small, quiet
from fusion.media.pixels import rgb_array, shrink
from fusion.media.source import UNNAMED, Encoded, Loaded, MediaError, is_encoded, name_of, opened

__all__ = ["load_image", "rgb_array"]


def load_image(source: object) -> Loaded[np.ndarray]:
    """Decode a picture.

    Args:
        source: a path, bytes, an open file, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Returns:
        (H, W, 3) uint8 RGB, contiguous, at most 2.5 megapixels.

    Raises:
        MediaError: not a picture, damaged, or more than 10 seconds or 500 MB could decode.
    """
    if is_encoded(source):
        return _from_file(source, name_of(source, "image"))
    name = UNNAMED["image"]
    if isinstance(source, Image.Image):
        return _from_pillow(source, name)
    array, notes = rgb_array(source, name, ndim=3)
    H, W = array.shape[:2]
    small = shrink(W, H, lambda top, bottom: Image.fromarray(array[top:bottom]))
    loaded = finish(Small(small, (W, H)), name)
    return Loaded(loaded.medium, (*notes, *loaded.notes))


def _from_file(source: Encoded, name: str) -> Loaded[np.ndarray]:
    with opened(source, "image") as file:
        try:
            return decode(file, name, here=True)
        except TooCostly:
            pixels, notes = run_bounded(decode_apart, file, name, name=name, seconds=APART_SECONDS)
            return Loaded(pixels, tuple(notes))


def _from_pillow(source: Image.Image, name: str) -> Loaded[np.ndarray]:
    """A picture that the caller has opened, maybe not decoded yet; it is not changed."""
    if source.width * source.height > PILLOW_MEGAPIXELS * 1_000_000:
        raise MediaError("{name} has more than {count} megapixels, which is too large.", name=name, count=PILLOW_MEGAPIXELS)
    with quiet():
        return finish(load_small(source, None, name, here=False), name)
