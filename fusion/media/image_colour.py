"""Colour management: converts pixels by the ICC profile of their file to sRGB, on which the encoders were trained."""

from __future__ import annotations

import functools
import io

import numpy as np
from PIL import Image, ImageCms

from fusion.media.image_cost import MAX_PROFILE_BYTES
from fusion.messages import Message, message

SPACES = {"L": "GRAY", "LA": "GRAY", "RGB": "RGB", "RGBA": "RGB", "CMYK": "CMYK", "LAB": "Lab"}  # of a profile for each mode
CLASSES = ("mntr", "scnr", "prtr", "spac")  # profiles of devices and colour spaces
SAME = 2  # levels: a profile that changes no colour by more is sRGB under another name
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
SCREEN_GAMMA = 1 / 2.2
# Every combination of nine levels, as a picture of one column: what a profile does to these it does to all.
_levels = np.linspace(0, 255, 9).round().astype(np.uint8)
SAMPLES = np.stack(np.meshgrid(_levels, _levels, _levels, indexing="ij"), -1).reshape(-1, 1, 3)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Convert a picture to RGB or, with alpha, RGBA.

    Args:
        image: of mode L, LA, RGB, RGBA, CMYK or LAB; small, since this takes time per pixel.
        profile: ICC profile of its colours; one that is missing, broken, or of another kind of colour is left out.
    """
    kind = image.mode
    wanted = "RGBA" if kind in ("LA", "RGBA") else "RGB"
    if kind == "LAB":
        from_lab = _transform(None, "LAB", "RGB")
        assert from_lab is not None, "the built-in profiles are never broken"
        return _converted(image, from_lab)
    transform = None
    if profile and kind in SPACES and len(profile) <= MAX_PROFILE_BYTES:
        transform = _transform(bytes(profile), kind.removesuffix("A"), "RGB")
    if transform is None:
        return image if kind == wanted else image.convert(wanted)
    if wanted == "RGB":
        return _converted(image, transform)
    colour = _converted(image.convert(kind.removesuffix("A")), transform)
    colour.putalpha(image.getchannel("A"))
    return colour


def _converted(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None, "only a conversion in place returns nothing"
    return converted


@functools.lru_cache(maxsize=16)
def _transform(profile: bytes | None, kind: str, wanted: str) -> ImageCms.ImageCmsTransform | None:
    """The transform from a profile (None: CIE L*a*b*) to sRGB; None where the profile is unusable or changes nothing."""
    try:
        source = ImageCms.createProfile("LAB") if profile is None else ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile
        if profile is not None and (source.xcolor_space.strip() != SPACES[kind] or source.device_class not in CLASSES):
            return None
        screen = ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(ImageCms.ImageCmsProfile(source), screen, kind, wanted, INTENT, FLAGS)
        if kind == "RGB":
            samples = Image.fromarray(SAMPLES)
            changed = np.asarray(_converted(samples, transform)).astype(int) - SAMPLES
            return transform if np.abs(changed).max() > SAME else None
    except Exception:  # a broken profile beside good pixels
        return None
    return transform


def apply_gamma(image: Image.Image, gamma: float | None, name: str) -> tuple[Image.Image, list[Message]]:
    """Gamma correction to that of a screen, for a PNG that states the gamma of its values.

    Args:
        image: RGB or RGBA.
        gamma: the chunk gAMA: light is the stored value (0 to 1) to the power of 1 / gamma; None or near 1 / 2.2 changes nothing.
        name: what a message calls it.
    """
    if not gamma or not 0.1 <= gamma <= 10 or abs(gamma / SCREEN_GAMMA - 1) < 0.1:
        return image, []
    light = (np.arange(256) / 255) ** (1 / gamma)
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.rint(255 * curve).astype(int).tolist()
    alpha = list(range(256)) if image.mode == "RGBA" else []
    return image.point(table * 3 + alpha), [
        message("{name} stores brightness with gamma {gamma:.2f}, which was converted to that of a screen.", name=name, gamma=gamma)
    ]
