"""The shipped weights on media made by code: what shows none of the labels is called so, and the page's examples are not."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from fusion.lab import Lab
from fusion.tasks import TASKS
from fusion.tasks.digits.images import make_canvas
from fusion.tasks.outliers import pictures, sounds, texts
from fusion.tasks.scenes.clips import make_clip
from fusion.types import MODALITIES, Clip

SENTENCES = ("my grandmother bakes an apple pie", "the printer is out of paper", "blorf", "她在绣靠垫", "la biblioteca abre a las diez")


def text(rng: np.random.Generator) -> str:
    return str(rng.choice(SENTENCES)) if rng.random() < 0.5 else texts.alphabets(texts.OTHER_SCRIPTS, rng)


def clip(rng: np.random.Generator) -> Clip:
    return make_clip(pictures.screen(rng), rng)


OTHERS: dict[str, tuple[Callable[[np.random.Generator], Any], ...]] = {
    "image": (pictures.blank, pictures.noise, pictures.screen),
    "text": (text,),
    "audio": (sounds.silence, sounds.music),
    "video": (clip,),
}


@cache
def lab_of(task: str) -> Lab:
    return Lab(task, "cpu")


def others(modality: str, count: int) -> list[Any]:
    makers = OTHERS[modality]
    return [makers[i % len(makers)](np.random.default_rng([5, i])) for i in range(count)]


def ships(task: str) -> None:
    if lab_of(task).open_set is None:
        pytest.skip(f"{task} ships nothing that tells")


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("task", ["digits", "scenes"])
def test_media_of_nothing_are_none_of_these(task: str, modality: str) -> None:
    ships(task)
    found = lab_of(task).predict_batch([{modality: medium} for medium in others(modality, 12)], f"{modality}_only")
    assert sum(answer.known is False for answer in found) >= 10


@pytest.mark.parametrize("task", ["digits", "digits-add", "digits-find", "scenes"])
def test_every_subset_of_them_is(task: str) -> None:
    """Whatever the strategy: all read the same encoders."""
    ships(task)
    media = {m: others(m, 12) for m in MODALITIES}
    subsets = [given for size in range(2, 5) for given in combinations(MODALITIES, size)]
    inputs = [{m: media[m][i] for m in given} for given in subsets for i in range(12)]
    found = lab_of(task).predict_batch(inputs, "late")
    assert sum(answer.known is False for answer in found) >= 0.9 * len(inputs)


@pytest.mark.parametrize("task", ["digits", "digits-add", "digits-find", "scenes"])
def test_the_examples_are_known(task: str) -> None:
    """All but the one that shows none of the labels."""
    ships(task)
    lab = lab_of(task)
    clean = {name: example for name, example in TASKS[task].examples.items() if not any(example.severity.values())}
    found = {name: lab.predict(lab.encode(TASKS[task].make_example(name)), "late").known for name in clean}
    wrong = [name for name, known in found.items() if known is (name == "nothing")]
    assert len(wrong) <= len(found) // 10, wrong


def test_a_letter_is_no_digit() -> None:
    ships("digits")
    rng = np.random.default_rng(3)
    media = [make_canvas(pictures.letter_cover(pictures.OTHER_LETTERS, rng), rng, plain=True) for _ in range(20)]
    found = lab_of("digits").predict_batch([{"image": medium} for medium in media], "image_only")
    assert sum(answer.known is False for answer in found) >= 12
