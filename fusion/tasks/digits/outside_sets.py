"""Spoken digits from sources that training does not use: synthesisers whose connected speech it never heard, recorded announcements.

A set whose synthesiser or recordings are not installed is left out. Each is made by code and the same for the same seed.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from fusion.media.resample import resample
from fusion.tasks.base import TestSet
from fusion.tasks.digits import connected, sources
from fusion.tasks.digits.connected import String
from fusion.tasks.digits.sounds import RATE, tempo
from fusion.tasks.digits.voices import FESTIVAL, FLITE, WORDS, trim
from fusion.types import Audio, Medium

FOLD = 2  # of the speakers of `spoken_digits_many`: the shipped weights were trained without it

FESTIVAL_SCRIPT = """(voice_{voice})
(Parameter.set 'Duration_Stretch {stretch:.2f})
(set! u (utt.synth (Utterance Text "{text}")))
(utt.save.wave u "{path}" 'riff)
(mapcar (lambda (w) (format t "%f %f\\n" (item.feat w "word_start") (item.feat w "word_end"))) (utt.relation.items u 'Word))
"""
Labelled = list[tuple[Medium, int]]
STRINGS = 120  # of each synthesiser
NEIGHBOURS = 0.08  # seconds of what is said before and after, at most
ANNOUNCEMENTS = "announcements/digits"  # in the data folder, 0.wav to 9.wav: a folder of asterisk-core-sounds-en-wav (CC BY-SA 3.0)


def outside_sets(data: Path, seed: int = 0) -> dict[str, TestSet]:
    """{name: test set}, of what is installed."""
    found: dict[str, Labelled] = {}
    if shutil.which("flite"):
        found["audio_connected_flite"] = words_of(synthesised(flite_string, FLITE, seed), seed)
    if shutil.which("festival"):
        found["audio_connected_festival"] = words_of(synthesised(festival_string, FESTIVAL, seed), seed)
    announced = announcements(data)
    if announced:
        found["audio_announcements"] = [(sound, digit) for sound, digit in announced]
        found["audio_connected_announcements"] = joined(announced, 60, seed, speeds=(1.0, 1.5))
    sets = {name: TestSet("audio", media) for name, media in found.items()}
    if (data / "spoken_digits_many").is_dir():
        sets |= speaker_sets(data, FOLD, seed)
    return sets


def speaker_sets(data: Path, fold: int, seed: int = 0) -> dict[str, TestSet]:
    """The speakers of one fold of `spoken_digits_many`: their words, and words cut out of joined ones."""
    many = sources.load_spoken_digits_many(data)
    speakers = sources.fold_of(many.speakers, fold)
    single: Labelled = []
    strings: Labelled = []
    for number, speaker in enumerate(speakers):
        words = [(many.sounds[i], int(many.labels[i])) for i in np.flatnonzero(many.speakers == speaker)]
        single += words
        if len(words) >= 4:
            strings += joined(words, 12, seed + number)
    return {"audio_new_speakers": TestSet("audio", single), "audio_connected_new_speakers": TestSet("audio", strings)}


def words_of(strings: Iterator[String], seed: int) -> Labelled:
    """All digits of strings, cut at their borders with 0 to 80 ms of the neighbours."""
    rng = np.random.default_rng([seed, 5])
    return [cut_exactly(s, i, rng) for s in strings for i, digit in enumerate(s.digits) if digit >= 0]


def cut_exactly(string: String, index: int, rng: np.random.Generator) -> tuple[Audio, int]:
    before, after = (rng.uniform(0, NEIGHBOURS, 2) * RATE).astype(int)
    start, end = string.borders[index], string.borders[index + 1]
    return Audio(RATE, string.samples[max(0, start - before) : end + after].astype(np.float32)), string.digits[index]


def joined(words: list[tuple[Audio, int]], count: int, seed: int, speeds: tuple[float, float] = (1.0, 1.0)) -> Labelled:
    """`count` strings of four words of one speaker, of each the two in the middle."""
    rng = np.random.default_rng([seed, 6])
    found: Labelled = []
    for _ in range(count):
        chosen = [words[int(i)] for i in rng.integers(0, len(words), 4)]
        string = connected.join([trim(sound.samples) for sound, _ in chosen], tuple(digit for _, digit in chosen), rng)
        for index in (1, 2):
            sound, digit = cut_exactly(string, index, rng)
            faster = tempo(sound.samples, rng.uniform(*speeds), rng) if speeds[1] > 1 else sound.samples
            found.append((Audio(RATE, faster.astype(np.float32)), digit))
    return found


def synthesised(
    speak: Callable[[list[int], str, np.random.Generator], String | None], voices: tuple[str, ...], seed: int
) -> Iterator[String]:
    """Strings of two to six digits in voices by turns; those that the synthesiser cannot make are left out."""
    rng = np.random.default_rng([seed, 4])
    for number in range(STRINGS):
        digits = [int(d) for d in rng.integers(0, 10, int(rng.integers(2, 7)))]
        try:
            string = speak(digits, voices[number % len(voices)], rng)
        except (subprocess.SubprocessError, OSError, ValueError):
            continue  # a voice that is not installed
        if string is not None:
            yield string


def flite_phones(text: str, voice: str, out: str, settings: tuple[str, ...] = ()) -> list[tuple[float, float]]:
    """Start and end in seconds of every phone but pauses, as `flite -psdur` prints the ends."""
    command = ["flite", "-voice", voice, *settings, "-psdur", "-t", text, "-o", out]
    printed = subprocess.run(command, capture_output=True, check=True, timeout=60, text=True).stdout.split()
    ends = [0.0, *(float(entry.split(":")[1]) for entry in printed)]
    return [(ends[i], ends[i + 1]) for i, entry in enumerate(printed) if not entry.startswith("pau")]


def flite_string(digits: list[int], voice: str, rng: np.random.Generator) -> String | None:
    """None if the number of phones is not that of the single words, so that their borders are unknown."""
    settings = (
        "--setf",
        f"duration_stretch={rng.uniform(0.55, 1.1):.2f}",
        "--setf",
        f"int_f0_target_mean={rng.uniform(85, 220):.0f}",
    )
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.wav"
        phones = flite_phones(" ".join(WORDS[d] for d in digits), voice, path, settings)
        counts = [len(flite_phones(WORDS[d], voice, f"{folder}/b.wav")) for d in digits]
        if sum(counts) != len(phones):
            return None
        firsts = np.cumsum([0, *counts[:-1]])
        return read_string(path, [phones[i][0] for i in firsts], phones[-1][1], digits)


def festival_string(digits: list[int], voice: str, rng: np.random.Generator) -> String | None:
    with tempfile.TemporaryDirectory() as folder:
        path, script = f"{folder}/a.wav", Path(folder) / "a.scm"
        text = " ".join(WORDS[d] for d in digits)
        script.write_text(FESTIVAL_SCRIPT.format(voice=voice, stretch=rng.uniform(0.55, 1.1), text=text, path=path))
        printed = subprocess.run(["festival", "-b", str(script)], capture_output=True, check=True, timeout=60, text=True).stdout
        times = [[float(x) for x in line.split()] for line in printed.splitlines() if line.strip()]
        if len(times) != len(digits):
            return None
        return read_string(path, [start for start, _ in times], times[-1][1], digits)


def read_string(path: str, starts: list[float], end: float, digits: list[int]) -> String:
    """A wav file at 8 kHz with the places of its words, given in seconds."""
    rate, samples = wavfile.read(path)
    borders = (np.array([*starts, end]) * RATE).astype(int)
    return String(resample(samples.astype(np.float32) / 32768.0, rate, RATE), borders, tuple(digits))


def announcements(data: Path) -> list[tuple[Audio, int]]:
    """The ten digits of a recorded announcer; none without the folder."""
    found: list[tuple[Audio, int]] = []
    for digit in range(10):
        path = data / ANNOUNCEMENTS / f"{digit}.wav"
        if path.exists():
            rate, samples = wavfile.read(path)
            found.append((Audio(RATE, resample(samples.astype(np.float32) / 32768.0, rate, RATE)), digit))
    return found
