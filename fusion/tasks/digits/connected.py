"""Digits cut out of connected speech: what stands beside the word is heard in part, its own ends may be missing, and it was said fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from fusion.files import load_json
from fusion.tasks.digits.sounds import RATE, stretch, tempo

NEIGHBOUR = 0.08  # seconds of what is said before and after, at most
LOST = 0.04  # seconds of the word's own ends that the cut may miss
OVERLAP, PAUSE = 0.07, 0.12  # seconds by which two words overlap, or are apart
SHORTEST, LONGEST = 0.12, 1.2  # seconds of the word after the cut
SPEEDS = 0.7, 1.8  # factors


@dataclass(frozen=True)
class String:
    """Several words in one recording of 8 kHz: word i is `samples[borders[i]:borders[i + 1]]`; its digit, -1 for any other word."""

    samples: np.ndarray
    borders: np.ndarray
    digits: tuple[int, ...]


def join(words: list[np.ndarray], digits: tuple[int, ...], rng: np.random.Generator) -> String:
    """Recordings of single words, put one after another as if said in one breath: they overlap, or are a moment apart."""
    samples = np.zeros(0, np.float32)
    borders = [0]
    for word in words:
        loud = (word / max(float(np.abs(word).max()), 1e-9) * rng.uniform(0.4, 1.0)).astype(np.float32)
        shift = int(rng.uniform(-OVERLAP, PAUSE if rng.random() < 0.3 else 0.0) * RATE) if len(samples) else 0
        shift = max(shift, -min(len(samples), len(loud)) // 3)
        if len(samples):
            borders.append(max(len(samples) + shift // 2, 0))
        together = np.zeros(len(samples) + shift + len(loud), np.float32)
        together[: len(samples)] += samples[: len(together)]
        together[len(samples) + shift :] += faded(loud, -shift) if shift < 0 else loud
        samples = together
    return String(samples, np.array([*borders, len(samples)]), digits)


def faded(samples: np.ndarray, count: int) -> np.ndarray:
    """The same, with the first `count` samples rising from zero."""
    risen = samples.copy()
    risen[:count] *= np.linspace(0, 1, count, dtype=np.float32)
    return risen


def cut(string: String, index: int, rng: np.random.Generator) -> np.ndarray:
    """One word of a string: up to 80 ms more than it on either side, or up to 40 ms less, at another speed."""
    start, end = string.borders[index], string.borders[index + 1]
    most = max(0, (end - start) // 8)
    ends = [rng.uniform(0, NEIGHBOUR) if rng.random() < 0.7 else -rng.uniform(0, LOST) for _ in range(2)]
    before, after = (max(int(seconds * RATE), -most) for seconds in ends)
    piece = string.samples[max(0, start - before) : end + after]
    return fast(piece, rng)


def fast(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A word at another speed and of another vocal tract, between 0.12 and 1.2 seconds long."""
    tract = float(np.exp(rng.uniform(-0.16, 0.16)))
    speed = float(np.exp(rng.uniform(*np.log(SPEEDS))))
    length = len(piece) / RATE
    speed = float(np.clip(speed, length / LONGEST, max(length / SHORTEST, length / LONGEST)))
    changed = stretch(piece, tract)
    return tempo(changed, speed / tract, rng) if rng.random() < 0.8 else changed


BORDERS = "borders.json"  # in the folder of the strings: {file: {"borders": samples, "digits": a digit for each word or -1}}
FOLDER = "voices_connected"


def load_strings(data: Path) -> list[String]:
    """The synthetic strings that `python -m fusion voices` wrote into the data folder; none without it."""
    folder = Path(data) / FOLDER
    if not (folder / BORDERS).exists():
        return []
    about = load_json(folder / BORDERS)
    strings: list[String] = []
    for name, entry in sorted(about.items()):
        _, samples = wavfile.read(folder / name)
        strings.append(String(samples.astype(np.float32) / 32768.0, np.array(entry["borders"]), tuple(entry["digits"])))
    return strings
