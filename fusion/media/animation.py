"""Animated WebP and AVIF files as clips, read by Pillow: FFmpeg reads only their first picture, or none, or ignores transparency."""

from __future__ import annotations

import io
import struct
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image

from fusion.media.budget import Budget, OverBudget
from fusion.media.frames import FrameKeeper, fitted
from fusion.media.source import Loaded, MediaError
from fusion.messages import message
from fusion.types import Clip

MAX_PIXELS = 20_000_000  # of a frame: Pillow and its decoders hold five of them at a time


def is_picture(file: BinaryIO) -> bool:
    """Whether this is an AVIF file of one picture, which FFmpeg would read as a clip of one frame; rewinds the file."""
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    return head[4:] == b"ftypavif"


def is_animation(file: BinaryIO) -> bool:
    """Whether this is a WebP or AVIF file of several pictures; rewinds the file."""
    file.seek(0)
    head = file.read(256)
    file.seek(0)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20:
        return bool(head[20] & 2)
    if head[4:8] != b"ftyp":
        return False
    brands = head[8 : min(256, struct.unpack(">I", head[:4])[0])]
    return b"avis" in (brands[i : i + 4] for i in range(0, len(brands), 4))


def load_animation(file: BinaryIO, name: str, budget: Budget) -> Loaded[Clip]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(_with_alpha(file), formats=["WEBP", "AVIF"])
        except Image.DecompressionBombError as error:
            raise OverBudget from error
        except Exception as error:
            raise MediaError("{name} is an animated image that is damaged, cut short or of an unsupported variant.", name=name) from error
        with image:
            return _frames(image, name, budget)


def _with_alpha(file: BinaryIO) -> BinaryIO:
    """The file with the alpha flag of WebP set: encoders omit it if no frame has alpha, but uncovered areas are transparent, too."""
    head = file.read(21)
    file.seek(0)
    if head[8:16] != b"WEBPVP8X" or head[20] & 16:
        return file
    data = bytearray(file.read())
    data[20] |= 16
    return io.BytesIO(data)


def _frames(image: Image.Image, name: str, budget: Budget) -> Loaded[Clip]:
    if image.width * image.height > MAX_PIXELS:
        raise OverBudget
    keeper = FrameKeeper(name)
    damaged = stopped = False
    for index in range(getattr(image, "n_frames", 1)):
        stopped = budget.over
        if stopped or keeper.full:
            break
        try:
            image.seek(index)
            image.load()
        except Exception:
            damaged = True
            break
        keeper.offer(image.info.get("timestamp", 0) / 1000, lambda: _small(image), image.size)
    if stopped and not keeper.kept:
        raise OverBudget
    frames, times, notes = keeper.finish()
    if stopped:
        notes.append(
            message(
                "{name} is too large to decode whole, so only its first {count:.1f} seconds were read.",
                name=name,
                count=max(keeper.last, 0.1),
            )
        )
    elif damaged:
        notes.append(message("{name} is damaged, so the parts that could be read were used.", name=name))
    return Loaded(Clip(frames, times), tuple(notes))


def _small(image: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8, or (H, W, 4) where it may be transparent."""
    kind = "RGBA" if image.has_transparency_data else "RGB"
    picture = image if image.mode == kind else image.convert(kind)
    return np.asarray(picture.resize(fitted(*image.size), Image.Resampling.BOX))  # which weights colours by their alpha
