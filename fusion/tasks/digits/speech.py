"""New kinds of spoken digits for training: many speakers, words cut out of connected and fast speech.

Beside FSDD (`sources.load_fsdd`) they need `spoken_digits_many` and, where a synthesiser is installed, the strings of digits that
`python -m fusion voices` writes. `fusion.training.consistency` trains the encoder on them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Sample
from fusion.tasks.digits import connected, sounds, sources
from fusion.tasks.digits.connected import String
from fusion.tasks.digits.samples import draw_level
from fusion.tasks.digits.voices import trim
from fusion.types import Audio, Medium

SINGLE, REAL = 0.25, 0.45  # shares of single words and of words cut from joined recordings; the others are cut from synthetic strings
MOST_WORDS = 6  # of a joined string
SLOWER = 0.75  # speed at which the teacher hears a synthetic word


class SpokenPairs:
    """Endless pairs of a spoken digit of a new kind and an easier recording of the same word (see `PairSource`).

    Args:
        data: folder with the data sets.
        fold: number of the fold of speakers of `spoken_digits_many` that are left out; None for all speakers.
    """

    def __init__(self, data: Path, fold: int | None = None) -> None:
        few = sources.load_fsdd(data, "train")
        many = sources.load_spoken_digits_many(data)
        kept = np.ones(len(many.labels), bool) if fold is None else ~np.isin(many.speakers, sources.fold_of(many.speakers, fold))
        self.words: dict[str, list[tuple[np.ndarray, int]]] = {}  # of each speaker
        self.single: list[tuple[np.ndarray, int]] = []  # of many speakers
        for sound, label, speaker in zip(few.sounds, few.labels, few.speakers, strict=True):
            self.words.setdefault(speaker, []).append((trim(sound.samples), int(label)))
        for i in np.flatnonzero(kept):
            word = trim(many.sounds[i].samples), int(many.labels[i])
            self.words.setdefault(f"many {many.speakers[i]}", []).append(word)
            self.single.append(word)
        self.speakers = sorted(self.words)
        weights = np.array([len(self.words[s]) ** 0.5 for s in self.speakers])  # six speakers have 400 words each, the others six
        self.weights = weights / weights.sum()
        self.strings = connected.load_strings(data)

    def pair(self, index: int, seed: int) -> tuple[Sample, Sample]:
        rng = np.random.default_rng([seed, index, 2])
        kind = rng.random()
        if kind < SINGLE:
            word, digit = self.single[int(rng.integers(len(self.single)))]
            new, easy = sounds.make_sound(Audio(sounds.RATE, word), rng), word
        elif kind < SINGLE + REAL or not self.strings:
            string, place, easy = self.joined(rng)
            digit = string.digits[place]
            new = recorded(connected.cut(string, place, rng), rng)
        else:
            string = self.strings[int(rng.integers(len(self.strings)))]
            place = int(rng.choice(np.flatnonzero(np.array(string.digits) >= 0)))
            digit = string.digits[place]
            new = recorded(connected.cut(string, place, rng), rng)
            easy = sounds.tempo(string.samples[string.borders[place] : string.borders[place + 1]], SLOWER, rng)
        corrupted = corrupt("audio", new, draw_level("train", "audio", rng), rng)
        return spoken(corrupted, digit), spoken(Audio(sounds.RATE, easy.astype(np.float32)), digit)

    def joined(self, rng: np.random.Generator) -> tuple[String, int, np.ndarray]:
        """Recordings of one speaker in one string, the number of one of its words, and this word by itself."""
        words = self.words[str(rng.choice(self.speakers, p=self.weights))]
        count = int(rng.integers(2, MOST_WORDS + 1))
        chosen = [words[int(i)] for i in rng.integers(0, len(words), count)]
        string = connected.join([word for word, _ in chosen], tuple(digit for _, digit in chosen), rng)
        place = int(rng.integers(count))
        return string, place, chosen[place][0]


def spoken(sound: Medium, digit: int) -> Sample:
    return Sample({"audio": sound}, digit, ("audio",))


def recorded(samples: np.ndarray, rng: np.random.Generator) -> Audio:
    """A cut word as it is, or with noise and a room over all of it, or with silence or noise around."""
    sound = Audio(sounds.RATE, samples.astype(np.float32))
    kind = rng.random()
    if kind < 0.4:
        return sounds.make_sound(sound, rng, varied=False)
    x = sound.samples
    if kind < 0.75:
        level = np.sqrt(np.mean(x**2)) * 10 ** (-rng.uniform(8, 50) / 20)
        x = x + sounds.noise(len(x), rng) * level
    if kind < 0.6:
        x = sounds.shape(x.astype(np.float32), rng)
    loudness = 10 ** (-rng.uniform(0.2, 20) / 20)
    return Audio(sounds.RATE, (x / max(float(np.abs(x).max()), 1e-9) * loudness).astype(np.float32))
