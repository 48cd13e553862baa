"""Keeps at most 256 small frames of a clip, evenly spaced in time, for any decoder."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from fusion.media.alpha import opaque
from fusion.media.source import MediaError
from fusion.messages import Message, message

MAX_SECONDS = 30.0  # of clips and of sound
SLACK = 0.1  # seconds past the limit before it counts as trimmed: codecs round up to whole blocks
MAX_FRAMES = 256
MAX_SIDE = 320  # pixels of the longer side of a frame
ASSUMED_FPS = 25.0


class FrameKeeper:
    """Gets every decoded frame; converts only those it keeps."""

    def __init__(self, name: str, length: float = 0.0, gap: float = 1 / ASSUMED_FPS) -> None:
        """`length` in seconds according to the file, 0 if unknown; `gap` in seconds between frames, where times are missing."""
        self.name = name
        self.gap = gap
        self.full = False
        self.start: float | None = None  # time of the first frame in seconds, None where the file does not say
        self.last = 0.0  # time of the latest frame in seconds, from the first one
        self.offered = 0
        self.kept = 0
        self.irregular = False  # whether a time was missing or not increasing
        self.stored = (0, 0)  # width and height in the file
        self.passed = 0.0  # seconds of frames after the limit, counted since their times may be missing
        self.spare_byte = False  # whether the fourth byte of a pixel may be unused instead of alpha
        length = min(length, MAX_SECONDS)
        # Seconds from one kept frame to the next, 0 for all; where the length is unknown or wrong, `_thin` enlarges it.
        self.step = length / MAX_FRAMES if length / gap > MAX_FRAMES else 0.0
        self.slot = -1
        self.times = np.zeros(MAX_FRAMES, np.float32)
        self.frames: np.ndarray | None = None  # (256, H, W, 3), or 4 where frames may be transparent

    def offer(self, time: float | None, make: Callable[[], np.ndarray], stored: tuple[int, int]) -> None:
        """Takes the next frame.

        Args:
            time: in seconds; None where the file does not say.
            make: returns the frame as (H, W, 3) or (H, W, 4) uint8; called only for frames that are kept.
            stored: its width and height in the file.
        """
        now = self._seconds(time)
        if now >= MAX_SECONDS:
            self.passed += self.gap
            self.full = max(now, MAX_SECONDS + self.passed) >= MAX_SECONDS + SLACK
            return
        self.last = now
        self.offered += 1
        slot = int(now / self.step + 1e-6) if self.step else self.offered
        if slot == self.slot:
            return
        if self.kept == MAX_FRAMES:
            self._thin(now)
            slot = int(now / self.step + 1e-6)
        self.stored = stored
        self._keep(make(), now)
        self.slot = slot

    def _seconds(self, time: float | None) -> float:
        """Seconds since the first frame; a missing or decreasing time becomes the previous one plus `gap`."""
        if self.start is None and not self.offered:
            self.start = time
            return 0.0
        now = time - self.start if time is not None and self.start is not None else None
        if now is None or now <= self.last:
            self.irregular = True
            return self.last + self.gap
        return now

    def _keep(self, picture: np.ndarray, now: float) -> None:
        if self.frames is None:
            self.frames = np.empty((MAX_FRAMES, *picture.shape), np.uint8)  # memory is used only for the pages that are written
        _, height, width, channels = self.frames.shape
        if picture.shape[:2] != (height, width):  # the size changed within the recording
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        if picture.shape[2] > channels:
            opaque_alpha = np.full((MAX_FRAMES, height, width, 1), 255, np.uint8)
            self.frames = np.concatenate([self.frames, opaque_alpha], 3)
        self.frames[self.kept, ..., : picture.shape[2]] = picture
        self.frames[self.kept, ..., picture.shape[2] :] = 255
        self.times[self.kept] = now
        self.kept += 1

    def _thin(self, now: float) -> None:
        """Drop about half of the kept frames: there are more frames than expected."""
        assert self.frames is not None
        self.step = max(2 * self.step, 2 * now / MAX_FRAMES)
        rows = evenly(self.times[: self.kept], self.step)
        self.frames[: len(rows)] = self.frames[rows]
        self.times[: len(rows)] = self.times[rows]
        self.kept = len(rows)

    def finish(self) -> tuple[np.ndarray, np.ndarray, list[Message]]:
        """Frames (T, H, W, 3) uint8, their times (T,) float32, and the notes."""
        if self.frames is None:
            raise MediaError("{name} holds no image that can be decoded.", name=self.name)
        frames = self.frames[: self.kept]
        notes: list[Message] = []
        if self.full:
            notes.append(message("{name} was trimmed to its first {count:g} seconds.", name=self.name, count=MAX_SECONDS))
        if self.kept < self.offered:
            notes.append(
                message(
                    "{name} has {count} frames, of which {kept} were kept, evenly in time.",
                    name=self.name,
                    count=self.offered,
                    kept=self.kept,
                )
            )
        if max(self.stored) > MAX_SIDE:
            notes.append(
                message("{name} was scaled to {width} x {height} pixels.", name=self.name, width=frames.shape[2], height=frames.shape[1])
            )
        if self.irregular:
            notes.append(message("{name} has frames without a valid time, which were spaced evenly.", name=self.name))
        if frames.shape[3] == 4:
            if self.spare_byte and not frames[..., 3].any():
                frames = frames[..., :3].copy()
            else:
                frames, filled = opaque(frames, self.name)
                notes += filled
        return frames, self.times[: self.kept].copy(), notes


def fitted(width: int, height: int) -> tuple[int, int]:
    """The size scaled down, never up, to a longer side of at most 320."""
    part = min(1.0, MAX_SIDE / max(width, height))
    return max(1, round(width * part)), max(1, round(height * part))


def evenly(times: np.ndarray, step: float) -> np.ndarray:
    """Indices of the first frame in each interval of `step` seconds; `times` (T,) increase."""
    return np.unique((times / step + 1e-6).astype(np.int64), return_index=True)[1]
