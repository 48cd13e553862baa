"""What decoding one clip or sound may cost: its frames are judged by their headers, time and memory are kept while decoding."""

from __future__ import annotations

import os
import time

import psutil
from av.video.format import VideoFormat

SECONDS = 7.0  # of processor time for decoding; opening, scaling and resampling have room beside it in 10 seconds
THREADS = min(2, os.cpu_count() or 1)  # of one decoder
MAX_FRAME_PIXELS = 35_651_584  # 8192 x 4352, the largest picture of the usual video levels
MAX_PROBED_PIXELS = 60_000_000  # larger ones are not even looked at, so their size stays unknown
MAX_FRAME_BYTES = 140e6  # of one decoded frame; decoders hold three and more
LARGE_FRAME_BYTES = 10e6  # frames from here on are decoded by one thread, since every thread holds frames
MAX_GROWTH = 420e6  # bytes by which this process may grow while it decodes large frames


class OverBudget(Exception):
    """Decoding has used up what it may cost."""


class Budget:
    """Processor time and memory of one medium."""

    def __init__(self, seconds: float = SECONDS):
        self.seconds = seconds
        self.processor, self.clock = time.process_time(), time.perf_counter()
        self.process = psutil.Process()
        self.memory = self.process.memory_info().rss

    @property
    def spent(self) -> float:
        """Seconds of processor time, at most what this decoder can have used: other threads of the process may be at work as well."""
        return min(time.process_time() - self.processor, THREADS * (time.perf_counter() - self.clock))

    @property
    def over(self) -> bool:
        return self.spent > self.seconds

    def holds(self, frame_bytes: float) -> bool:
        """Whether memory suffices for one more frame of this size; asked for large ones only."""
        return frame_bytes < LARGE_FRAME_BYTES or self.process.memory_info().rss - self.memory + frame_bytes < MAX_GROWTH

    def check(self) -> None:
        """Raises OverBudget where time has run out."""
        if self.over:
            raise OverBudget


def frame_bytes(width: int, height: int, pixels: VideoFormat | None) -> float:
    """Memory of one decoded frame; where its format is not known, that of 16 bits in four channels."""
    return width * height * (pixels.padded_bits_per_pixel if pixels else 64) / 8
