"""Corruptions of a sound: samples (N,) float32 in [-1, 1] in and out, severity 1 to 5. An empty sound stays empty."""

from __future__ import annotations

import numpy as np
from scipy import fft

from fusion.types import Audio

SNR_DB = (None, 14.0, 8.0, 3.0, -2.0, -8.0)  # of the sound's loud parts against the noise, by severity
GAPS = (1, 2, 3, 4, 6)
CUTOFF_HZ = (3000.0, 2000.0, 1200.0, 700.0, 400.0)
CLIPPED = (0.5, 0.3, 0.15, 0.07, 0.03)  # of the peak: what is louder is cut off


def mix(audio: Audio, severity: int, rng: np.random.Generator) -> Audio:
    """Coloured noise, and from severity 2 on some gaps of silence."""
    count = int(rng.integers(0, severity + 1)) if severity > 1 else 0
    samples = audio.samples.astype(np.float32)
    loud = _loud(samples)
    level = _level(samples, loud)
    silenced = _silence(samples, audio.rate, count, severity, loud, rng)
    return Audio(audio.rate, _add_noise(silenced, level, severity, rng))


def noise(audio: Audio, severity: int, rng: np.random.Generator) -> Audio:
    """Coloured noise, white to pink, at a signal-to-noise ratio against the sound's loud parts."""
    samples = audio.samples.astype(np.float32)
    return Audio(audio.rate, _add_noise(samples, _level(samples, _loud(samples)), severity, rng))


def gaps(audio: Audio, severity: int, rng: np.random.Generator) -> Audio:
    """Gaps of silence in the loud parts."""
    samples = audio.samples.astype(np.float32)
    return Audio(audio.rate, _silence(samples, audio.rate, GAPS[severity - 1], severity, _loud(samples), rng))


def low_pass(audio: Audio, severity: int, rng: np.random.Generator) -> Audio:
    """Without the high frequencies, as on a bad telephone line or through a wall."""
    n = len(audio.samples)
    if n == 0:
        return audio
    spectrum = fft.rfft(audio.samples.astype(np.float32))
    hertz = np.fft.rfftfreq(n, 1 / audio.rate)
    gain = 1 / np.sqrt(1 + (hertz / CUTOFF_HZ[severity - 1]) ** 8)  # a Butterworth filter of order 4
    return Audio(audio.rate, _limited(fft.irfft(spectrum * gain.astype(np.float32), n)))


def clipping(audio: Audio, severity: int, rng: np.random.Generator) -> Audio:
    """Overdriven: what is louder than a share of the peak is cut off, and the rest is made as loud as the peak was."""
    peak = float(np.abs(audio.samples).max(initial=0))
    limit = CLIPPED[severity - 1] * peak
    samples = np.clip(audio.samples.astype(np.float32), -limit, limit) / CLIPPED[severity - 1]
    return Audio(audio.rate, samples.astype(np.float32))


def _loud(samples: np.ndarray) -> np.ndarray:
    """Indices of the samples above a tenth of the peak."""
    return np.flatnonzero(np.abs(samples) > 0.1 * np.abs(samples).max(initial=0))


def _level(samples: np.ndarray, loud: np.ndarray) -> float:
    """Root mean square of the loud parts; 0 for silence."""
    return float(np.sqrt(np.mean(samples[loud] ** 2))) if len(loud) else 0.0


def _silence(samples: np.ndarray, rate: float, count: int, severity: int, loud: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A copy with `count` gaps around loud places."""
    samples = samples.copy()
    for _ in range(count):
        length = int(rng.uniform(0.03, 0.04 + 0.02 * severity) * rate)
        start = int(rng.choice(loud)) - length // 2 if len(loud) else 0
        samples[max(start, 0) : start + length] = 0
    return samples


def _add_noise(samples: np.ndarray, level: float, severity: int, rng: np.random.Generator) -> np.ndarray:
    """Noise at the ratio of the severity to `level`; scaled down where the sum would be louder than 1."""
    n = len(samples)
    if n == 0:
        return samples
    size = fft.next_fast_len(n, True)
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    tilt = rng.uniform(0, 1.0)  # 0 white, 1 pink
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) * 0.01) ** (tilt / 2)
    added = fft.irfft(spectrum, size)[:n]
    added *= max(level, 1e-3) * 10 ** (-(SNR_DB[severity] or 0.0) / 20) / max(float(added.std()), 1e-9)
    return _limited(samples + added)


def _limited(samples: np.ndarray) -> np.ndarray:
    return (samples / max(1.0, float(np.abs(samples).max(initial=0)))).astype(np.float32)
