"""Augmentation of spoken digits: pitch and tempo, rooms, filters, noise, loudness, silence around the word."""

from __future__ import annotations

import numpy as np
from scipy import fft

from fusion.types import Audio

RATE = 8000
TIGHT = 0.15  # of the recordings are studio-clean and cut at the word's ends, as data sets and synthesisers have them


def stretch(samples: np.ndarray, factor: float) -> np.ndarray:
    """Plays `factor` times faster; pitch and formants rise with it, as with a shorter vocal tract."""
    stretched: np.ndarray = np.interp(np.arange(0, len(samples) - 1, factor), np.arange(len(samples)), samples)
    return stretched


def tempo(samples: np.ndarray, factor: float, rng: np.random.Generator, grain: int = 240) -> np.ndarray:
    """Plays `factor` times faster at the same pitch: windowed grains at another spacing (overlap-add with a short search).

    Reference: Verhelst 1993 (WSOLA).
    """
    hop = grain // 2
    reach = 40
    window = np.hanning(grain)
    count = int((len(samples) - grain - 2 * reach) / (hop * factor))
    if count < 3:
        return samples
    out = np.zeros(hop * (count + 1))
    previous: int | None = None
    for i in range(count):
        at = int(i * hop * factor) + reach
        if previous is not None:  # align the next grain with the output so far
            wanted = samples[previous + hop : previous + hop + grain]
            area = samples[at - reach : at + reach + len(wanted)]
            if len(wanted) == grain and len(area) >= grain:
                at = at - reach + int(np.correlate(area, wanted, "valid").argmax())
        out[i * hop : i * hop + grain] += samples[at : at + grain] * window
        previous = at
    return out


def shape(samples: np.ndarray, rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """A room and a microphone in one pass over the spectrum: echo, low and high cut, tilt, a few bumps."""
    n = len(samples)
    echo = int(0.5 * rate) if rng.random() < 0.45 else 0
    size = 1 << int(np.ceil(np.log2(n + echo + 1)))
    spectrum = fft.rfft(samples, size)
    freq = fft.rfftfreq(size, 1 / rate)
    if echo:
        decay = rng.uniform(0.05, 0.5)
        t = np.arange(echo) / rate
        tail = rng.standard_normal(echo, dtype=np.float32) * np.exp(-6.9 * t / decay) * rng.uniform(0.02, 0.16)
        tail[0] = 1.0
        spectrum = spectrum * fft.rfft(tail, size)
    octave = np.log2(np.maximum(freq, 30.0) / 1000.0)
    gain = rng.normal(0, 3.0) * octave
    for _ in range(int(rng.integers(0, 4))):
        gain += rng.normal(0, 5.0) * np.exp(-((octave - rng.uniform(-3, 2)) ** 2) / (2 * rng.uniform(0.1, 0.6) ** 2))
    low = rng.uniform(20, 350)
    high = rng.uniform(2200, 4300)
    gain -= 12 * np.maximum(np.log2(low / np.maximum(freq, 1.0)), 0) + 40 * np.maximum(np.log2(np.maximum(freq, 1.0) / high), 0)
    shaped: np.ndarray = fft.irfft(spectrum * 10 ** (gain / 20), size)
    return shaped[: n + echo // 2]


def noise(n: int, rng: np.random.Generator, rate: int = RATE) -> np.ndarray:
    """Background of unit power: coloured noise that swells, sometimes hum, sometimes clicks."""
    size = 1 << int(np.ceil(np.log2(n)))
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) * 0.01) ** rng.uniform(-0.2, 1.0)
    x: np.ndarray = fft.irfft(spectrum, size)[:n]
    t = np.arange(n) / rate
    x = x / max(float(x.std()), 1e-9) * (1 + rng.uniform(0, 0.7) * np.sin(2 * np.pi * rng.uniform(0.2, 6) * t + rng.uniform(0, 6)))
    if rng.random() < 0.2:
        base = rng.choice([50.0, 60.0, rng.uniform(80, 400)])
        x += rng.uniform(0.2, 1.5) * sum(np.sin(2 * np.pi * base * k * t + rng.uniform(0, 6)) / k for k in (1, 2, 3))
    if rng.random() < 0.15:
        x[rng.integers(0, n, int(rng.integers(1, 6)))] += rng.normal(0, 12)
    return x / max(float(x.std()), 1e-9)


def make_sound(audio: Audio, rng: np.random.Generator, varied: bool = True) -> Audio:
    """One recording of the word.

    Args:
        audio: the word without silence around it, 8 kHz.
        varied: also another pitch and tempo; otherwise only room, microphone, noise and silence around.
    """
    x = audio.samples.astype(np.float32)
    if varied:
        x = stretch(x, float(np.exp(np.clip(rng.normal(0, 0.12), -0.3, 0.3))))
        if rng.random() < 0.5:
            x = tempo(x, float(np.exp(rng.normal(0, 0.2))), rng)
    if rng.random() < TIGHT:
        return Audio(RATE, (x / max(float(np.abs(x).max()), 1e-9) * 0.7).astype(np.float32))
    before, after = (rng.uniform(0, 0.8, 2) * (rng.random(2) < 0.8) * RATE).astype(int)
    x = shape(np.pad(x, (before, after)).astype(np.float32), rng)
    level = np.sqrt(np.mean(x**2) * len(x) / max(1, len(audio.samples)))
    if rng.random() < 0.85:
        x = x + noise(len(x), rng) * level * 10 ** (-rng.uniform(4, 45) / 20)
    if rng.random() < 0.08:
        limit = np.abs(x).max() * rng.uniform(0.3, 0.9)
        x = np.clip(x, -limit, limit)
    return Audio(RATE, (x / max(float(np.abs(x).max()), 1e-9) * 10 ** (-rng.uniform(0.2, 26) / 20)).astype(np.float32))


def make_nothing(rng: np.random.Generator) -> Audio:
    """A recording without a word: silence, noise, hum, clicks or a tone."""
    n = int(rng.uniform(0.4, 2.5) * RATE)
    x = noise(n, rng)
    if rng.random() < 0.3:
        t = np.arange(n) / RATE
        x = 0.3 * x + np.sin(2 * np.pi * rng.uniform(100, 2500) * t + rng.uniform(0, 5) * np.sin(2 * np.pi * rng.uniform(1, 8) * t)) * (
            t > rng.uniform(0, 0.3)
        )
    return Audio(RATE, (x / np.abs(x).max() * 10 ** (-rng.uniform(0.2, 60) / 20)).astype(np.float32))
