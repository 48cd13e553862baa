"""The shipped models of `scenes` on media that lie in installed packages, sounds the project makes, and its own sentences.

Nothing here was trained on, but for the synthesised sounds, which were tuned to sound right to the audio teacher: they only show that the
whole way works. The real measurements are `python -m fusion evaluate --task scenes`.
"""

import io

import numpy as np
import pytest
from PIL import Image

import fusion
from fusion.config import CHECKPOINTS
from fusion.lab import Lab
from fusion.strategies import STRATEGIES
from fusion.tasks.scenes import photos, phrases
from fusion.tasks.scenes.examples import EXAMPLES, make_example
from fusion.tasks.scenes.sources import LABELS, NONE
from fusion.tasks.scenes.synthesis import make_sound
from fusion.types import Audio


@pytest.fixture(scope="module")
def lab() -> Lab:
    return fusion.load("scenes", "cpu")


def test_everything_agrees(lab: Lab) -> None:
    """Photo, caption, meow and clip of a cat."""
    found = lab.compare(make_example("cat"))
    assert lab.strategies == tuple(n for n in STRATEGIES if (CHECKPOINTS / "scenes" / n).is_dir())
    assert all(found[name].label == "cat" and found[name].known for name in lab.strategies), {n: p.label for n, p in found.items()}


@pytest.mark.parametrize("side", [64, 200, 1500])
def test_a_photo_of_any_size(lab: Lab, side: int) -> None:
    picture = make_example("cat")["image"]
    scale = side / max(picture.shape[:2])
    sized = photos.resize(picture, round(picture.shape[0] * scale), round(picture.shape[1] * scale))
    assert lab.predict({"image": sized}, "image_only").label == "cat"


def test_a_phone_photo_of_twelve_megapixels_lying_on_its_side(lab: Lab) -> None:
    """A JPEG of 4000 x 3000 pixels with the EXIF mark of a camera held upright."""
    picture = Image.fromarray(photos.resize(make_example("cat")["image"], 3000, 4000)).rotate(90, expand=True)
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    picture.save(file, "JPEG", exif=exif, quality=90)
    assert lab.predict({"image": file.getvalue()}, "image_only").label == "cat"


def test_sentences_without_the_word(lab: Lab) -> None:
    pairs = [(t, k) for t, k in phrases.written() if k != NONE]
    found = lab.predict_batch([{"text": t} for t, _ in pairs], "text_only")
    right = [p.label == LABELS[k] for p, (_, k) in zip(found, pairs, strict=True)]
    assert np.mean(right) >= 0.9, [t for (t, _), ok in zip(pairs, right, strict=True) if not ok]
    assert lab.predict({"text": "A puppy runs after a stick."}, "text_only").label == "dog"


def test_a_denial_and_another_sense_are_not_the_thing(lab: Lab) -> None:
    for text in ("no dog in sight", "not a single bird", "a fire truck", "a seafood platter", "a bus in the street"):
        assert not lab.predict({"text": text}, "text_only").known, text


def test_sounds_are_heard(lab: Lab) -> None:
    right = [lab.predict({"audio": make_sound(name)}, "audio_only").label == name for name in LABELS]
    assert sum(right) >= 8, dict(zip(LABELS, right, strict=True))


def test_none_of_these(lab: Lab) -> None:
    """Coffee, a bus, a saxophone, a motorcycle; silence, noise and a blank picture: most strategies say that it is none."""
    noise = np.random.default_rng(0).normal(0, 0.1, 48000).astype(np.float32)
    strange = [{"audio": Audio(16000, np.zeros(32000, np.float32))}, {"audio": Audio(16000, noise)},
               {"image": np.full((300, 400, 3), 128, np.uint8)}, make_example("nothing")]  # fmt: skip
    for inputs in strange:
        encoded = lab.encode(inputs)
        unknown = [not lab.predict(encoded, name).known for name in lab.strategies]
        assert np.mean(unknown) >= 0.5, (list(inputs), unknown)


def test_conflict_is_seen(lab: Lab) -> None:
    """The photo says cat, the words cow, the sound dog; each alone says its own, and no strategy makes up a fourth.

    But for low_rank, whose product of what contradicts itself may point anywhere: it must then be hardly surer than chance twice over.
    """
    inputs = make_example("conflict")
    encoded = lab.encode(inputs)
    alone = {m: lab.predict(encoded, f"{m}_only").label for m in inputs}
    assert alone == {"image": "cat", "text": "cow", "audio": "dog"}
    said = {name: lab.predict(encoded, name) for name in lab.strategies}
    product = said.pop("low_rank")
    assert {p.label for p in said.values()} <= {"cat", "cow", "dog"}
    assert product.label in ("cat", "cow", "dog") or product.confidence < 0.25, product.probs


def test_every_example_can_be_answered(lab: Lab) -> None:
    for name in EXAMPLES:
        assert set(lab.compare(make_example(name))) >= set(lab.strategies)
