"""Sound: converts decoded frames or an array to one channel of finite float32, at most 48 kHz and 30 seconds."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import soxr

from fusion.media.channels import MAX_CHANNELS, mix
from fusion.media.frames import MAX_SECONDS, SLACK, FrameKeeper
from fusion.media.source import UNNAMED, Loaded, MediaError
from fusion.messages import Message, message
from fusion.types import Audio

MAX_RATE = 48_000  # Hz; sound above is resampled while decoding
RATES = (100, 1_000_000)  # Hz; what is believed
MIN_SECONDS = 0.05  # the least that is used of a damaged file
GAP = 0.04  # seconds; times that differ by less are rounded, not gaps
RESTART = 1.0  # seconds; times that run back by more begin anew
WITHIN = {"The video": message("the video"), "The video file": message("the video file")}  # as in "the sound of the video"


class SoundTaker:
    """Collects decoded sound: at most 16 channels of at most 48 kHz and 30 seconds, with silence where timestamps leave a gap."""

    def __init__(self, name: str, end: float | None = None, pictures: FrameKeeper | None = None) -> None:
        """`end` is the last timestamp according to the file, in seconds; `pictures` are the frames of the same clip."""
        self.name = name
        self.end = end
        self.pictures = pictures
        self.rate = 0  # Hz, of what is kept
        self.native = 0  # Hz, in the file
        self.channels = 0  # in the file
        self.width = 0  # channels that are kept
        self.start: float | None = None  # timestamp of the first sample
        self.origin: float | None = None  # timestamp of the first sample on the current clock, which may be reset within a file
        self.seconds = 0.0  # seconds taken
        self.silence = 0.0  # seconds of gaps
        self.parts: list[np.ndarray] = []
        self.missing = np.zeros(0)  # (C,) samples that were not finite
        self.count = 0  # samples taken
        self.converter: av.AudioResampler | None = None
        self.resampler: soxr.ResampleStream | None = None
        self.source_rate = 0

    @property
    def lead(self) -> float:
        """Seconds of sound before the first picture, which are not part of the clip; before there is a picture, the longest wait for it."""
        if self.pictures is None or self.start is None:
            return 0.0
        if not self.pictures.offered:
            return MAX_SECONDS
        return max(0.0, self.pictures.start - self.start) if self.pictures.start is not None else 0.0

    @property
    def full(self) -> bool:
        return self.seconds > MAX_SECONDS + SLACK + self.lead

    def add(self, frame: av.AudioFrame) -> None:
        if not RATES[0] <= frame.sample_rate <= RATES[1]:
            raise ValueError("a broken header")
        gap = self._gap(frame.time)
        frame.pts = None  # the converter would fill or drop samples to follow wrong times
        rate = frame.sample_rate
        samples = self._floats(frame)
        if gap and self.width:
            self.silence += gap
            self.take(np.zeros((round(gap * rate), self.width), np.float32), rate)
        self.take(samples, rate)

    def _gap(self, now: float | None) -> float:
        """Seconds without sound between what was taken and a frame with this timestamp."""
        if now is None:
            return 0.0
        if self.origin is None:
            self.start = self.origin = now - self.seconds
        late = now - self.origin - self.seconds
        if -RESTART <= late <= GAP:
            return 0.0
        believed = late < MAX_SECONDS if self.end is None else now <= self.end + 1
        if late < 0 or not believed:  # the clock was reset, as in concatenated recordings
            self.origin += late
            return 0.0
        return min(late, MAX_SECONDS + 2 * SLACK + self.lead)

    def _floats(self, frame: av.AudioFrame) -> np.ndarray:
        """(N, C) float32."""
        try:
            ready = self._converted(frame)
        except ValueError:  # channels or rate changed within the file
            self.converter = None
            ready = self._converted(frame)
        parts = [f.to_ndarray().reshape(f.samples, -1)[:, :MAX_CHANNELS] for f in ready if f is not None and f.samples]
        return np.concatenate(parts) if parts else np.zeros((0, self.width or 1), np.float32)

    def _converted(self, frame: av.AudioFrame) -> list[av.AudioFrame]:
        if self.converter is None:
            self.converter = av.AudioResampler(format="flt", rate=frame.sample_rate)  # not planar, of which PyAV takes 8 channels at most
            self.channels = self.channels or frame.layout.nb_channels
        return self.converter.resample(frame)

    def take(self, samples: np.ndarray, rate: int) -> None:
        """Samples (N, C) float32 of any size, at this rate in Hz."""
        if not len(samples):
            return
        if not self.rate:
            self.native = rate
            self.rate = min(rate, MAX_RATE)
            self.width = samples.shape[1]
            self.channels = self.channels or self.width
            self.missing = np.zeros(self.width)
        if samples.shape[1] != self.width:
            samples = np.repeat(samples.mean(axis=1, keepdims=True), self.width, axis=1)
        broken = ~np.isfinite(samples)
        if broken.any():  # before resampling, which would spread them
            self.missing += broken.sum(axis=0)
            samples = np.where(broken, np.float32(0), samples)
        self.count += len(samples)
        self.seconds += len(samples) / rate
        if rate != self.source_rate:
            self._flush()
            self.resampler = soxr.ResampleStream(rate, self.rate, self.width, dtype="float32") if rate != self.rate else None
            self.source_rate = rate
        self.parts.append(self.resampler.resample_chunk(samples) if self.resampler else samples)

    def _flush(self) -> None:
        if self.resampler is not None:
            self.parts.append(self.resampler.resample_chunk(np.zeros((0, self.width), np.float32), last=True))
            self.resampler = None

    def finish(self, damaged: bool = False) -> tuple[Audio | None, list[Message]]:
        """The sound in one channel, or None where there is none (or hardly any in a damaged file), and the notes."""
        self._flush()
        samples = np.concatenate(self.parts) if self.parts else np.zeros((0, 1), np.float32)
        self.parts.clear()
        if not len(samples) or (damaged and len(samples) < MIN_SECONDS * self.rate):
            return None, []
        mono, mixed, left_out = mix(samples, self.missing / self.count, _subject(self.name))
        mono, notes = _in_range(mono, self.name)
        if self.missing.any() and not left_out:
            notes.insert(0, message("{name} has values that are not numbers, which were taken as silence.", name=_subject(self.name)))
        if self.full:
            notes.append(message("{name} was trimmed to its first {count:g} seconds.", name=_subject(self.name), count=MAX_SECONDS))
        if self.silence:
            notes.append(
                message(
                    "{name} has gaps of {count:.1f} seconds in all, which were kept as silence.",
                    name=_subject(self.name),
                    count=self.silence,
                )
            )
        if self.native > self.rate:
            notes.append(
                message(
                    "{name} was resampled from {from_khz:g} to {to_khz:g} kHz.",
                    name=_subject(self.name),
                    from_khz=self.native / 1000,
                    to_khz=self.rate / 1000,
                )
            )
        if self.channels > MAX_CHANNELS:
            notes.append(
                message(
                    "{name} has {count} channels, of which the first {read} were read.",
                    name=_subject(self.name),
                    count=self.channels,
                    read=MAX_CHANNELS,
                )
            )
        return Audio(self.rate, mono[: int((MAX_SECONDS + self.lead) * self.rate)]), [*notes, *mixed]


def _subject(name: str) -> str:
    """The subject of a note about the sound of this medium."""
    if name == UNNAMED["audio"]:
        return name
    return message("The sound of {name}", name=WITHIN.get(name, name))


def _in_range(samples: np.ndarray, name: str) -> tuple[np.ndarray, list[Message]]:
    """Samples scaled to [-1, 1] if they exceed it, and the note."""
    notes: list[Message] = []
    peak = float(np.abs(samples).max(initial=0))
    if peak > 1:
        samples = samples / peak
        if peak > 1.1:  # lossy codecs usually overshoot a little
            notes.append(
                message("{name} was {times:.3g} times louder than full scale, so it was turned down.", name=_subject(name), times=peak)
            )
    return np.ascontiguousarray(samples, np.float32), notes


def sound_from_array(rate: Any, samples: Any, name: str) -> Loaded[Audio]:
    """Sound from a rate in Hz and samples (N,) or (N, C) of any number type; both may be anything the user has passed."""
    try:
        rate = round(float(rate))
        values = np.asarray(samples)
    except (TypeError, ValueError, OverflowError) as error:
        raise MediaError("{name} must be a pair (rate, samples) of numbers.", name=name) from error
    if not RATES[0] <= rate <= RATES[1]:
        raise MediaError(
            "{name} has a rate of {rate} Hz, but it must be between {least} and {most:,}.",
            name=name,
            rate=rate,
            least=RATES[0],
            most=RATES[1],
        )
    if values.dtype.kind not in "buif" or values.ndim not in (1, 2):
        raise MediaError("{name} must have samples of the shape N or N C.", name=name)
    notes: list[Message] = []
    if values.ndim == 2 and values.shape[0] <= 8 < values.shape[1]:
        notes.append(
            message(
                "{name} has the shape {rows} {columns}, so its rows were taken as channels.",
                name=name,
                rows=values.shape[0],
                columns=values.shape[1],
            )
        )
        values = values.T
    if values.size == 0:
        raise MediaError("{name} has no samples.", name=name)
    columns = values[:, None] if values.ndim == 1 else values
    sound = SoundTaker(name)
    sound.channels = columns.shape[1]
    values = columns[: int((MAX_SECONDS + 2 * SLACK) * rate), :MAX_CHANNELS]
    zero, scale = _full_scale(values)
    for start in range(0, len(values), rate):
        with np.errstate(invalid="ignore", over="ignore"):
            sound.take(((values[start : start + rate].astype(np.float64) - zero) / scale).astype(np.float32), rate)
    audio, made = sound.finish()
    assert audio is not None, "there are samples"
    return Loaded(audio, (*notes, *made))


def _full_scale(values: np.ndarray) -> tuple[float, float]:
    """The value of silence and its distance to full scale, by the number type; 64-bit integers count as 16 or 32 bits, by their range."""
    if values.dtype.kind in "fb":
        return 0.0, 1.0
    bits = 8 * values.dtype.itemsize
    if bits == 64:
        bits = 16 if max(int(values.max()), -int(values.min())) <= 1 << 15 else 32
    half = float(1 << (bits - 1))
    return (half if values.dtype.kind == "u" else 0.0), half
