"""Sound: decoded frames or an array become one channel of finite float32, at most 48 kHz and 30 seconds."""

from __future__ import annotations

import av
import numpy as np

from fusion.media.source import UNNAMED, Loaded, MediaError
from fusion.types import Audio

MAX_SECONDS = 30.0  # of sound and of clips
SLACK = 0.1  # seconds past the limit before it counts as trimmed: codecs round up to whole blocks
MAX_RATE = 48_000  # Hz; sound above is resampled while decoding
RATES = (100, 1_000_000)  # Hz; what is believed
MIN_SECONDS = 0.05  # of sound from a damaged file that is still worth using


class SoundTaker:
    """Takes decoded sound; keeps one channel of at most 48 kHz and 30 seconds."""

    def __init__(self, name: str):
        self.name, self.rate, self.start, self.length = name, 0, None, 0
        self.native, self.channels, self.parts, self.resampler = 0, 0, [], None

    @property
    def full(self) -> bool:
        return self.length > (MAX_SECONDS + SLACK) * (self.rate or MAX_RATE)

    def add(self, frame: av.AudioFrame) -> None:
        if not RATES[0] <= frame.sample_rate <= RATES[1]:
            raise ValueError("a broken header")  # resampling from 2 GHz takes seconds and gigabytes
        if not self.rate:
            self.native, self.channels = frame.sample_rate, frame.layout.nb_channels
            self.rate = min(self.native, MAX_RATE)
            self.start = frame.time
        frame.pts = None  # the resampler would fill or drop samples to follow wrong times
        try:
            self._keep(self._resample(frame))
        except ValueError:  # channels or rate changed on the way
            self._keep(self.resampler.resample(None))
            self.resampler = None
            self._keep(self._resample(frame))

    def _resample(self, frame: av.AudioFrame | None) -> list[av.AudioFrame]:
        if self.resampler is None:
            self.resampler = av.AudioResampler(format="flt", rate=self.rate)
        return self.resampler.resample(frame)

    def _keep(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            if frame is not None and frame.samples:
                samples = frame.to_ndarray().reshape(frame.samples, -1)  # (N, C); not planar, of which PyAV takes 8 channels at most
                self.parts.append(samples.mean(axis=1, dtype=np.float32))  # FFmpeg's own mix to one channel is no mean
                self.length += frame.samples

    def finish(self, damaged: bool = False) -> tuple[Audio | None, list[str]]:
        if self.resampler is not None and not self.full:
            self._keep(self.resampler.resample(None))
        if not self.length or (damaged and self.length < MIN_SECONDS * self.rate):
            return None, []
        samples, notes = _cleaned(np.concatenate(self.parts), self.name)
        if self.full:
            notes.append(f"{_subject(self.name)} was trimmed to its first {MAX_SECONDS:g} seconds.")
        if self.native > self.rate:
            notes.append(f"{_subject(self.name)} was resampled from {self.native / 1000:g} to {self.rate / 1000:g} kHz.")
        if self.channels > 2:
            notes.append(f"{_subject(self.name)} has {self.channels} channels, which were averaged.")
        return Audio(self.rate, samples[: int(MAX_SECONDS * self.rate)]), notes


def _subject(name: str) -> str:
    """What a note about the sound of this medium begins with."""
    return name if name == UNNAMED["audio"] else f"The sound of {name.lower() if name in UNNAMED.values() else name}"


def _cleaned(samples: np.ndarray, name: str) -> tuple[np.ndarray, list[str]]:
    """Finite and in [-1, 1]."""
    notes = []
    if not np.isfinite(samples).all():
        samples = np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0)
        notes.append(f"{_subject(name)} has values that are not numbers, which were taken as silence.")
    peak = float(np.abs(samples).max(initial=0))
    if peak > 1:
        samples = samples / peak
        if peak > 1.1:  # lossy codecs overshoot a little as a matter of course
            notes.append(f"{_subject(name)} was {peak:.3g} times louder than full scale, so it was turned down.")
    return np.ascontiguousarray(samples, np.float32), notes


def sound_from_array(rate: float, samples: object, name: str) -> Loaded:
    try:
        rate, values = round(float(rate)), np.asarray(samples)
    except (TypeError, ValueError, OverflowError) as error:
        raise MediaError(f"{name} must be a pair (rate, samples) of numbers.") from error
    if not RATES[0] <= rate <= RATES[1]:
        raise MediaError(f"{name} has a rate of {rate} Hz, but it must be between {RATES[0]} and {RATES[1]:,}.")
    if values.dtype.kind not in "buif" or values.ndim not in (1, 2):
        raise MediaError(f"{name} must have samples of the shape N or N C.")
    notes = []
    if values.ndim == 2 and values.shape[0] <= 8 < values.shape[1]:
        notes.append(f"{name} has the shape {values.shape[0]} {values.shape[1]}, so its rows were taken as channels.")
        values = values.T
    if values.size == 0:
        raise MediaError(f"{name} has no samples.")
    sound = SoundTaker(name)
    values = values[: int((MAX_SECONDS + 2 * SLACK) * rate)]
    channels = 1 if values.ndim == 1 else values.shape[1]
    mono = _full_scale(values)
    with np.errstate(invalid="ignore", over="ignore"):
        mono = (mono if mono.ndim == 1 else mono.mean(axis=1)).astype(np.float32)
    mono, cleaned = _cleaned(mono, name)  # before resampling: one NaN would spread
    frame = av.AudioFrame.from_ndarray(mono[None], format="flt", layout="mono")
    frame.sample_rate = rate
    sound.add(frame)
    sound.channels = channels
    audio, made = sound.finish()
    return Loaded(audio, (*notes, *cleaned, *made))


def _full_scale(values: np.ndarray) -> np.ndarray:
    """Integers to [-1, 1] by the range of their type; 64-bit ones by the smallest type that holds them."""
    if values.dtype.kind in "fb":
        return values.astype(np.float64)
    bits = 8 * values.dtype.itemsize
    if bits == 64:
        bits = 16 if np.abs(values).max() <= 1 << 15 else 32
    half = float(1 << (bits - 1))
    return (values.astype(np.float64) - (half if values.dtype.kind == "u" else 0)) / half
