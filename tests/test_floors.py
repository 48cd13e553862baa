"""The shipped models on a small set the project makes itself: hand-set strokes, printed digits, a plain synthetic voice, unseen phrases.

Nothing here was trained on. The real measurements are `python -m fusion evaluate`; this guards against shipping something broken.
"""

import numpy as np
import pytest

import fusion
from fusion.config import CHECKPOINTS
from fusion.lab import Lab
from fusion.media.corruptions import corrupt
from fusion.strategies import STRATEGIES
from fusion.tasks.digits import clips, examples, images, outside_sets, sounds, words
from fusion.tasks.digits_add.pairs import SAID, held_out
from fusion.tasks.digits_find.scenes import make_scene
from fusion.types import Audio, Medium

VARIANTS = 6


def make_set() -> list[tuple[dict[str, Medium], int]]:
    """Sixty samples: every digit in six hands, rooms and phrases."""
    made = []
    for digit in range(10):
        for variant in range(VARIANTS):
            rng = np.random.default_rng([7, digit, variant])
            strokes = clips.bend(examples.strokes_of(digit), rng, 0.7)
            cover = images.printed_glyph(digit, rng) if variant % 3 == 2 else images.pen_glyph(strokes, rng)
            inputs = {
                "image": images.make_canvas(cover, rng, plain=variant % 2 == 0),
                "text": words.make_text(digit, "test", rng),
                "audio": sounds.make_sound(examples.spoken(digit), rng),
                "video": clips.make_clip(strokes, rng, varied=False),
            }
            made.append((inputs, digit))
    return made


def shipped(folder: str) -> tuple[str, ...]:
    """Strategies with weights in a folder of the checkpoints: a floor is asked only of what is shipped."""
    return tuple(name for name in STRATEGIES if (CHECKPOINTS / folder / name / "model.safetensors").exists())


@pytest.fixture
def lab(digits_lab: Lab) -> Lab:
    return digits_lab


@pytest.fixture(scope="module")
def samples() -> list[tuple[dict[str, Medium], int]]:
    return make_set()


def accuracy(lab: Lab, strategy: str, samples: list, severity: int = 0) -> float:
    inputs = [{m: corrupt(m, x, severity, np.random.default_rng([i, severity])) for m, x in s.items()} for i, (s, _) in enumerate(samples)]
    predictions = lab.predict_batch(inputs, strategy)
    return float(np.mean([p.label == str(k) for p, (_, k) in zip(predictions, samples, strict=True)]))


@pytest.mark.parametrize(("baseline", "floor"), [("image_only", 0.95), ("text_only", 0.95), ("audio_only", 0.95), ("video_only", 0.95)])
def test_each_modality_alone(lab: Lab, samples: list, baseline: str, floor: float) -> None:
    assert accuracy(lab, baseline, samples) >= floor


def test_digits_in_connected_and_fast_speech(lab: Lab) -> None:
    """Single words joined as if said in one breath, up to 1.8 times as fast, and cut with a piece of their neighbours."""
    words = [(examples.spoken(digit), digit) for digit in range(10)]
    made = [({"audio": sound}, digit) for sound, digit in outside_sets.joined(words, 30, seed=3, speeds=(1.0, 1.8))]
    assert accuracy(lab, "audio_only", made) >= 0.95


@pytest.mark.parametrize("strategy", shipped("digits"))
def test_all_four_together(lab: Lab, samples: list, strategy: str) -> None:
    assert accuracy(lab, strategy, samples) >= 0.98


def test_fusion_beats_every_modality_alone_when_all_are_corrupted(lab: Lab, samples: list) -> None:
    fused = max(accuracy(lab, s, samples, 3) for s in lab.strategies)
    assert fused >= max(accuracy(lab, b, samples, 3) for b in lab.baselines) + 0.05


@pytest.fixture(scope="module")
def sums(samples: list) -> list[tuple[dict[str, Medium], int]]:
    """Picture and clip of one sample, words and voice of another; only pairs that training may have seen."""
    rng, made = np.random.default_rng(3), []
    for (one, a), j in zip(samples, rng.permutation(len(samples)), strict=True):
        other, b = samples[j]
        if not held_out(np.array(a), np.array(b)):
            made.append(({m: (other if m in SAID else one)[m] for m in one}, (a + b) % 10))
    return made


def test_sums_need_more_than_votes(sums: list) -> None:
    lab = fusion.load("digits-add", "cpu")
    right = {name: accuracy(lab, name, sums) for name in lab.strategies}
    assert sorted(right.values())[-4] >= 0.97, right
    assert right["late"] <= 0.35 and all(accuracy(lab, b, sums) <= 0.3 for b in lab.baselines)


@pytest.mark.parametrize("strategy", ["early_tokens", "cross_attention", "bottleneck"])
def test_the_asked_digit_is_found(samples: list, strategy: str) -> None:
    """Thirty pictures of four digits, asked for in words; every sixth asks for a digit that is not there."""
    lab, right, looked = fusion.load("digits-find", "cpu"), [], []
    for i in range(30):
        rng = np.random.default_rng([8, i])
        order = rng.permutation(10)
        covers = [images.pen_glyph(clips.bend(examples.strokes_of(int(k)), rng, 0.7), rng) for k in order[:4]]
        scene = make_scene(order[:4], covers, rng)
        absent = i % 6 == 5
        asked = int(order[9] if absent else order[0])
        p = lab.predict({"image": scene.picture, "text": words.make_text(asked, "test", rng)}, strategy)
        if absent or p.box is None:
            right.append(absent and p.box is None)
            continue
        x0, y0, x1, y1 = scene.boxes[0]
        right.append(x0 <= (p.box[0] + p.box[2]) / 2 <= x1 and y0 <= (p.box[1] + p.box[3]) / 2 <= y1)
        if ("text", "image") in p.attention:
            peak = p.layouts["image"].places[p.attention["text", "image"].mean((0, 1, 2)).argmax()]
            looked.append(x0 <= peak[[0, 2]].mean() <= x1 and y0 <= peak[[1, 3]].mean() <= y1)
    assert np.mean(right) >= 0.9
    if strategy == "cross_attention":
        assert len(looked) >= 20 and np.mean(looked) >= 0.9


def test_nothing_is_not_taken_for_a_digit(lab: Lab) -> None:
    """A blank page, silence, empty words and a still clip: no strategy may be sure."""
    silence, blank = Audio(8000, np.zeros(8000, np.float32)), np.full((64, 64, 3), 255, np.uint8)
    for inputs in ({"image": blank}, {"audio": silence}, {"text": "hello"}, {"image": blank, "audio": silence}):
        for name in lab.strategies:
            assert lab.predict(inputs, name).confidence < 0.6, (name, inputs)


def test_plain_uploads_of_any_size(lab: Lab) -> None:
    """The same drawing as a thumbnail, a portrait photo and three megapixels."""
    picture = examples.make_medium("image", 5)
    wide = np.full((900, 1600, 3), 255, np.uint8)
    wide[300:556, 700:956] = picture
    for upload in (picture[::8, ::8], np.pad(picture, ((200, 100), (0, 0), (0, 0)), constant_values=255), wide, 255 - picture):
        assert lab.predict({"image": np.ascontiguousarray(upload)}, "image_only").label == "5"


def test_text_in_many_languages(lab: Lab) -> None:
    told = {
        "seven": 7,
        "七": 7,
        "siete": 7,
        "sept": 7,
        "sieben": 7,
        "the number is 7!": 7,
        "sevn": 7,
        "fünf": 5,
        "第三个": 3,
        "ate": 8,
        "trois pommes": 3,
    }
    told |= {"not six but two": 2, "cuatro": 4, "NEUN": 9, "zéro": 0, "٤": 4, "s_ven": 7, "on the ninth floor": 9}
    right = [lab.predict({"text": t}, "text_only").label == str(k) for t, k in told.items()]
    assert sum(right) >= len(right) - 1, [t for t, ok in zip(told, right, strict=True) if not ok]


def test_strategies_on_textbook_features(samples: list) -> None:
    """No single feature is good, all four together are: what the shipped heads of the classical set are there to show."""
    classical = fusion.load("digits", "cpu", encoders="classical")
    assert classical.strategies == shipped("digits/classical") and "late" in classical.strategies
    for strategy in classical.strategies:
        assert accuracy(classical, strategy, samples) >= 0.95, strategy
    assert accuracy(classical, "text_only", samples) <= 0.9
