"""New kinds of sounds for training: rain and fire made by code, and recordings through poor microphones, short or of a narrow band.

Rain that lost its high or low frequencies was taken for fire. `fusion.training.consistency` trains the encoder on these, each with the
whole recording or another one of its class.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import signal

from fusion.tasks.base import Sample
from fusion.tasks.scenes import sounds
from fusion.tasks.scenes.samples import Scenes
from fusion.tasks.scenes.sounds import RATE
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.synthesis import noise, ping, place, wander
from fusion.tasks.scenes.task import LABELS
from fusion.types import Audio

FIRE, RAIN = LABELS.index("fire"), LABELS.index("rain")
POOR, MADE = 0.6, 0.25  # shares of recordings through poor microphones, and of made rain and fire; the others are of no class
NATURE = 0.6  # share of sea, fire, clock and rain among the poor recordings
Rng = np.random.Generator


class SoundPairs:
    """Endless pairs of a sound of a new kind and an easier one of the same class (see `PairSource`)."""

    def __init__(self, data: Path) -> None:
        self.source = Scenes(data, "train", ("audio",))

    def pair(self, index: int, seed: int) -> tuple[Sample, Sample]:
        rng = np.random.default_rng([seed, index, 4])
        kind = rng.random()
        if kind < POOR:
            nature = rng.random() < NATURE
            label = int(rng.integers(LABELS.index("sea"), len(LABELS)) if nature else rng.integers(len(LABELS)))
            easy = self.recording(label, rng)
            return heard(poor(easy, rng), label), heard(easy, label)
        if kind < POOR + MADE:
            label = RAIN if rng.random() < 0.5 else FIRE
            made = make_rain(rng) if label == RAIN else make_fire(rng)
            return heard(poor(made, rng) if rng.random() < 0.5 else made, label), heard(self.recording(label, rng), label)
        other = sounds.make_nothing(rng).samples if rng.random() < 0.4 else self.recording(NONE, rng)
        return heard(poor(other, rng), NONE), heard(other, NONE)

    def recording(self, label: int, rng: Rng) -> np.ndarray:
        return sounds.random_part(self.source.read_sound(self.source.pick("sound", label, rng).path).samples, sounds.SECONDS, rng)


def heard(samples: np.ndarray, label: int) -> Sample:
    return Sample({"audio": Audio(RATE, samples.astype(np.float32))}, label, ("audio",) if label != NONE else ())


def poor(samples: np.ndarray, rng: Rng) -> np.ndarray:
    """A part of a recording through a poor microphone: a narrow band, another speed, a room, hum, noise."""
    x = sounds.random_part(samples, float(np.exp(rng.uniform(np.log(0.8), np.log(5)))), rng)
    if rng.random() < 0.5:
        x = sounds.change_speed(x, rng)
    if rng.random() < 0.6:
        top = float(np.exp(rng.uniform(np.log(1500), np.log(7500))))
        x = signal.sosfilt(signal.butter(int(rng.integers(1, 7)), top, fs=RATE, output="sos"), x)
    if rng.random() < 0.4:
        low = float(np.exp(rng.uniform(np.log(80), np.log(900))))
        x = signal.sosfilt(signal.butter(int(rng.integers(1, 5)), low, "high", fs=RATE, output="sos"), x)
    if rng.random() < 0.2:
        x = sounds.put_in_room(np.asarray(x, np.float32), rng)
    if rng.random() < 0.35:
        x = sounds.add_noise(np.asarray(x, np.float32), sounds.make_noise(len(x), rng), rng.uniform(6, 30))
    peak = max(float(np.abs(x).max(initial=0)), 1e-4)
    louder = x * (10 ** rng.uniform(-1.3, 0.1) / peak)  # now and then clipped
    return np.asarray(louder.clip(-1, 1), np.float32)


def make_rain(rng: Rng) -> np.ndarray:
    """Drops on leaves, roofs, puddles or a window over the hiss of many others: dense, and of nearly one loudness."""
    count = int(rng.uniform(1.5, 5) * RATE)
    x = noise(count, rng, rng.uniform(60, 900), rng.uniform(2500, 7900), rng.uniform(0, 0.6)) * rng.uniform(0.1, 1.0)
    x = x * np.exp(0.15 * wander(count, rng, 1.5))
    ring, long = rng.random() < 0.6, rng.uniform(0.001, 0.008)
    low, high = np.sort(np.exp(rng.uniform(np.log(250), np.log(5000), 2)))
    for _ in range(int(count / RATE * np.exp(rng.uniform(np.log(15), np.log(500))))):
        n = max(8, int(long * rng.uniform(0.5, 2) * RATE))
        drop = rng.standard_normal(n) * np.exp(-4 * np.arange(n) / n)
        if ring:
            tail = ping(rng.uniform(0.01, 0.04), rng.uniform(low, high + 1), rng.uniform(0.002, 0.01))
            drop = np.concatenate([drop, np.zeros(max(0, len(tail) - n))])
            drop[: len(tail)] += tail * rng.uniform(0.3, 2)
        place(x, drop, rng.uniform(0, count / RATE), rng.lognormal(0, 0.5))
    return scaled(x)


def make_fire(rng: Rng) -> np.ndarray:
    """Crackles of very different loudness, in clusters, over a rumble that flickers."""
    count = int(rng.uniform(1.5, 5) * RATE)
    x = noise(count, rng, 20, rng.uniform(150, 700), 0.5) * np.exp(0.4 * wander(count, rng, 4)) * rng.uniform(0.02, 0.5)
    x = x + noise(count, rng, 400, 7500, rng.uniform(0.2, 0.8)) * rng.uniform(0.002, 0.06)
    for start in rng.uniform(0, count / RATE, int(count / RATE * rng.uniform(3, 16))):
        for second in start + rng.exponential(0.08, int(rng.integers(1, 16))):
            n = int(rng.uniform(0.003, 0.028) * RATE)
            snap = noise(512, rng, rng.uniform(200, 1200), rng.uniform(3500, 7900))[:n] * np.exp(-10 * np.arange(n) / n)
            place(x, snap, second, min(0.1 * rng.pareto(1.6) + 0.02, 1.5))
    return scaled(x)


def scaled(samples: np.ndarray) -> np.ndarray:
    return (0.8 * samples / max(float(np.abs(samples).max()), 1e-6)).astype(np.float32)
