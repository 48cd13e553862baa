"""Sounds of nothing in particular: silence, noise, tones, music made by code, speech of synthesisers about something else."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from fusion.types import Audio

RATE = 16000
SPOKEN = (  # by espeak-ng, for training; the test has other words and another synthesiser
    "yes", "no", "up", "down", "left", "right", "stop", "go", "on", "off", "happy", "house", "bed", "wow", "hello", "music", "computer",
    "please open the window", "good morning everybody", "turn the lights off", "the soup is cold", "call me tomorrow", "I like this song",
    "the shop is closed today", "where is my phone", "read the next message", "close the door", "we are going home now",
)  # fmt: skip
OTHER_SPOKEN = (
    "marvin", "sheila", "backward", "forward", "follow", "learn", "visual", "banana", "guitar", "holiday", "doctor", "picture", "coffee",
    "the meeting was moved to Friday", "my grandmother bakes an apple pie", "please sign the contract", "the printer is out of paper",
    "I lost my keys in the taxi", "play some jazz", "the museum is closed", "he paints the garage door", "how much does it cost",
    "our teacher explained the lesson", "send a message to Anna", "the elevator is broken again", "remind me to buy milk",
)  # fmt: skip


def levelled(samples: np.ndarray, rng: np.random.Generator) -> Audio:
    """At any loudness."""
    peak = max(float(np.abs(samples).max(initial=0)), 1e-6)
    return Audio(RATE, (samples / peak * 10 ** (-rng.uniform(0.2, 26) / 20)).astype(np.float32))


def length(rng: np.random.Generator, longest: float = 4.0) -> int:
    return int(rng.uniform(0.3, longest) * RATE)


def silence(rng: np.random.Generator) -> Audio:
    """Zeros, or the faintest noise."""
    quiet = rng.standard_normal(length(rng)) * (0.0 if rng.random() < 0.4 else 10 ** -rng.uniform(2.5, 4.5))
    return Audio(RATE, quiet.astype(np.float32))


def tone(rng: np.random.Generator) -> Audio:
    """One tone, a chirp, or beeps."""
    t = np.arange(length(rng)) / RATE
    start, end = np.exp(rng.uniform(np.log(80), np.log(4000), 2))
    kind = rng.random()
    pitch = np.full(len(t), start) if kind < 0.6 else np.geomspace(start, end, len(t))
    samples = np.sin(2 * np.pi * np.cumsum(pitch) / RATE + rng.uniform(0, 3) * np.sin(2 * np.pi * rng.uniform(1, 9) * t))
    if kind < 0.3:
        samples = samples * ((t * rng.uniform(1, 6)) % 1 < rng.uniform(0.2, 0.8))
    return levelled(samples, rng)


def note(pitch: float, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Harmonics that fade like a plucked string, or hold like a pipe."""
    t = np.arange(int(seconds * RATE)) / RATE
    partials = int(rng.integers(3, 9))
    tilt = rng.uniform(0.6, 2.0)
    parts = [np.sin(2 * np.pi * pitch * k * t) / k**tilt for k in range(1, partials + 1) if pitch * k < RATE / 2]
    fade = np.exp(-t * rng.uniform(0.5, 6)) * np.minimum(1, t / rng.uniform(0.003, 0.05)) * np.minimum(1, (t[-1] - t) / 0.01)
    sound: np.ndarray = np.sum(parts, 0) * fade
    return sound


def music(rng: np.random.Generator) -> Audio:
    """Chords of a key and a melody over them, sometimes with a drum."""
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.6 else [0, 2, 3, 5, 7, 8, 10])
    root, beat = rng.uniform(110, 330), rng.uniform(0.18, 0.6)
    count = int(rng.integers(4, 12))
    samples = np.zeros(int((count + 1) * beat * RATE) + RATE)

    def add(sound: np.ndarray, at: float, level: float) -> None:
        start = int(at * RATE)
        part = samples[start : start + len(sound)]
        part += sound[: len(part)] * level

    for i in range(count):
        degree = int(rng.integers(7))
        for third in (0, 2, 4):
            step = degree + third
            add(note(root * 2 ** ((scale[step % 7] + 12 * (step // 7)) / 12), beat * rng.uniform(0.8, 2), rng), i * beat, 0.4)
        if rng.random() < 0.8:
            add(note(2 * root * 2 ** (scale[int(rng.integers(7))] / 12), beat * rng.uniform(0.4, 1), rng), i * beat, 0.8)
        if rng.random() < 0.5:
            hit = rng.standard_normal(RATE // 10) * np.exp(-np.arange(RATE // 10) / RATE * rng.uniform(20, 80))
            add(hit, i * beat, rng.uniform(0.1, 0.6))
    return levelled(samples, rng)


def espeak(said: Sequence[str], rng: np.random.Generator) -> Audio:
    """One of several words or sentences by espeak-ng, in any of its English voices."""
    voice = f"{rng.choice(['en-us', 'en-gb', 'en-gb-scotland'])}+{rng.choice(['m1', 'm2', 'm3', 'm4', 'm7', 'f1', 'f2', 'f3', 'f4', 'f5'])}"
    speed, pitch = rng.integers(110, 260), rng.integers(25, 80)
    text = said[int(rng.integers(len(said)))]
    return synthesised(["espeak-ng", "-v", voice, "-s", str(speed), "-p", str(pitch), "-w", "{out}", text])


def flite(rng: np.random.Generator) -> Audio:
    voice = str(rng.choice(["awb", "kal", "rms", "slt"]))
    text = OTHER_SPOKEN[int(rng.integers(len(OTHER_SPOKEN)))]
    settings = ["--setf", f"duration_stretch={rng.uniform(0.7, 1.3):.2f}"]
    return synthesised(["flite", "-voice", voice, *settings, "-t", text, "-o", "{out}"])


def synthesised(command: list[str]) -> Audio:
    """What a synthesiser says, at 16 kHz."""
    from fusion.media.resample import resample

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        subprocess.run([str(path) if part == "{out}" else part for part in command], capture_output=True, check=True, timeout=60)
        rate, samples = wavfile.read(path)
    return Audio(RATE, resample(samples.astype(np.float32) / 32768.0, rate, RATE))


def is_installed(name: str) -> bool:
    return shutil.which(name) is not None
