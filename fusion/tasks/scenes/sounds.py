"""Augmentation of the sounds of `scenes`: rooms, distances, microphones and background noise.

In the animal collection the bandwidth reveals the species (originals of 8 to 48 kHz), and the collection reveals the group (animals from
one, nature from the other): training cuts the band at random, changes speed and loudness, adds noise and rooms, for all alike.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import fft, signal

from fusion.media.resample import resample
from fusion.types import Audio

RATE = 16000  # Hz
SECONDS = 5.0  # of a training sound


def read_sound(path: Path) -> Audio:
    """Mono at 16 kHz, its first 30 seconds, without a constant offset; by libsndfile, ten times as fast as `load_audio`."""
    import soundfile  # needed for training only

    with soundfile.SoundFile(path) as file:
        stored = file.read(30 * file.samplerate, dtype="float32", always_2d=True).mean(1)
        rate = file.samplerate
    samples = resample(stored, rate, RATE)
    return Audio(RATE, samples - samples.mean())


def random_part(samples: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """A random part of this length; shorter sounds unchanged."""
    span = int(seconds * RATE)
    start = int(rng.integers(max(1, len(samples) - span + 1)))
    return samples[start : start + span]


def change_speed(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Faster and higher or slower and lower by up to a sixth."""
    factor = np.exp(rng.uniform(-0.16, 0.16))
    changed: np.ndarray = np.interp(np.arange(0, len(samples) - 1, factor), np.arange(len(samples)), samples)
    return changed.astype(np.float32)


def cut_band(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Low-pass at a random 2.5 to 7.9 kHz, sometimes also high-pass at up to 400 Hz, as in telephones and small microphones."""
    top = np.exp(rng.uniform(np.log(2500), np.log(7900)))
    filtered: np.ndarray = signal.sosfilt(signal.butter(6, top, fs=RATE, output="sos"), samples)
    if rng.random() < 0.3:
        filtered = signal.sosfilt(signal.butter(2, rng.uniform(60, 400), "high", fs=RATE, output="sos"), filtered)
    return filtered.astype(np.float32)


def put_in_room(samples: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Exponentially fading echoes of 0.1 to 0.8 seconds."""
    n = int(rng.uniform(0.1, 0.8) * RATE)
    echo = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n) * rng.uniform(0.02, 0.12)
    echo[0] = 1.0
    convolved: np.ndarray = signal.fftconvolve(samples, echo)
    return convolved[: len(samples)].astype(np.float32)


def make_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """White to brown noise, sometimes with hum; unit spread."""
    size = fft.next_fast_len(count, True)
    spectrum = fft.rfft(rng.standard_normal(size, dtype=np.float32))
    spectrum /= np.maximum(np.arange(len(spectrum)), len(spectrum) * 0.004) ** (rng.uniform(0, 2) / 2)
    noise: np.ndarray = fft.irfft(spectrum, size)[:count]
    noise /= max(float(noise.std()), 1e-9)
    if rng.random() < 0.2:
        noise = noise + 2 * np.sin(2 * np.pi * rng.choice([50, 60, 100, 120]) * np.arange(count) / RATE)
    return noise.astype(np.float32)


def add_noise(samples: np.ndarray, noise: np.ndarray, decibels: float) -> np.ndarray:
    """The sound with `noise` added at `decibels` below its loud parts."""
    loud = np.abs(samples) > 0.1 * np.abs(samples).max(initial=1e-6)
    level = float(np.sqrt(np.mean(samples[loud] ** 2))) if loud.any() else 1e-3
    noise = np.resize(noise, len(samples))
    return (samples + noise * (level * 10 ** (-decibels / 20) / max(float(noise.std()), 1e-9))).astype(np.float32)


def make_sound(samples: np.ndarray, rng: np.random.Generator, seconds: float = SECONDS, band: float = 0.7) -> Audio:
    """An augmented training recording; with probability `band` its band is cut."""
    found = random_part(samples, seconds * rng.uniform(0.4, 1.0), rng)
    if rng.random() < 0.5:
        found = change_speed(found, rng)
    if rng.random() < 0.3:
        found = put_in_room(found, rng)
    if rng.random() < 0.5:
        found = add_noise(found, make_noise(len(found), rng), rng.uniform(5, 35))
    if rng.random() < band:
        found = cut_band(found, rng)
    peak = max(float(np.abs(found).max(initial=0)), 1e-4)
    return Audio(RATE, (found * (10 ** rng.uniform(-1.3, 0) / peak)).astype(np.float32))


def make_nothing(rng: np.random.Generator) -> Audio:
    """Silence, noise, a tone, a chord or clicks: a sound of no class."""
    count = int(rng.uniform(0.6, SECONDS) * RATE)
    kind = rng.random()
    t = np.arange(count) / RATE
    if kind < 0.2:
        samples = np.zeros(count)
    elif kind < 0.55:
        samples = make_noise(count, rng)
    else:
        base = rng.uniform(70, 1500)
        fade = np.exp(-t * rng.uniform(0, 4))
        parts = [
            np.sin(2 * np.pi * base * n * rng.uniform(0.99, 1.01) * t) * rng.uniform(0, 1) / n for n in range(1, int(rng.integers(2, 9)))
        ]
        samples = np.sum(parts, 0) * fade * (1 + 0.3 * np.sin(2 * np.pi * rng.uniform(0, 8) * t))
        if rng.random() < 0.4:
            samples = samples + make_noise(count, rng) * 10 ** rng.uniform(-2.5, -0.5)
    peak = max(float(np.abs(samples).max(initial=0)), 1e-4)
    gain = rng.uniform(0, 1) if kind < 0.2 else 10 ** rng.uniform(-2, 0) / peak
    return Audio(RATE, np.asarray(samples * gain, np.float32))
