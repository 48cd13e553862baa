"""Limits for decoding one clip or sound: the size of its frames by the header, time and memory while decoding."""

from __future__ import annotations

import os
import time

import psutil
from av.video.format import VideoFormat

SECONDS = 7.0  # of processor time for decoding, of 10 seconds that opening, scaling and resampling may take as well
THREADS = min(2, os.cpu_count() or 1)  # of one decoder
MAX_FRAME_PIXELS = 35_651_584  # 8192 x 4352, the largest picture of the usual video levels
MAX_PROBED_PIXELS = 60_000_000  # larger ones are not probed, so their size stays unknown
MAX_FRAME_BYTES = 140e6  # of one decoded frame; decoders hold three and more
LARGE_FRAME_BYTES = 10e6  # frames from here on are decoded by one thread, since every thread holds frames
MAX_GROWTH = 420e6  # bytes by which this process may grow while it decodes large frames


class OverBudget(Exception):
    """Decoding exceeds its limits of time or memory."""


class Budget:
    """Processor time and memory of one medium."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self.seconds = seconds
        self.processor = time.process_time()
        self.clock = time.perf_counter()
        self.process = psutil.Process()
        self.memory = self.process.memory_info().rss

    @property
    def spent(self) -> float:
        """Seconds of processor time of this process, but at most what this decoder can have used: other threads may run as well."""
        return min(time.process_time() - self.processor, THREADS * (time.perf_counter() - self.clock))

    @property
    def over(self) -> bool:
        return self.spent > self.seconds

    def holds(self, frame_bytes: float) -> bool:
        """Whether memory suffices for one more frame of this size; always true for small frames."""
        return frame_bytes < LARGE_FRAME_BYTES or self.process.memory_info().rss - self.memory + frame_bytes < MAX_GROWTH

    def check(self) -> None:
        """Raises OverBudget where time has run out."""
        if self.over:
            raise OverBudget


def frame_bytes(width: int, height: int, pixels: VideoFormat | None) -> float:
    """Memory of one decoded frame in bytes; for an unknown format that of 16 bits in four channels."""
    return width * height * (pixels.padded_bits_per_pixel if pixels else 64) / 8
