"""Readers of the public data sets of the digits task, in their official layouts below one data folder.

MNIST             mnist/MNIST/raw/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]      CC BY-SA 3.0
FSDD              fsdd/recordings/{digit}_{speaker}_{index}.wav                            CC BY-SA 4.0
Pen-Based digits  pendigits/pendigits-orig.{tra,tes}  (UNIPEN text, y points up)           CC BY 4.0
Many speakers     spoken_digits_many/{digit}_{speaker}_{take}.flac    CC BY 4.0 (72 speakers of Speech Commands); 9 of a student collection

Splits never mix: MNIST and pen digits come as train and test with different writers; FSDD's official test split is index 0-4.
Validation is taken out of the training part: the last 5,000 MNIST digits, three writers of the pen digits, FSDD's index 5-9.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from fusion.media.resample import resample
from fusion.tasks.digits.pen import Strokes
from fusion.types import Audio, FusionError

SPEECH_RATE = 8000
SPLITS = ("train", "val", "test")
PEN_VAL_WRITERS = ("4", "13", "22")  # three of the thirty writers of the training file


@dataclass(frozen=True)
class Pictures:
    """MNIST: `images` (N, 28, 28) uint8, light ink on black; `labels` (N,)."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class Drawings:
    """Pen digits: `strokes` one list per digit, unscaled, y down, seconds; `labels` (N,); `writers` (N,) as text."""

    strokes: list[Strokes]
    labels: np.ndarray
    writers: np.ndarray


@dataclass(frozen=True)
class Recordings:
    """Spoken digits: `sounds`, `labels` (N,), `speakers` (N,)."""

    sounds: list[Audio]
    labels: np.ndarray
    speakers: np.ndarray


def _need(path: Path, what: str) -> Path:
    if not path.exists():
        raise FusionError(
            "{what} is not in the data folder ({file} is missing); `python -m fusion download --task digits` fetches it.",
            what=what,
            file=path.name,
        )
    return path


def _read_idx(folder: Path, stem: str) -> np.ndarray:
    """An IDX file, plain or gzipped: a big-endian header (magic, sizes), then bytes."""
    plain = folder / stem
    packed = folder / f"{stem}.gz"
    data = plain.read_bytes() if plain.exists() else gzip.decompress(_need(packed, "MNIST").read_bytes())
    sizes = np.frombuffer(data, ">i4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def load_mnist(data: Path, split: str) -> Pictures:
    """MNIST; `val` is the last 5,000 of the training file."""
    stem = "t10k" if split == "test" else "train"
    folder = Path(data) / "mnist" / "MNIST" / "raw"
    images = _read_idx(folder, f"{stem}-images-idx3-ubyte")
    labels = _read_idx(folder, f"{stem}-labels-idx1-ubyte")
    part = {"train": slice(0, -5000), "val": slice(-5000, None), "test": slice(None)}[split]
    return Pictures(images[part], labels[part].astype(np.int64))


def load_pendigits(data: Path, split: str) -> Drawings:
    """Pen trajectories sampled every 10 ms (`.DT 100` is in tenths of a millisecond); `val` is three writers of the training file."""
    path = _need(Path(data) / "pendigits" / f"pendigits-orig.{'tes' if split == 'test' else 'tra'}", "The pen digits data set")
    strokes, labels, writers = _read_unipen(path.read_text("latin-1"))
    if split != "test":
        held = np.isin(writers, PEN_VAL_WRITERS)
        keep = np.flatnonzero(held if split == "val" else ~held)
        strokes = [strokes[i] for i in keep]
        labels = labels[keep]
        writers = writers[keep]
    return Drawings(strokes, labels, writers)


def _read_unipen(text: str) -> tuple[list[Strokes], np.ndarray, np.ndarray]:
    drawings: list[Strokes] = []
    labels: list[int] = []
    writers: list[str] = []
    points: list[tuple[float, float, float]] = []
    clock = 0.0
    down = False
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == ".SEGMENT":
            drawings.append([])
            labels.append(int(rest.split('"')[1]))
            clock = 0.0
        elif word == ".COMMENT" and drawings:
            writers.append(rest.split()[1])
        elif word == ".PEN_DOWN":
            points = []
            down = True
        elif word == ".PEN_UP":
            if points:
                drawings[-1].append(np.array(points))
            down = False
            clock += 0.1  # lifting the pen takes time, which the file does not record
        elif down and word and word[0] in "-0123456789":
            x, y = line.split()
            points.append((float(x), -float(y), clock))
            clock += 0.01
    kept = [i for i, d in enumerate(drawings) if d]
    return [drawings[i] for i in kept], np.array(labels)[kept], np.array(writers)[kept]


SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def load_fsdd(data: Path, split: str, leave_out: str | None = None) -> Recordings:
    """Spoken digits at 8 kHz. Test is index 0-4, val 5-9, train the rest (the official split has no val).

    `leave_out` names a speaker: then train and val are the others and test is all of that speaker.
    """
    folder = _need(Path(data) / "fsdd" / "recordings", "The spoken digits data set (FSDD)")
    sounds: list[Audio] = []
    labels: list[int] = []
    speakers: list[str] = []
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, index = path.stem.split("_")
        if _part_of(speaker, int(index), leave_out) != split:
            continue
        rate, samples = wavfile.read(path)
        sounds.append(Audio(rate, samples.astype(np.float32) / 32768.0))
        labels.append(int(digit))
        speakers.append(speaker)
    if not sounds:
        raise FusionError("The folder fsdd/recordings holds no recordings named {digit}_{speaker}_{index}.wav.")
    return Recordings(sounds, np.array(labels), np.array(speakers))


def _part_of(speaker: str, index: int, leave_out: str | None) -> str:
    """The split of a recording of FSDD."""
    if leave_out is not None and speaker == leave_out:
        return "test"
    if index < 5 and leave_out is None:
        return "test"
    return "val" if 5 <= index < 10 else "train"


def load_voices(data: Path, split: str) -> Recordings:
    """Synthetic voices made by `fusion.tasks.digits.voices`, 8 kHz; empty without any. Every ninth voice is kept from training."""
    paths = sorted((Path(data) / "voices").glob("*.wav"))
    names = sorted({p.stem.split("_")[1] for p in paths})
    held = set(names[8::9])
    sounds: list[Audio] = []
    labels: list[int] = []
    speakers: list[str] = []
    for path in paths:
        digit, voice, _ = path.stem.split("_")
        if (voice in held) == (split != "train"):
            rate, samples = wavfile.read(path)
            sounds.append(Audio(rate, samples.astype(np.float32) / 32768.0))
            labels.append(int(digit))
            speakers.append(voice)
    return Recordings(sounds, np.array(labels, int), np.array(speakers))


FOLDS = 5


def load_spoken_digits_many(data: Path) -> Recordings:
    """Single digits of many speakers, `spoken_digits_many/{digit}_{speaker}_{take}.flac`, at 8 kHz."""
    import soundfile  # needed for training only

    folder = _need(Path(data) / "spoken_digits_many", "The recordings of many speakers")
    sounds: list[Audio] = []
    labels: list[int] = []
    speakers: list[str] = []
    for path in sorted(folder.glob("*.flac")):
        digit, speaker, _ = path.stem.split("_")
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        sounds.append(Audio(SPEECH_RATE, resample(samples.mean(1), rate, SPEECH_RATE)))
        labels.append(int(digit))
        speakers.append(speaker)
    if not sounds:
        raise FusionError("The folder spoken_digits_many holds no recordings named {digit}_{speaker}_{take}.flac.")
    return Recordings(sounds, np.array(labels), np.array(speakers))


def fold_of(speakers: np.ndarray, fold: int) -> list[str]:
    """The speakers of one of the five folds of cross-validation; no speaker is in two."""
    return sorted(set(speakers.tolist()))[fold::FOLDS]


def data_hash(data: Path) -> dict[str, str]:
    """SHA-256 over names and bytes of the files of each source, which identifies the data of a report."""
    hashes = {}
    for name, pattern in {
        "mnist": "mnist/MNIST/raw/*-ubyte*",
        "fsdd": "fsdd/recordings/*.wav",
        "pendigits": "pendigits/pendigits-orig.*",
        "spoken_digits_many": "spoken_digits_many/*.flac",
    }.items():
        digest = hashlib.sha256()
        for path in sorted(Path(data).glob(pattern)):
            digest.update(path.name.encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        hashes[name] = digest.hexdigest()
    return hashes
