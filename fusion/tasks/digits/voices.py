"""Synthetic voices for training: spoken digits from the speech synthesisers that are installed (espeak-ng, flite, festival).

    python -m fusion voices --data DIR      writes DATA/voices/{digit}_{voice}_{index}.wav, 8 kHz mono
    python -m fusion voices --examples      writes the ten sounds of the page's worked examples

Six real speakers are too few to generalise; hundreds of synthetic ones add pitches, accents and tempos. The synthesisers are tools for
training only: nothing here runs in the app. The voices depend on the installation; training also works without any.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr
from scipy.io import wavfile

from fusion.files import keep_checksum, written_whole
from fusion.types import FusionError

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
FLITE = ("awb", "kal", "kal16", "rms", "slt")
FESTIVAL = ("cmu_us_slt_arctic_hts", "kal_diphone", "ked_diphone")
RATE = 8000


def _wav(data: bytes) -> tuple[int, np.ndarray]:
    """A WAV file from a pipe, whose header does not state its length."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        rate, samples = wavfile.read(io.BytesIO(data))
    return rate, samples.astype(np.float32) / 32768.0


def _run(command: list[str], given: str | None = None) -> bytes:
    return subprocess.run(command, input=given.encode() if given else None, capture_output=True, check=True, timeout=60).stdout


def espeak_variants() -> list[str]:
    """Names of the voice variants (m1, f3, Andrea, ...), without the singing and whispering ones."""
    listing = _run(["espeak-ng", "--voices=variant"]).decode(errors="replace").splitlines()[1:]
    names = [line.split()[-1].split("/")[-1] for line in listing if "!v/" in line]
    return sorted(n for n in set(names) if n.lower() not in {"whisper", "whisperf", "croak", "robosoft", "demonic", "klatt"})


def speak_espeak(word: str, voice: str, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    pitch = int(rng.integers(25, 80))
    speed = int(rng.integers(95, 210))
    return _wav(_run(["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", word]))


def speak_flite(word: str, voice: str, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    settings = ["--setf", f"duration_stretch={rng.uniform(0.75, 1.5):.2f}", "--setf", f"int_f0_target_mean={rng.uniform(80, 230):.0f}"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        _run(["flite", "-voice", voice, *settings, "-t", word, "-o", str(path)])
        return _wav(path.read_bytes())


def speak_festival(word: str, voice: str, rng: np.random.Generator) -> tuple[int, np.ndarray]:
    script = f"(begin (voice_{voice}) (Parameter.set 'Duration_Stretch {rng.uniform(0.75, 1.4):.2f}))"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        _run(["text2wave", "-o", str(path), "-eval", script], word)
        return _wav(path.read_bytes())


def trim(samples: np.ndarray) -> np.ndarray:
    """Without the silence at both ends (below 2 % of the peak)."""
    loud = np.flatnonzero(np.abs(samples) > 0.02 * np.abs(samples).max(initial=1e-9))
    return samples[loud[0] : loud[-1] + 1] if len(loud) else samples[:0]


def make_voices(out: Path, seed: int = 0) -> int:
    """Writes every digit in every installed voice and returns the number of files. Raises FusionError if there is no synthesiser."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    jobs: list[tuple[Callable[[str, str, np.random.Generator], tuple[int, np.ndarray]], str, int]] = []  # function, voice, repetitions
    if shutil.which("espeak-ng"):
        for i, variant in enumerate(espeak_variants()):
            for accent in (ACCENTS[i % len(ACCENTS)], ACCENTS[(i * 3 + 1) % len(ACCENTS)]):
                jobs.append((speak_espeak, f"{accent}+{variant}", 1))
    if shutil.which("flite"):
        jobs += [(speak_flite, voice, 6) for voice in FLITE]
    if shutil.which("text2wave"):
        jobs += [(speak_festival, voice, 3) for voice in FESTIVAL]
    if not jobs:
        raise FusionError("No speech synthesiser is installed; espeak-ng, flite or festival is needed to make training voices.")
    count = 0
    for done, (speak, voice, times) in enumerate(jobs, 1):
        for digit, word in enumerate(WORDS):
            for index in range(times):
                try:
                    rate, samples = speak(word, voice, rng)
                except (subprocess.SubprocessError, OSError, ValueError):
                    continue  # a voice that is listed but not installed
                samples = trim(soxr.resample(samples, rate, RATE))
                if len(samples) < RATE // 10:
                    continue
                samples = samples / np.abs(samples).max() * 0.7
                name = f"{digit}_{voice.replace('_', '-')}_{index}.wav"
                wavfile.write(out / name, RATE, (samples * 32767).astype(np.int16))
                count += 1
        print(f"\r{done}/{len(jobs)} voices, {count} files", end="", file=sys.stderr)
    print(file=sys.stderr)
    return count


def make_examples(out: Path) -> None:
    """One plain voice says the ten digits; the page's examples use them, training does not."""
    out.mkdir(parents=True, exist_ok=True)
    for digit, word in enumerate(WORDS):
        rate, samples = _wav(_run(["espeak-ng", "-v", "en-us", "-p", "42", "-s", "135", "--stdout", word]))
        samples = np.pad(trim(soxr.resample(samples, rate, RATE)), RATE // 10)
        with written_whole(out / f"{digit}.wav") as part:
            wavfile.write(part, RATE, (samples / np.abs(samples).max() * 0.7 * 32767).astype(np.int16))
        keep_checksum(out / f"{digit}.wav")
