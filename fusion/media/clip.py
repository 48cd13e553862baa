"""Clips: converts decoded frames or an array to at most 256 small upright RGB frames with their times."""

from __future__ import annotations

from typing import Any, cast

import av
import cv2
import numpy as np
from av.buffer import Buffer
from av.container import InputContainer
from av.stream import Stream
from av.video.reformatter import ColorTrc, Interpolation, VideoReformatter
from av.video.stream import VideoStream

from fusion.media.alpha import may_be_transparent, scaled
from fusion.media.budget import MAX_FRAME_BYTES, MAX_FRAME_PIXELS, Budget, OverBudget, frame_bytes
from fusion.media.frames import ASSUMED_FPS, MAX_FRAMES, MAX_SECONDS, FrameKeeper, evenly, fitted
from fusion.media.image import rgb_array
from fusion.media.sound import sound_from_array
from fusion.media.source import Loaded, MediaError
from fusion.messages import Message, message
from fusion.types import Audio, Clip

MAX_ALPHA_PIXELS = 2_500_000  # of a transparent frame before it is scaled by its alpha


def _pq_to_screen() -> np.ndarray:
    """(256,) uint8: levels of the HDR curve PQ (SMPTE ST 2084) as those of a screen whose white is 203 candela per square metre."""
    power = (np.arange(256) / 255) ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    return np.rint(255 * np.minimum(nits / 203, 1) ** (1 / 2.2)).astype(np.uint8)


PQ_TO_SCREEN = _pq_to_screen()


class PictureTaker:
    """Collects decoded frames; those that are kept are scaled, turned upright and tone-mapped if they are HDR."""

    def __init__(self, stream: VideoStream, container: InputContainer, name: str, budget: Budget) -> None:
        rate = stream.average_rate or stream.guessed_rate
        gap = 1 / min(max(float(rate), 1.0), 240.0) if rate else 1 / ASSUMED_FPS
        self.keeper = FrameKeeper(name, announced_seconds(stream, container) or 0.0, gap)
        self.name = name
        self.budget = budget
        self.hdr = False
        self.keeper.spare_byte = stream.codec_context.name == "rawvideo"
        self.matrix: tuple[int, int, int, int] | None = None
        self.reformatter = VideoReformatter()
        self.aspect = stream.sample_aspect_ratio

    @property
    def full(self) -> bool:
        return self.keeper.full

    def add(self, frame: av.VideoFrame) -> None:
        size = frame_bytes(frame.width, frame.height, frame.format)
        if frame.width * frame.height > MAX_FRAME_PIXELS or size > MAX_FRAME_BYTES:
            raise OverBudget
        aspect = float(self.aspect) if self.aspect and 0.1 < self.aspect < 10 else 1.0  # pixels of old cameras are not square
        stored = (round(frame.width * aspect), frame.height)
        self.keeper.offer(frame.time, lambda: self._convert(frame, *fitted(*stored)), stored)
        if not self.budget.holds(size):
            raise OverBudget

    def _convert(self, frame: av.VideoFrame, width: int, height: int) -> np.ndarray:
        small = self._with_alpha(frame, width, height) if may_be_transparent(frame.format) else None
        if small is None:
            small = self._scaled(frame, width, height, "rgb24")
        if frame.color_trc == ColorTrc.SMPTE2084:  # the other HDR curve, HLG, is made to look right untreated
            self.hdr = True
            small[..., :3] = PQ_TO_SCREEN[small[..., :3]]
        if self.matrix is None:  # only once: asking for side data ties a frame into a cycle, and its memory stays until a collection
            self.matrix = _display_matrix(frame)
        return _upright(small, self.matrix)

    def _with_alpha(self, frame: av.VideoFrame, width: int, height: int) -> np.ndarray | None:
        """(H, W, 4), or None where nothing is transparent."""
        part = min(1.0, (MAX_ALPHA_PIXELS / (frame.width * frame.height)) ** 0.5)
        picture = self._scaled(frame, max(width, round(frame.width * part)), max(height, round(frame.height * part)), "rgba")
        if picture[..., 3].min() == 255:
            return None
        return scaled(picture, width, height).copy()

    def _scaled(self, frame: av.VideoFrame, width: int, height: int, pixels: str) -> np.ndarray:
        return self.reformatter.reformat(frame, width, height, pixels, interpolation=Interpolation.AREA).to_ndarray()

    def finish(self) -> tuple[np.ndarray, np.ndarray, list[Message]]:
        frames, times, notes = self.keeper.finish()
        if self.hdr:
            notes.append(message("{name} is HDR, so its brightness was converted for an ordinary screen.", name=self.name))
        return frames, times, notes


def announced_seconds(stream: Stream, container: InputContainer) -> float | None:
    """Duration according to the file, in seconds; many recordings made in a browser state none."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if not container.duration:
        return None
    start = max(0, container.start_time or 0) if "matroska" in container.format.name else 0  # most write the end, not the length
    return max(0, container.duration - start) / av.time_base


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of how the frame is to be shown: x' = a x + c y, y' = b x + d y, with y downwards."""
    data = cast(Buffer | None, frame.side_data.get("DISPLAYMATRIX"))
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    return a, b, c, d


def _upright(picture: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Rotate (H, W, C) by quarter turns and mirror it as the display matrix says."""
    a, b, c, d = matrix
    across, down = a, d
    if abs(a) < abs(b):
        across, down = c, b
        picture = picture.transpose(1, 0, 2)
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def frame_times(rate: Any, frames: Any, name: str) -> np.ndarray:
    """Times (T,) in seconds of frames at a constant rate per second; both may be anything the user has passed."""
    if not hasattr(frames, "__len__") or isinstance(frames, str | bytes | dict) or (hasattr(frames, "ndim") and frames.ndim == 0):
        raise MediaError("{name} must be a path, bytes, frames T H W 3 or a pair (rate, frames).", name=name)
    try:
        fps = float(rate)
    except (TypeError, ValueError):
        fps = 0.0
    if not 0.01 <= fps <= 10_000:
        raise MediaError("{name} must come with a rate between 0.01 and 10,000 frames per second.", name=name)
    return np.arange(len(frames), dtype=np.float64) / fps


def clip_from_array(frames: Any, times: np.ndarray, name: str, audio: Audio | None = None) -> Loaded[Clip]:
    """A clip of at most 256 small frames from an array (T, H, W, 3), `times` (T,) in seconds, and the sound that belongs to it."""
    try:
        frames = np.asarray(frames)
        times = np.asarray(times, np.float64)
    except (TypeError, ValueError) as error:
        raise MediaError("{name} must have frames that are all of one size (T H W 3).", name=name) from error
    if frames.ndim == 0 or len(frames) == 0:
        raise MediaError("{name} has no frames.", name=name)
    if times.shape != frames.shape[:1] or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise MediaError("{name} must have one time per frame, and they must increase.", name=name)
    times = times - times[0]
    total = len(frames)
    notes: list[Message] = []
    if times[-1] >= MAX_SECONDS:
        notes.append(message("{name} was trimmed to its first {count:g} seconds.", name=name, count=MAX_SECONDS))
        total = int((times < MAX_SECONDS).sum())
    rows = np.arange(total)
    if total > MAX_FRAMES:
        rows = evenly(times[:total], times[total - 1] * (1 + 1 / total) / MAX_FRAMES)
        notes.append(
            message("{name} has {count} frames, of which {kept} were kept, evenly in time.", name=name, count=total, kept=len(rows))
        )
    pixels, made = rgb_array(frames[rows], name, ndim=4)
    width, height = fitted(pixels.shape[2], pixels.shape[1])
    if (height, width) != pixels.shape[1:3]:
        pixels = np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in pixels])
        notes.append(message("{name} was scaled to {width} x {height} pixels.", name=name, width=width, height=height))
    if audio is not None:
        sound = sound_from_array(audio.rate, audio.samples, name)
        audio = sound.medium
        made = [*made, *sound.notes]
    return Loaded(Clip(pixels, times[rows].astype(np.float32), audio), (*notes, *made))
