"""The shortcut baseline: how well the label can be told from metadata alone, without looking at any medium.

Bytes, size, shape, duration, rate, channels, length of a text, and which modalities are there, read by a forest of trees.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from fusion.messages import message
from fusion.own_data.checks.finding import Finding
from fusion.own_data.samples import Samples
from fusion.own_data.splits import Plan, strata_of

TREES = 60
MOST = 4000  # training samples
FAR = 2.5  # standard errors above chance
CLEARLY = 0.1  # of the way from chance to 1
Numbers = dict[str, float]


def check_metadata(samples: Samples, plan: Plan) -> Iterator[Finding]:
    """A finding where metadata alone beat chance clearly."""
    if samples.answer == "labels":
        return
    from sklearn.ensemble import ExtraTreesClassifier

    names, x = metadata(samples)
    if not names:
        return
    y = strata_of(samples)
    right, tested, importance = 0.0, 0, np.zeros(len(names))
    chance = 0.0
    for fold in plan.folds[:1] if plan.kind == "given" else plan.folds:
        train = np.concatenate([fold.train, fold.val])[:MOST] if len(fold.train) <= MOST else fold.train[:: len(fold.train) // MOST + 1]
        if len(set(y[train])) < 2:
            continue
        forest = ExtraTreesClassifier(TREES, min_samples_leaf=3, random_state=0, n_jobs=1).fit(x[train], y[train])
        right += float((forest.predict(x[fold.test]) == y[fold.test]).sum())
        chance += float(np.bincount(y[fold.test]).max())
        tested += len(fold.test)
        importance += forest.feature_importances_
    if not tested:
        return
    accuracy, base = right / tested, chance / tested
    if accuracy - base > FAR * np.sqrt(base * (1 - base) / tested) and accuracy - base > CLEARLY * (1 - base):
        strongest = [names[i] for i in np.argsort(-importance)[:3] if importance[i] > 0]
        said = message("Metadata alone ({names}) tell the label in {accuracy:.0%} of the samples, guessing in {base:.0%}.",
                       names=strongest, accuracy=accuracy, base=base)  # fmt: skip
        yield Finding("shortcut", said, tested, tuple(strongest))


def metadata(samples: Samples) -> tuple[list[str], np.ndarray]:
    """Names (F,) and numbers (N, F) of what varies; -1 where it is unknown."""
    columns: dict[str, np.ndarray] = {}
    for m, kind in samples.kinds.items():
        if kind == "table":
            continue
        for i, value in enumerate(samples.media[m]):
            found = {"is there": float(value is not None)} | (numbers_of(kind, value) if value is not None else {})
            for name, number in found.items():
                columns.setdefault(f"{m}: {name}", np.full(len(samples), -1.0))[i] = number
    varying = {name: x for name, x in columns.items() if x.std() > 0}
    return list(varying), np.stack(list(varying.values()), 1) if varying else np.zeros((len(samples), 0))


def numbers_of(kind: str, value: Any) -> Numbers:
    """Metadata of one medium; what cannot be read is left out."""
    if isinstance(value, np.ndarray):
        return {"length": float(len(value))} if kind == "series" else {}
    if kind == "text":
        text = value if isinstance(value, str) else ""
        return {"characters": float(len(text)), "words": float(len(text.split()))}
    if not isinstance(value, Path):
        return {}
    found: Numbers = {}
    with contextlib.suppress(OSError):
        found["bytes"] = float(value.stat().st_size)
    readers = {"image": _of_picture, "audio": _of_sound, "video": _of_clip, "series": _of_array}
    with contextlib.suppress(Exception):  # a broken file has no metadata, whatever its library says of it
        found |= readers[kind](value) if kind in readers else {}
    return found


def _of_picture(path: Path) -> Numbers:
    from PIL import Image

    with Image.open(path) as picture:
        return {"width": float(picture.width), "height": float(picture.height), "grey": float(picture.mode in ("L", "1", "I;16"))}


def _of_sound(path: Path) -> Numbers:
    import soundfile

    about = soundfile.info(path)
    return {"seconds": about.duration, "rate": float(about.samplerate), "channels": float(about.channels)}


def _of_clip(path: Path) -> Numbers:
    import av

    with av.open(str(path)) as clip:
        stream = clip.streams.video[0]
        return {
            "seconds": float((clip.duration or 0) / av.time_base),
            "width": float(stream.width),
            "height": float(stream.height),
            "rate": float(stream.average_rate or 0),
        }


def _of_array(path: Path) -> Numbers:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    return {"length": float(array.shape[0])} if isinstance(array, np.ndarray) else {}
