"""Synthesises the sounds of the worked examples of `scenes` from a few parameters each.

Animals are a source and a filter: harmonics of a gliding pitch and breath, through resonances that move as the mouth opens and closes,

    sound = resonances(t) * [(harmonics(pitch(t)) + breath) * (1 + rough * tremble(t))] * loudness(t)

The rest is noise, drops and knocks. Parameters were set by hand, then optimised for YAMNet and a probe on it: examples, not evidence.
Reference: Fant 1960 (Acoustic Theory of Speech Production); Fletcher 1992 (Acoustic Systems in Biology).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
from scipy import signal

from fusion.types import Audio, FusionError

RATE = 16000
Rng = np.random.Generator
Points = Sequence[float]  # values at evenly spaced times, smooth between them


@dataclass(frozen=True)
class Call:
    """The call of an animal: its length in seconds, start times, and the contour of its pitch in Hz.

    breath, pulsed   noise relative to the harmonics, and how much it is modulated by the glottal pulses
    rough, tremolo   modulation depth of loudness and pitch, and its rate in Hz (0: irregular, 30 to 70 Hz)
    tilt, half       harmonics fall by 6 dB per octave times `tilt`; every second glottal pulse differs by `half`
    mouth            resonances: contour in Hz, width in Hz, strength
    """

    seconds: float
    at: Points
    pitch: Points
    breath: float
    pulsed: float
    rough: float
    tremolo: float
    tilt: float
    half: float
    mouth: Sequence[tuple[Points, float, float]]


CALLS = {
    "dog": Call(0.18, (0.2, 0.62, 1.5, 1.95, 3.0), (170, 510, 455, 530, 176, 210), 0.44, 0.35, 0.51, 0, 1.43, 0.16, (
        ((460, 780, 1180, 565, 690, 490), 295, 0.29), ((1390, 2100, 1390, 1000, 1410, 850), 180, 0.84), ((7100,), 220, 0.23))),
    "cat": Call(0.98, (0.2, 1.5, 2.8), (384, 644, 522, 463, 457, 253), 0.15, 0.84, 0.25, 0, 0.37, 0.14, (
        ((610, 990, 2340, 1780, 645, 505), 57, 0.61), ((2450, 4580, 3770, 2130, 1200, 1200), 84, 1.0), ((1970,), 76, 0.16))),
    "cow": Call(2.5, (0.3,), (156, 230, 230, 193, 193, 154), 0.15, 0.67, 0.17, 0, 0.93, 0.26, (
        ((222, 171, 328, 391, 277, 265), 95, 1.0), ((880, 1165, 1190, 1290, 1120, 880), 107, 0.8), ((1960,), 250, 0.2))),
    "sheep": Call(1.0, (0.2, 1.5, 2.8), (160, 179, 205, 116, 111, 204), 1.01, 0.5, 0.57, 12, 0.57, 0.17, (
        ((574, 1038, 948, 1070, 831, 663), 53, 1.0), ((1476, 2058, 2006, 2208, 1999, 1356), 111, 1.0), ((3020,), 269, 0.39))),
    "lion": Call(1.53, (0.2, 2.15), (23, 71, 27, 18, 13, 16), 1.97, 1.0, 0.41, 0, 1.12, 1.54, (
        ((117, 155, 403, 249, 186, 118), 29, 1.0), ((1050, 1230, 1430, 1090, 937, 684), 74, 0.44), ((634,), 72, 0.18))),
}  # fmt: skip
LOUD = (0, 0.8, 1, 0.9, 0.6, 0)
SPREAD = (1.0, 1.06, 0.95, 1.03, 0.97)  # factors of the pitch, so that no two calls are equal


def contour(points: Points | np.ndarray, count: int) -> np.ndarray:
    """`count` values through evenly spaced points, smooth between them."""
    values: np.ndarray = np.array([*points, points[-1]], np.float64)
    at = np.linspace(0, len(points) - 1, count)
    blend = (1 - np.cos(np.pi * (at % 1))) / 2
    index = at.astype(int)
    smooth: np.ndarray = values[index] * (1 - blend) + values[np.minimum(index + 1, len(points))] * blend
    return smooth


def noise(count: int, rng: Rng, low: float = 0.0, high: float = RATE / 2, slope: float = 0.0) -> np.ndarray:
    """Gaussian noise of unit spread between two frequencies, falling by 6 dB per octave times `slope`."""
    f = np.maximum(np.fft.rfftfreq(count, 1 / RATE), 1e-3)
    gain = np.maximum(f, 20.0) ** -slope / (1 + (low / f) ** 8) / (1 + (f / high) ** 8)
    filtered = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * gain, count)
    normalised: np.ndarray = filtered / filtered.std()
    return normalised


def wander(count: int, rng: Rng, hertz: float) -> np.ndarray:
    """A smooth random contour that changes direction about `hertz` times a second."""
    return contour(rng.standard_normal(max(4, round(count / RATE * 2 * hertz) + 2)), count)


def voice(call: Call, high: float, rng: Rng) -> np.ndarray:
    """One call, its pitch times `high`; peak 1 at its loudest."""
    n = int(call.seconds * RATE)
    tremble = noise(n, rng, 30, 70)
    if call.tremolo:
        tremble = np.sin(2 * np.pi * np.cumsum(call.tremolo * (1 + 0.1 * wander(n, rng, 3))) / RATE) + 0.3 * tremble
    pitch = contour(call.pitch, n) * high * (1 + 0.006 * wander(n, rng, 12) + 0.03 * call.rough * tremble)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    count = min(200, int(7600 / pitch.min()))
    source = np.zeros(n)
    for k in range(1, count + 1):
        source += np.where(k * pitch < 7600, np.cos(k * phase) / k**call.tilt, 0.0)
    source = source / source.std() * (1 + call.half * np.cos(phase / 2))
    source = source + call.breath * noise(n, rng, 150, slope=0.3) * (1 + call.pulsed * np.cos(phase))
    f, t, spectra = signal.stft(source * np.maximum(1 + call.rough * tremble, 0), RATE, nperseg=512, noverlap=384)
    gain = sum(g / np.hypot(1, (f[:, None] - contour(points, len(t))) / (width / 2)) for points, width, g in call.mouth)
    filtered: np.ndarray = signal.istft(spectra * gain, RATE, nperseg=512, noverlap=384)[1][:n]
    shaped: np.ndarray = filtered / np.abs(filtered).max() * contour(LOUD, n)
    return shaped


def calls(name: str, rng: Rng) -> np.ndarray:
    """Four seconds of the calls of an animal of `CALLS`."""
    call = CALLS[name]
    sound = np.zeros(4 * RATE)
    for second, high in zip(call.at, SPREAD, strict=False):
        place(sound, voice(call, high, rng), second)
    return outdoors(sound, rng, 0.006)


def ping(seconds: float, frequency: float, decay: float) -> np.ndarray:
    """A struck resonance that dies away within `decay` seconds (to 1/e)."""
    t = np.arange(int(seconds * RATE)) / RATE
    decaying: np.ndarray = np.sin(2 * np.pi * frequency * t) * np.exp(-t / decay)
    return decaying


def place(sound: np.ndarray, piece: np.ndarray, second: float, strength: float = 1.0) -> None:
    """Adds a piece at a time, in place; it is cut at the end of the sound."""
    start = int(second * RATE)
    part = piece[: max(0, len(sound) - start)]
    sound[start : start + len(part)] += strength * part


def outdoors(sound: np.ndarray, rng: Rng, floor: float, echo: float = 0.03, fade: float = 0.25) -> np.ndarray:
    """Adds faint echoes that fade within `fade` seconds, and background noise."""
    n = int(2 * fade * RATE)
    tail = np.append(1.0, rng.standard_normal(n) * np.exp(-6 * np.arange(n) / n) * echo)
    reverberant: np.ndarray = signal.fftconvolve(sound, tail)[: len(sound)]
    return reverberant + floor * noise(len(sound), rng, 40, slope=0.7)


def bird(rng: Rng) -> np.ndarray:
    sound = np.zeros(4 * RATE)
    second = 0.1
    while second < 3.7:
        n = int(rng.uniform(0.06, 0.14) * RATE)
        low = rng.uniform(2700, 3600)
        top = rng.uniform(4500, 6200)
        phase = 2 * np.pi * np.cumsum(contour([low, top, (top + low) / 2], n)) / RATE
        for _ in range(rng.integers(2, 6)):
            place(sound, (np.sin(phase) + 0.05 * np.sin(2 * phase)) * np.hanning(n), second)
            second += n / RATE * 1.4
        second += rng.uniform(0.15, 0.45)
    return outdoors(sound, rng, 0.01)


def frog(rng: Rng) -> np.ndarray:
    sound = np.zeros(4 * RATE)
    for second in (0.2, 1.24, 2.28, 3.32):
        for late, seconds, rate, high in ((0.0, 0.184, 70, 1.0), (0.193, 0.245, 93, 1.39)):  # rib, bit
            for i in range(int(seconds * rate)):
                u = high * rng.normal(1, 0.01)
                pulse = ping(0.04, 1050 * u, 0.005) + 0.96 * ping(0.04, 2150 * u, 0.005) + 0.1 * ping(0.04, 3010 * u, 0.005)
                place(sound, pulse, second + late + i / rate, np.sin(np.pi * (i + 1) / (seconds * rate + 1)))
    return outdoors(sound, rng, 0.02)


def sea(rng: Rng) -> np.ndarray:
    n = 5 * RATE
    swell = contour([0.25, 0.5, 1, 0.7, 0.45, 0.3, 0.4, 0.9, 0.8, 0.5], n)
    foam = contour([0.2, 0.25, 0.6, 1, 0.7, 0.35, 0.25, 0.5, 0.9, 0.7], n)
    waves: np.ndarray = noise(n, rng, 60, 1500, 0.8) * swell
    waves = waves + 0.4 * noise(n, rng, 800, 6000, 0.5) * foam
    return waves + 0.3 * noise(n, rng, 30, 400, 1.0)


def fire(rng: Rng) -> np.ndarray:
    n = 5 * RATE
    sound = 0.03 * noise(n, rng, 30, 240, 0.5) * np.exp(0.3 * wander(n, rng, 4)) + 0.004 * noise(n, rng, 500, 7000, 0.57)
    for second in np.concatenate([start + rng.exponential(0.08, rng.integers(1, 24)) for start in rng.uniform(0, 5, 60)]):
        m = int(rng.uniform(0.007, 0.028) * RATE)
        snap = noise(512, rng, rng.uniform(210, 860), rng.uniform(4400, 7900))[:m] * np.exp(-11.6 * np.arange(m) / m)
        place(sound, snap, second, min(0.1 * rng.pareto(1.8) + 0.02, 1.0))
    return sound


def clock(rng: Rng) -> np.ndarray:
    sound = np.zeros(5 * RATE)
    m = int(0.04 * RATE)
    for beat in range(10):
        high, strength = ((1.0, 1.0), (0.83, 0.63))[beat % 2]  # tick, tock
        for late, part in ((0.0, 0.66), (0.02, 1.0), (0.021, 0.44)):  # three contacts of the escapement
            knock = noise(m, rng, 1420 * high, 3340) * np.exp(-15 * np.arange(m) / m) + 0.27 * ping(0.04, 1090 * high, 0.052)
            knock = knock + 0.25 * (ping(0.04, 754 * high, 0.0054) + ping(0.04, 3550 * high, 0.0054))
            place(sound, knock, 0.2 + beat / 2 + late, strength * part * rng.uniform(0.9, 1.1))
    return outdoors(sound, rng, 0.002, 0.008, 0.04)


def rain(rng: Rng) -> np.ndarray:
    sound = 0.74 * noise(4 * RATE, rng, 530, 6130, 0.13)
    for second, strength in zip(rng.uniform(0, 4, 2170), rng.lognormal(-1.2, 0.88, 2170), strict=True):
        t = np.arange(int(rng.uniform(0.0025, 0.0035) * RATE))
        drop = rng.standard_normal(len(t)) + 0.25 * np.sin(2 * np.pi * rng.uniform(700, 2100) * t / RATE)
        place(sound, drop * np.exp(-4 * t / len(t)), second, strength)
    return sound


SOUNDS = {name: partial(calls, name) for name in CALLS} | {f.__name__: f for f in (bird, frog, sea, fire, clock, rain)}


@cache
def make_sound(name: str) -> Audio:
    """A sound of `SOUNDS`, always the same: 4 or 5 seconds, mono, 16 kHz, peak 0.8."""
    if name not in SOUNDS:
        raise FusionError("There is no synthesised sound of {name!r}; there are {known}.", name=name, known=list(SOUNDS))
    sound = signal.detrend(SOUNDS[name](np.random.default_rng(7)), type="constant")
    return Audio(RATE, (0.8 * sound / np.abs(sound).max()).astype(np.float32))
