"""Animated WebP and AVIF as clips, read by Pillow: FFmpeg reads only the first picture of them, or none, or no transparency."""

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
    """Whether this is an AVIF file of one picture, which FFmpeg would read as a clip of one frame; its position is set to the beginning."""
    file.seek(0)
    head = file.read(12)
    file.seek(0)
    return head[4:] == b"ftypavif"


def is_animation(file: BinaryIO) -> bool:
    """Whether this is a WebP or AVIF file of several pictures; its position is set to the beginning."""
    file.seek(0)
    head = file.read(256)
    file.seek(0)
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20:
        return bool(head[20] & 2)
    if head[4:8] != b"ftyp":
        return False
    brands = head[8 : min(256, struct.unpack(">I", head[:4])[0])]
    return b"avis" in (brands[i : i + 4] for i in range(0, len(brands), 4))


def load_animation(file: BinaryIO, name: str, budget: Budget) -> Loaded:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image = Image.open(_with_alpha(file), formats=["WEBP", "AVIF"])
        except Image.DecompressionBombError as error:
            raise OverBudget from error
        except Exception as error:
            raise MediaError("{name} is an animated picture that is damaged, cut short or of an unknown variant.", name=name) from error
        with image:
            return _frames(image, name, budget)


def _with_alpha(file: BinaryIO) -> BinaryIO:
    """A WebP file that says it has alpha: encoders do not where no frame has, but what no frame covers is transparent as well."""
    head = file.read(21)
    file.seek(0)
    if head[8:16] != b"WEBPVP8X" or head[20] & 16:
        return file
    data = bytearray(file.read())
    data[20] |= 16
    return io.BytesIO(data)


def _frames(image: Image.Image, name: str, budget: Budget) -> Loaded:
    if image.width * image.height > MAX_PIXELS:
        raise OverBudget
    keeper, damaged, stopped = FrameKeeper(name), False, False
    for index in range(image.n_frames):
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
