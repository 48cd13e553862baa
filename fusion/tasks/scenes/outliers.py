"""Media that show none of the classes, for "none of these": in training and validation of some kinds, in the test of others.

Photos, sounds and captions of none come from the task's own data (`Scenes` with `empty`); pictures and sounds made by code, speech, texts
of no meaning and sentences about other things are added. Kinds whose data set or synthesiser is missing are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Maker
from fusion.tasks.digits.samples import draw_level
from fusion.tasks.digits.sounds import make_nothing as noise_of_digits
from fusion.tasks.outliers import pictures, texts
from fusion.tasks.outliers import sounds as other_sounds
from fusion.tasks.scenes import captions, clips, languages, photos
from fusion.tasks.scenes.samples import Scenes, without_small
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS
from fusion.types import Clip, Medium


def known_media(modality: str, split: str, data: Path) -> Mapping[str, Maker]:
    """Samples without the smallest photos, for training also corrupted; of texts also the sentences of each language."""
    samples = source(modality, split, data)
    found: dict[str, Maker] = {"samples": partial(sampled, samples, modality, "none")}
    if split == "train":
        found["corrupted"] = partial(sampled, samples, modality, "train")
    if modality == "text":
        for language in languages.LANGUAGES:
            found[f"sentences {language}"] = partial(choose, written(language, split))
            if split == "train":
                found[f"made {language}"] = partial(made_sentence, language)
    return found


def source(modality: str, split: str, data: Path, empty: bool = False) -> Scenes:
    samples = Scenes(data, split, (modality,), empty=empty)
    if "photo" in samples.pools:
        samples.pools["photo"] = without_small(samples.pools["photo"])
    return samples


def sampled(samples: Scenes, modality: str, severity: str, rng: np.random.Generator) -> Medium:
    return samples.sample(int(rng.integers(2**31)), 0, severity).inputs[modality]


def written(language: str, split: str) -> list[str]:
    """Sentences about the classes, written by hand: every second one of those for validation is for training."""
    pairs = languages.test_sentences(language) if split == "test" else languages.validation_sentences(language)
    return halved([text for text, label in pairs if label != NONE], split)


def halved(sentences: list[str], split: str) -> list[str]:
    return sentences if split == "test" else sentences[int(split == "val") :: 2]


def made_sentence(language: str, rng: np.random.Generator) -> str:
    return languages.make_known(language, int(rng.integers(len(LABELS))), rng)


def other_media(modality: str, split: str, data: Path) -> Mapping[str, Maker]:
    """{kind: maker}; corrupted now and then in training."""
    samples = source(modality, split, data, empty=True)
    found: dict[str, Maker] = {"samples": partial(sampled, samples, modality, "none")}
    more: Mapping[str, Callable[[str, Path], Mapping[str, Maker]]] = {
        "image": made_pictures,
        "text": other_texts,
        "audio": other_recordings,
        "video": made_clips,
    }
    found |= more[modality](split, data)
    if split != "train":
        return found
    return {kind: partial(corrupted, modality, maker) for kind, maker in found.items()}


def corrupted(modality: str, maker: Maker, rng: np.random.Generator) -> Medium:
    return corrupt(modality, maker(rng), draw_level("train", modality, rng), rng)


def emoji(files: list[Path], rng: np.random.Generator) -> np.ndarray:
    return photos.read_photo(files[int(rng.integers(len(files)))])


def letters(chosen: str, rng: np.random.Generator) -> np.ndarray:
    """A few letters in one line."""
    row = [pictures.letter_cover(chosen, rng) for _ in range(int(rng.integers(1, 6)))]
    ink = np.concatenate(row, 1)[..., None] / 255.0
    return (np.array(pictures.colour(rng)) * ink + np.array(pictures.colour(rng)) * (1 - ink)).astype(np.uint8)


def made_pictures(split: str, data: Path) -> dict[str, Maker]:
    """The same kinds in the test, except for the letters: the held-out ones are photos of things that training never saw."""
    found: dict[str, Maker] = {
        "blank": pictures.blank,
        "noise": pictures.noise,
        "patterns": pictures.pattern,
        "screens": pictures.screen,
        "letters": partial(letters, pictures.OTHER_LETTERS if split == "test" else pictures.LETTERS),
    }
    files = languages.other_emoji(data)
    if split != "test":
        found["shapes"] = pictures.shapes
        found |= {"emoji": partial(emoji, files)} if files else {}
    return found


def moving(make: Maker, rng: np.random.Generator) -> Clip:
    picture = make(rng)
    assert isinstance(picture, np.ndarray)
    return clips.make_clip(picture, rng)


def made_clips(split: str, data: Path) -> dict[str, Maker]:
    made = made_pictures(split, data)
    return {kind: partial(moving, made[kind]) for kind in ("blank", "patterns", "screens")}


def other_texts(split: str, data: Path) -> dict[str, Maker]:
    sentences = languages.held_out_sentences() if split == "test" else languages.other_sentences()
    found: dict[str, Maker] = {f"sentences {name}": partial(choose, halved(several, split)) for name, several in sentences.items()}
    if split == "test":
        return found | {"alphabets": partial(texts.alphabets, texts.OTHER_SCRIPTS), "marks": texts.marks}
    if split == "train":
        emoji_names = languages.read_emoji_names(data)
        found |= {f"made {name}": partial(languages.make_none, name, emoji_names[name]) for name in languages.LANGUAGES}
    return found | {
        "typed": texts.typed,
        "made up": texts.made_up,
        "alphabets": partial(texts.alphabets, texts.SCRIPTS),
        "code": texts.code,
        "marks": texts.marks,
    }


def choose(choices: list[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def other_recordings(split: str, data: Path) -> dict[str, Maker]:
    """Speech, music and tones; noise only in training, as rain, the sea and fire are noise as well."""
    if split == "test":
        found: dict[str, Maker] = {"music": other_sounds.music, "silence": other_sounds.silence}
        return found | ({"flite": other_sounds.flite} if other_sounds.is_installed("flite") else {})
    found = {"tones": other_sounds.tone, "music": other_sounds.music, "silence": other_sounds.silence, "nothing": noise_of_digits}
    if other_sounds.is_installed("espeak-ng"):
        said = [t for t in captions.read_captions(data, split)[::40] if len(t) < 60] + list(other_sounds.SPOKEN)
        found["speech"] = partial(other_sounds.espeak, said)
    spoken = sorted((data / "spoken_digits_many").glob("*.flac"))
    if spoken:
        found["spoken digits"] = partial(recording, spoken[:: 2 if split == "train" else 3])
    return found


def recording(files: list[Path], rng: np.random.Generator) -> Medium:
    from fusion.tasks.scenes.sounds import read_sound

    return read_sound(files[int(rng.integers(len(files)))])
