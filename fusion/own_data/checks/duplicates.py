"""Equal and nearly equal media on both sides of a split: the test then asks for what training has seen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusion import media
from fusion.messages import message
from fusion.own_data.checks.finding import Finding, some
from fusion.own_data.samples import Samples
from fusion.own_data.splits import Plan
from fusion.types import FusionError

LONG_TEXT = 20  # characters: shorter texts may well be equal by chance
SIDE = 16  # of a thumbnail
CELLS = 24  # of a coarse spectrogram, along time and along frequency
ALIKE = 0.985  # correlation of two thumbnails
ALIKE_SOUNDS = 0.99  # of two spectrograms
CLOSE = 6.0  # mean difference of two thumbnails, of 255
MOST_PICTURES, MOST_SOUNDS = 20_000, 2_000
MOST_PIXELS = 60_000_000
SELDOM = 3  # a vector or a text that is there more often than this is a constant, such as all zeros
Keys = dict[str, list[str | None]]


def check_equal(samples: Samples, plan: Plan, keys: Keys) -> Iterator[Finding]:
    """Media of a test that are, byte for byte, in its training."""
    for m, kind in samples.kinds.items():
        if kind == "table":
            continue
        own = keys[m]
        both: set[int] = set()
        for fold in plan.folds:
            trained: defaultdict[str | None, int] = defaultdict(int)
            for i in (*fold.train, *fold.val):
                trained[own[i]] += 1
            both |= {int(i) for i in fold.test if own[i] is not None and trained[own[i]] and counts(samples, m, int(i), trained[own[i]])}
        if both:
            names = [samples.rows[i] for i in sorted(both)]
            yield Finding(
                "equal media",
                message(
                    "{count:,} test samples have a medium ({modality}) that is also in the training samples.", count=len(both), modality=m
                ),
                len(both),
                some(names),
            )


def counts(samples: Samples, modality: str, row: int, times: int) -> bool:
    """Whether an equal medium is worth a warning: not a short text, nor a constant."""
    kind, value = samples.kinds[modality], samples.media[modality][row]
    if kind == "text":
        return not isinstance(value, str) or len(value) >= LONG_TEXT
    return kind != "vector" or (times <= SELDOM and np.asarray(value).size > 2 if not isinstance(value, Path) else True)


def check_near(samples: Samples, plan: Plan, keys: Keys) -> Iterator[Finding]:
    """Pictures and sounds of a test that look or sound like one in its training: saved again, shrunk, or louder."""
    for m, kind in samples.kinds.items():
        if kind not in ("image", "audio"):
            continue
        marks, there = marks_of(kind, samples.media[m])
        if len(there) < 2:
            continue
        place = {row: i for i, row in enumerate(there)}
        near: dict[int, int] = {}
        for fold in plan.folds:
            test = [i for i in fold.test.tolist() if i in place]
            train = [i for i in (*fold.train.tolist(), *fold.val.tolist()) if i in place]
            for a, b in pairs(marks, [place[i] for i in test], [place[i] for i in train]):
                i, j = there[a], there[b]
                if keys[m][i] != keys[m][j]:
                    near[i] = j
        if near:
            names = [f"{samples.rows[i]} and {samples.rows[j]}" for i, j in sorted(near.items())]
            yield Finding(
                "nearly equal media",
                message(
                    "{count:,} test samples have a medium ({modality}) that is nearly equal to one in the training samples.",
                    count=len(near),
                    modality=m,
                ),
                len(near),
                some(names),
            )


def marks_of(kind: str, values: list[Any]) -> tuple[np.ndarray, list[int]]:
    """Coarse pictures of media (N, F), and the rows they are of; what cannot be read is left out."""
    make, most = (thumbnail, MOST_PICTURES) if kind == "image" else (spectrogram, MOST_SOUNDS)
    found: list[np.ndarray] = []
    rows: list[int] = []
    for row, value in enumerate(values):
        if value is None or len(rows) >= most:
            continue
        try:
            mark = make(value)
        except (FusionError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        if mark.std() > 1e-3:
            found.append(mark)
            rows.append(row)
    return np.array(found, np.float32), rows


def thumbnail(value: Any) -> np.ndarray:
    """(16 * 16 * 3,) of a picture; JPEG files are decoded at an eighth of their size."""
    if not isinstance(value, Path):
        picture = Image.fromarray(media.load("image", value).medium)  # type: ignore[arg-type]
    else:
        picture = Image.open(value)
        if picture.width * picture.height > MOST_PIXELS:
            raise ValueError
        picture.draft("RGB", (64, 64))
        picture = picture.convert("RGB")
    small: np.ndarray = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX), np.float32).ravel()
    return small


def spectrogram(value: Any) -> np.ndarray:
    """(24 * 24,) log power of a sound over time and frequency, without its level."""
    sound: Any = media.load("audio", value).medium
    x = sound.samples.astype(np.float32)
    size = 512
    x = np.resize(x, max(len(x), CELLS * size)) if len(x) < CELLS * size else x
    rows: list[list[float]] = []
    for part in np.array_split(x, CELLS):
        windows = part[: len(part) // size * size].reshape(-1, size) * np.hanning(size)
        power = (np.abs(np.fft.rfft(windows, axis=1)) ** 2).mean(0)
        edges = np.geomspace(1, len(power), CELLS + 1).astype(int)
        rows.append([np.log(power[a : max(b, a + 1)].mean() + 1e-9) for a, b in zip(edges, edges[1:], strict=False)])
    found = np.array(rows, np.float32)
    centred: np.ndarray = (found - found.mean()).ravel()
    return centred


def pairs(marks: np.ndarray, test: list[int], train: list[int]) -> Iterator[tuple[int, int]]:
    """(test, train) of media whose coarse pictures are alike."""
    if not test or not train:
        return
    centred = marks - marks.mean(1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    pictures = marks.shape[1] == SIDE * SIDE * 3
    for start in range(0, len(test), 256):
        part = test[start : start + 256]
        alike = unit[part] @ unit[train].T
        for a, b in zip(*np.nonzero(alike > (ALIKE if pictures else ALIKE_SOUNDS)), strict=True):
            i, j = part[int(a)], train[int(b)]
            if not pictures or np.abs(marks[i] - marks[j]).mean() < CLOSE:
                yield i, j
