"""Synthetic strings of digits and carrier phrases with the place of every word, for training; see `connected.load_strings`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soxr
from scipy.io import wavfile

from fusion.files import save_json
from fusion.tasks.digits.connected import BORDERS, String
from fusion.tasks.digits.espeak import speak_words
from fusion.tasks.digits.sounds import RATE
from fusion.tasks.digits.voices import ACCENTS, WORDS, espeak_variants
from fusion.types import FusionError

STRINGS = 4000
CARRIER = 0.35  # share of strings with other words around the digits
OTHER = tuple(
    "please call the number is dial now and then room page about turn left at a my code was again for you today street house door press "
    "key enter select channel go say hello there thanks bus line platform gate minutes hours people more only just maybe yes no we need "
    "take it them".split()
)
SPEEDS = 140, 330  # words a minute
SHORTEST = 0.04  # seconds; a word whose reported place is shorter has no reliable border


def make_strings(out: Path, count: int = STRINGS, seed: int = 0) -> int:
    """Writes strings of eSpeak NG as 8 kHz wav files and their borders; returns the number of files.

    Raises:
        FusionError: eSpeak NG is not installed.
    """
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    voices = [f"{accent}+{variant}" for accent in ACCENTS for variant in espeak_variants()]
    about: dict[str, dict[str, list[int]]] = {}
    for index in range(count):
        string = make_string(str(rng.choice(voices)), rng)
        if string is None:
            continue
        name = f"{index:05d}.wav"
        wavfile.write(out / name, RATE, (string.samples / np.abs(string.samples).max() * 0.7 * 32767).astype(np.int16))
        about[name] = {"borders": string.borders.tolist(), "digits": list(string.digits)}
        if index % 100 == 0:
            print(f"\r{index}/{count} strings", end="", file=sys.stderr)
    print(file=sys.stderr)
    save_json(out / BORDERS, about, checksum=False)
    return len(about)


def make_string(voice: str, rng: np.random.Generator) -> String | None:
    """Two to six digits, some between other words; None if the voice is missing or the places of the words are not reported."""
    digits = [int(d) for d in rng.integers(0, 10, int(rng.integers(2, 7)))]
    words = [WORDS[d] for d in digits]
    if rng.random() < CARRIER:
        before = [str(w) for w in rng.choice(OTHER, int(rng.integers(0, 4)))]
        after = [str(w) for w in rng.choice(OTHER, int(rng.integers(0, 3)))]
        words = [*before, *words, *after]
        digits = [-1] * len(before) + digits + [-1] * len(after)
    try:
        rate, spoken, starts = speak_words(" ".join(words), voice, int(rng.integers(*SPEEDS)), int(rng.integers(20, 85)))
    except FusionError:
        return None
    samples = soxr.resample(spoken, rate, RATE).astype(np.float32)
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max(initial=1e-9))
    if len(starts) != len(words) or not len(loud):
        return None
    end = int(loud[-1]) + 1
    borders = np.array([*(int(start * RATE / rate) for start in starts), end])
    if np.diff(borders).min() < SHORTEST * RATE:
        return None
    return String(samples[: end + RATE // 10], borders, tuple(digits))
