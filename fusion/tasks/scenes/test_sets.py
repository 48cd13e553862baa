"""Unimodal test sets of `scenes`: photos of every size, sounds, captions, the project's own sentences, and media of none of the classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fusion.tasks.base import TestSet
from fusion.tasks.scenes import captions, clips, languages, phrases
from fusion.tasks.scenes.photos import read_photo, resize, shows_flame
from fusion.tasks.scenes.sounds import read_sound
from fusion.tasks.scenes.sources import NONE, Item, list_outside, list_photos, list_small, list_sounds
from fusion.tasks.scenes.task import LABELS
from fusion.types import Audio, Medium

SIDES = (64, 128, 256, 1024)  # pixels along the longer side; the largest test pictures have 256
EACH = 50  # photos per class
LARGE = (3464, 4000)  # height and width: twelve megapixels


def single_sets(data: Path, limit: int | None, seed: int) -> dict[str, TestSet]:
    """{name: test set of one modality}, at most `limit` media each; a label of -1 is none of the classes."""
    n = limit or 10**9
    photos = capped([i for i in list_photos(data, "test") if i.label != NONE], EACH)
    photos = [i for i in photos if _shows_its_label(i)]
    recordings = [i for i in list_sounds(data, "test") if i.label != NONE]
    other_dogs = [i for i in recordings if i.label == LABELS.index("dog") and i.origin == "esc10"]
    other_photos = [i for i in list_photos(data, "test") if i.label == NONE] + list_outside(data, "photos")
    other_photos = other_photos[:: max(1, len(other_photos) // 300)]
    other_sounds = [i for i in list_sounds(data, "test") if i.label == NONE] + list_outside(data, "sounds")
    small = capped([i for i in list_small(data, "test") if i.label != NONE], EACH)
    mined = {k: texts for k, texts in captions.mine(data, "test").items() if k != NONE}
    blind = [(text, k) for k, texts in mined.items() for text in texts if not captions.leaks(text, k)]
    mined_captions = blind + [(t, k) for k, texts in mined.items() for t in named(texts, k)]
    own = phrases.written()
    sets: dict[str, TestSet] = {f"image_{side}": TestSet("image", scaled(photos[:n], side)) for side in SIDES}
    sets |= {
        "image_12_megapixels": TestSet("image", enlarged(photos[:: max(1, len(photos) // min(n, 110))])),
        "image_small_birds_and_others": TestSet("image", ((read_photo(i.path), i.label) for i in small[:n])),
        "image_none": TestSet("image", ((read_photo(i.path), NONE) for i in other_photos[:n])),
        "audio_test": TestSet("audio", sounds_of(recordings[:n])),
        "audio_dog_of_the_other_collection": TestSet("audio", sounds_of(other_dogs[:n])),
        "audio_none": TestSet("audio", sounds_of(other_sounds[:n])),
        "text_captions": TestSet("text", iter(mined_captions[:n])),
        "text_captions_without_the_word": TestSet("text", iter(blind[:n])),
        "text_own_sentences": TestSet("text", ((t, k) for t, k in own[:n] if k != NONE)),
        "text_none": TestSet("text", ((t, NONE) for t, k in own if k == NONE)),
        **written_sets(n),
        "video_moving_photos": TestSet("video", moved(photos[:: max(1, len(photos) // min(n, 150))], seed)),
    }
    return sets


def written_sets(count: int) -> dict[str, TestSet]:
    """Sentences written by hand in each language, and sentences about other things."""
    names = {"en": "text_english", "zh": "text_chinese", "es": "text_spanish", "fr": "text_french", "de": "text_german"}
    sets: dict[str, TestSet] = {}
    for language, name in names.items():
        pairs = [(text, k) for text, k in languages.test_sentences(language) if k != NONE]
        sets[name] = TestSet("text", iter(pairs[:count]))
    others = [(text, NONE) for texts in languages.held_out_sentences().values() for text in texts]
    return sets | {"text_other_things": TestSet("text", iter(others))}


def capped(items: list[Item], count: int) -> list[Item]:
    """At most `count` of each class, evenly over its files."""
    kept = []
    for label in sorted({i.label for i in items}):
        own = [i for i in items if i.label == label]
        kept += [own[k] for k in np.linspace(0, len(own) - 1, min(count, len(own))).round().astype(int)]
    return kept


def named(texts: list[str], label: int) -> list[str]:
    """Captions with the class's word, at most as many as there are without it, so that at least half lack it."""
    without = sum(not captions.leaks(t, label) for t in texts)
    return [t for t in texts if captions.leaks(t, label)][:without]


def _shows_its_label(item: Item) -> bool:
    """False for torches without a flame, see `photos.shows_flame`."""
    return item.label != LABELS.index("fire") or shows_flame(read_photo(item.path))


def scaled(items: list[Item], side: int) -> Iterator[tuple[np.ndarray, int]]:
    for item in items:
        picture = read_photo(item.path)
        scale = side / max(picture.shape[:2])
        height, width = (max(1, round(s * scale)) for s in picture.shape[:2])
        yield resize(picture, height, width), item.label


def enlarged(items: list[Item]) -> Iterator[tuple[np.ndarray, int]]:
    """With the twelve megapixels of a phone's photo, which `load_image` scales down as for any input."""
    from fusion.media.image import load_image

    for item in items:
        yield load_image(resize(read_photo(item.path), *LARGE)).medium, item.label


def sounds_of(items: list[Item]) -> Iterator[tuple[Audio, int]]:
    for item in items:
        yield read_sound(item.path), item.label


def moved(items: list[Item], seed: int) -> Iterator[tuple[Medium, int]]:
    for k, item in enumerate(items):
        yield clips.make_clip(read_photo(item.path), np.random.default_rng([seed, k])), item.label
