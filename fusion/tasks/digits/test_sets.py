"""Test sets of one modality of `digits`: plain MNIST, canvases, new writers, FSDD, unseen phrases."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from fusion.tasks.base import TestSet
from fusion.tasks.digits import clips, sources
from fusion.tasks.digits.samples import Digits
from fusion.types import Medium


def digit_sets(data: Path, limit: int | None, seed: int) -> dict[str, TestSet]:
    """{name: test set of one modality}, at most `limit` media each."""
    mnist = sources.load_mnist(data, "test")
    pens = sources.load_pendigits(data, "test")
    speech = sources.load_fsdd(data, "test")
    n = limit or 10**9

    def drawn(modality: str, count: int) -> Iterable[tuple[Medium, int]]:
        task = Digits(data, "test", (modality,))
        for i in range(min(count, n)):
            sample = task.sample(i, seed)
            yield sample.inputs[modality], sample.label

    def written() -> Iterable[tuple[Medium, int]]:
        for i, strokes in enumerate(pens.strokes[:n]):
            yield clips.make_clip(strokes, np.random.default_rng([seed, i]), varied=False), int(pens.labels[i])

    plain = ((np.repeat(p[..., None], 3, -1), int(k)) for p, k in zip(mnist.images[:n], mnist.labels, strict=False))
    return {
        "image_mnist": TestSet("image", plain),
        "image_canvas": TestSet("image", drawn("image", 5000)),
        "video_new_writers": TestSet("video", written()),
        "audio_fsdd_official": TestSet("audio", zip(speech.sounds[:n], map(int, speech.labels), strict=False)),
        "audio_recorded": TestSet("audio", drawn("audio", 3000)),
        "text_new_phrases": TestSet("text", drawn("text", 5000)),
    }
