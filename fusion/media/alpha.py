"""Transparent frames: scaled with premultiplied alpha, and composited on one background colour for the whole clip."""

from __future__ import annotations

import numpy as np
from av.video.format import VideoFormat
from PIL import Image

from fusion.media.pixels import choose_background
from fusion.messages import Message, message

SAMPLE_PIXELS = 1 << 18  # sampled to choose the background


def may_be_transparent(pixels: VideoFormat) -> bool:
    """Whether frames of this format have an alpha channel, or a palette, whose colours may have one."""
    return pixels.has_palette or any(component.is_alpha for component in pixels.components)


def scaled(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W, 4) uint8 to (height, width, 4), each colour weighted by its alpha."""
    if picture.shape[:2] == (height, width):
        return picture
    return np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BOX))


def opaque(frames: np.ndarray, name: str) -> tuple[np.ndarray, list[Message]]:
    """Frames (T, H, W, 4) uint8 on a background: (T, H, W, 3), and a note where any pixel is transparent."""
    if all(frame[..., 3].min() == 255 for frame in frames):
        return np.ascontiguousarray(frames[..., :3]), []
    step = max(1, round((frames[..., 0].size / SAMPLE_PIXELS) ** (1 / 3)))
    ground = choose_background(frames[::step, ::step, ::step])
    height, width = frames.shape[1:3]
    base = Image.new("RGBA", (width, height), ground)
    result = np.empty((*frames.shape[:3], 3), np.uint8)
    for source, target in zip(frames, result, strict=True):
        target[:] = np.asarray(Image.alpha_composite(base, Image.fromarray(np.ascontiguousarray(source))))[..., :3]
    return result, [message("{name} has transparent parts, which were filled with {ground}.", name=name, ground=ground)]
