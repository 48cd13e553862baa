"""Moving pictures: decoded frames or an array become at most 256 small upright RGB frames with their times."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.reformatter import ColorTrc, Interpolation, VideoReformatter

from fusion.media.image import rgb_array
from fusion.media.sound import MAX_SECONDS, SLACK, sound_from_array
from fusion.media.source import Loaded, MediaError
from fusion.types import Audio, Clip

MAX_FRAMES = 256
MAX_SIDE = 320  # pixels of the longer side of a frame
ASSUMED_FPS = 25.0


def _pq_to_screen() -> np.ndarray:
    """(256,) uint8: levels of the HDR curve PQ (SMPTE ST 2084) as those of a screen whose white is 203 candela per square metre."""
    power = (np.arange(256) / 255) ** (1 / 78.84375)
    nits = 10_000 * (np.maximum(power - 0.8359375, 0) / (18.8515625 - 18.6875 * power)) ** (1 / 0.1593017578125)
    return np.rint(255 * np.minimum(nits / 203, 1) ** (1 / 2.2)).astype(np.uint8)


PQ_TO_SCREEN = _pq_to_screen()


class PictureTaker:
    """Takes decoded frames; converts and keeps at most 256 of them, evenly by time, small and upright."""

    def __init__(self, stream: av.video.stream.VideoStream, container: av.container.InputContainer, name: str):
        self.name, self.full, self.start, self.last, self.seen, self.kept = name, False, None, 0.0, 0, 0
        rate = stream.average_rate or stream.guessed_rate
        self.gap = 1 / min(max(float(rate), 1.0), 240.0) if rate else 1 / ASSUMED_FPS  # seconds, where times are missing
        self.mended, self.hdr, self.stored = False, False, (0, 0)
        self.matrix = (1, 0, 0, 1)
        length = min(announced_seconds(stream, container) or 0.0, MAX_SECONDS)
        # Seconds from one kept frame to the next, 0 for all; where the length is unknown or wrong, `_thin` enlarges it.
        self.step = length / MAX_FRAMES if length / self.gap > MAX_FRAMES else 0.0
        self.slot = -1
        self.times = np.zeros(MAX_FRAMES, np.float32)
        self.frames = None
        self.reformatter = VideoReformatter()
        self.aspect = stream.sample_aspect_ratio

    def add(self, frame: av.VideoFrame) -> None:
        now = self._time(frame)
        if now >= MAX_SECONDS:
            self.full = now >= MAX_SECONDS + SLACK
            return
        self.last = now
        self.seen += 1
        slot = int(now / self.step + 1e-6) if self.step else self.seen
        if slot == self.slot:
            return
        if self.kept == MAX_FRAMES:
            self._thin(now)
            slot = int(now / self.step + 1e-6)
        picture = self._convert(frame)
        if self.frames is None:  # pages that are never written cost no memory
            self.frames = np.empty((MAX_FRAMES, *picture.shape), np.uint8)
        if picture.shape != self.frames.shape[1:]:  # the recording changed its size on the way
            picture = cv2.resize(picture, self.frames.shape[2:0:-1], interpolation=cv2.INTER_AREA)
        self.frames[self.kept], self.times[self.kept] = picture, now
        self.kept, self.slot = self.kept + 1, slot

    def _time(self, frame: av.VideoFrame) -> float:
        """Seconds since the first frame; a time that is missing or runs backwards is the one before plus a frame."""
        if self.start is None and not self.seen:
            self.start = frame.time
            return 0.0
        now = frame.time - self.start if frame.time is not None and self.start is not None else None
        if now is None or now <= self.last:
            self.mended = True
            return self.last + self.gap
        return now

    def _thin(self, now: float) -> None:
        """Halve what is kept: there are more frames than the file said."""
        self.step = max(2 * self.step, 2 * now / MAX_FRAMES)
        rows = evenly(self.times[: self.kept], self.step)
        self.frames[: len(rows)], self.times[: len(rows)] = self.frames[rows], self.times[rows]
        self.kept = len(rows)

    def _convert(self, frame: av.VideoFrame) -> np.ndarray:
        aspect = float(self.aspect) if self.aspect and 0.1 < self.aspect < 10 else 1.0  # pixels of old cameras are not square
        self.stored = (round(frame.width * aspect), frame.height)
        width, height = fitted(*self.stored)
        small = self.reformatter.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA).to_ndarray()
        if frame.color_trc == ColorTrc.SMPTE2084:  # the other HDR curve, HLG, is made to look right untreated
            self.hdr, small = True, PQ_TO_SCREEN[small]
        if self.frames is None:  # only once: asking for side data ties a frame into a cycle, and its memory stays until a collection
            self.matrix = _display_matrix(frame)
        return _upright(small, self.matrix)

    def finish(self) -> tuple[np.ndarray, np.ndarray, list[str]]:
        if not self.kept:
            raise MediaError(f"{self.name} holds no picture that can be decoded.")
        notes = []
        if self.full:
            notes.append(f"{self.name} was trimmed to its first {MAX_SECONDS:g} seconds.")
        if self.kept < self.seen:
            notes.append(f"{self.name} has {self.seen} frames, of which {self.kept} were kept, evenly in time.")
        if max(self.stored) > MAX_SIDE:
            height, width = self.frames.shape[1:3]
            notes.append(f"{self.name} was scaled to {width} x {height} pixels.")
        if self.hdr:
            notes.append(f"{self.name} is HDR, so its brightness was fitted to an ordinary screen.")
        if self.mended:
            notes.append(f"{self.name} has frames without a valid time, which were spaced evenly.")
        return self.frames[: self.kept], self.times[: self.kept].copy(), notes


def announced_seconds(stream: av.stream.Stream, container: av.container.InputContainer) -> float | None:
    """How long the file says it is; many recordings made in a browser do not say."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else None


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size scaled down, never up, to a longer side of at most 320."""
    part = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(width * part)), max(1, round(height * part))


def evenly(times: np.ndarray, step: float) -> np.ndarray:
    """Indices of the first frame of each stretch of `step` seconds; `times` (T,) increase."""
    return np.unique((times / step + 1e-6).astype(np.int64), return_index=True)[1]


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """a, b, c, d of how the frame is to be shown: x' = a x + c y, y' = b x + d y, with y downwards."""
    data = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d = np.frombuffer(bytes(data), np.int32)[:5].tolist()
    return a, b, c, d


def _upright(picture: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """Turn by quarters and mirror (H, W, 3) as the display matrix says."""
    a, b, c, d = matrix
    across, down = (a, d) if abs(a) >= abs(b) else (c, b)
    picture = picture if abs(a) >= abs(b) else picture.transpose(1, 0, 2)
    return np.ascontiguousarray(picture[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1])


def frame_times(rate: float, frames: object, name: str) -> np.ndarray:
    if not hasattr(frames, "__len__") or isinstance(frames, str | bytes | dict) or (hasattr(frames, "ndim") and frames.ndim == 0):
        raise MediaError(f"{name} must be a path, bytes, frames T H W 3 or a pair (rate, frames).")
    try:
        rate = float(rate)
    except (TypeError, ValueError):
        rate = 0.0
    if not 0.01 <= rate <= 10_000:
        raise MediaError(f"{name} must come with a rate between 0.01 and 10,000 frames per second.")
    return np.arange(len(frames), dtype=np.float64) / rate


def clip_from_array(frames: object, times: np.ndarray, name: str, audio: Audio | None = None) -> Loaded:
    try:
        frames, times = np.asarray(frames), np.asarray(times, np.float64)
    except (TypeError, ValueError) as error:
        raise MediaError(f"{name} must have frames that are all of one size (T H W 3).") from error
    if frames.ndim == 0 or len(frames) == 0:
        raise MediaError(f"{name} has no frames.")
    if times.shape != frames.shape[:1] or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise MediaError(f"{name} must have one time per frame, and they must increase.")
    times, notes, total = times - times[0], [], len(frames)
    if times[-1] >= MAX_SECONDS:
        notes.append(f"{name} was trimmed to its first {MAX_SECONDS:g} seconds.")
        total = int((times < MAX_SECONDS).sum())
    rows = np.arange(total)
    if total > MAX_FRAMES:
        rows = evenly(times[:total], times[total - 1] * (1 + 1 / total) / MAX_FRAMES)
        notes.append(f"{name} has {total} frames, of which {len(rows)} were kept, evenly in time.")
    pixels, made = rgb_array(frames[rows], name, ndim=4)
    width, height = fitted(pixels.shape[2], pixels.shape[1])
    if (height, width) != pixels.shape[1:3]:
        pixels = np.stack([cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in pixels])
        notes.append(f"{name} was scaled to {width} x {height} pixels.")
    if audio is not None:
        heard = sound_from_array(audio.rate, audio.samples, name)
        audio, made = heard.medium, [*made, *heard.notes]
    return Loaded(Clip(pixels, times[rows].astype(np.float32), audio), (*notes, *made))
