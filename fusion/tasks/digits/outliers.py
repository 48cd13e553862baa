"""Media that show no digit, for "none of these": pictures, words, sounds and clips of other things.

Kinds in training and validation, and others in the test: photos of other data sets, other letters and alphabets, other words by other
synthesisers. Kinds whose data set or synthesiser is missing are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Maker
from fusion.tasks.digits import clips, images, pages, sounds, words
from fusion.tasks.digits.samples import Digits, draw_level
from fusion.tasks.digits.speech import SpokenPairs
from fusion.tasks.outliers import drawings, pictures, texts
from fusion.tasks.outliers import sounds as other_sounds
from fusion.tasks.scenes import captions, languages, photos
from fusion.tasks.scenes import clips as photo_clips
from fusion.tasks.scenes import sounds as scene_sounds
from fusion.types import Audio, Clip, Medium

SETS = {  # of photos: folder, and every how many files one is taken
    "train": (("cifar10/train/*/*.jpg", 10), ("outside/coco_mini/*.jpg", 1), ("emoji/images/*.png", 4)),
    "val": (("cifar10/train/*/*.jpg", 11), ("outside/coco_mini/*.jpg", 1), ("emoji/images/*.png", 5)),
    "test": (("tiny-imagenet-200/val/images/*", 10), ("photos/*/*.jpg", 10), ("outside/photos_other/*.jpg", 1)),
}
RECORDINGS = {
    "train": ("esc50/audio/[123]-*", "animal_sounds/*/*"),
    "val": ("esc50/audio/4-*", "animal_sounds/*/*"),
    "test": ("esc50/audio/5-*", "outside/sounds_other/*"),
}
CLIPS = "outside/clips/*"
LANGUAGES = ("en", "zh", "es", "fr", "de")
NAMES = {w.lower() for several in words.WORDS.values() for entry in several for w in entry.split()} | {
    w for entry in (*words.HOMOPHONES, *words.ORDINALS) for w in entry.split()
}
NAMES -= {"to", "for", "too"}  # these are words of any sentence; alone they are digits that were heard wrongly
NUMBERS = re.compile(r"\d|ten|eleven|twelve|teen\b|twenty|hundred|thousand|pair|couple|double", re.I)
HANZI = set("".join(words.WORDS["zh"]).replace(" ", "")) | set("十百千万双")


def names_a_digit(text: str) -> bool:
    """Whether a text has a numeral or a word for a digit in any of the languages."""
    plain = {words.strip_accents(w) for w in re.findall(r"\w+", text.lower())}
    return bool(NUMBERS.search(text)) or not plain.isdisjoint(NAMES) or not HANZI.isdisjoint(text)


def known_media(digits: Digits, modality: str, data: Path) -> Mapping[str, Maker]:
    """Samples of a split, clean and, for training, corrupted; for sounds in training also of many speakers and out of connected speech."""
    found: dict[str, Maker] = {"samples": partial(sampled, digits, modality, "none")}
    if digits.split == "test":
        return found
    if digits.split == "train":
        found["corrupted"] = partial(sampled, digits, modality, "train")
    if modality == "audio" and (data / "spoken_digits_many").is_dir():
        pairs = SpokenPairs(data)
        easier = digits.split == "val"  # the words as they were recorded; in training also out of fast connected speech
        found["many speakers"] = lambda rng: pairs.pair(int(rng.integers(2**31)), 1)[int(easier)].inputs["audio"]
    if modality == "image":
        found["pages"] = partial(page, digits)
    return found


def page(digits: Digits, rng: np.random.Generator) -> np.ndarray:
    """A digit on a photograph of paper, of an eighth of the longer side or more."""
    shape = pages.form(rng, 2.2, 100, 240)
    return pages.page_of(digits, np.array([int(rng.integers(10))]), pages.size_of(rng, 0.15, 0.95), shape, rng).picture


def sampled(digits: Digits, modality: str, severity: str, rng: np.random.Generator) -> Medium:
    return digits.sample(int(rng.integers(2**31)), 0, severity).inputs[modality]


def other_media(modality: str, split: str, data: Path) -> Mapping[str, Maker]:
    """{kind: maker}; corrupted now and then in training."""
    makers: Mapping[str, Callable[[str, Path], dict[str, Maker]]] = {
        "image": other_pictures,
        "text": other_texts,
        "audio": other_recordings,
        "video": other_clips,
    }
    found = makers[modality](split, data)
    if split != "train":
        return found
    return {kind: partial(corrupted, modality, maker) for kind, maker in found.items()}


def corrupted(modality: str, maker: Maker, rng: np.random.Generator) -> Medium:
    return corrupt(modality, maker(rng), draw_level("train", modality, rng), rng)


def files_of(data: Path, patterns: tuple[tuple[str, int], ...]) -> list[list[Path]]:
    """The files of each pattern, those of which there are any."""
    found = [sorted(data.glob(pattern))[::step] for pattern, step in patterns]
    return [files for files in found if files]


def pick_file(folders: list[list[Path]], rng: np.random.Generator) -> Path:
    """Any file of any folder: folders are equally likely, however many files they have."""
    files = folders[int(rng.integers(len(folders)))]
    return files[int(rng.integers(len(files)))]


def photo(folders: list[list[Path]], rng: np.random.Generator) -> np.ndarray:
    return photos.read_photo(pick_file(folders, rng))


def letter_on_canvas(letters: str, pillow: bool, rng: np.random.Generator) -> np.ndarray:
    """Letters look like the task's digits in everything else: the same canvas, pens and grounds."""
    return images.make_canvas(pictures.letter_cover(letters, rng, pillow), rng, plain=rng.random() < 0.15)


def pen_on_canvas(draw: Callable[[np.random.Generator], drawings.Strokes], rng: np.random.Generator) -> np.ndarray:
    return images.make_canvas(images.pen_glyph(draw(rng), rng), rng, plain=rng.random() < 0.15)


def other_pictures(split: str, data: Path) -> dict[str, Maker]:
    folders = files_of(data, SETS[split])
    found: dict[str, Maker] = {"photos": partial(photo, folders)} if folders else {}
    if split == "test":
        letters = partial(letter_on_canvas, pictures.OTHER_LETTERS, True)
        return found | {"letters": letters, "screens": pictures.screen, "signs": partial(pen_on_canvas, drawings.sign)}
    return found | {
        "letters": partial(letter_on_canvas, pictures.LETTERS, False),
        "pen letters": partial(pen_on_canvas, drawings.letter),
        "scribbles": partial(pen_on_canvas, drawings.scribble),
        "empty": images.make_nothing,
        "blank": pictures.blank,
        "noise": pictures.noise,
        "patterns": pictures.pattern,
        "shapes": pictures.shapes,
        "screens": pictures.screen,
    }


def other_texts(split: str, data: Path) -> dict[str, Maker]:
    found: dict[str, Maker] = {}
    if (data / "captions").is_dir():
        sentences = [t for t in captions.read_captions(data, split) if not names_a_digit(t)]
        found["captions"] = partial(choose, sentences)
    if split == "test":
        written = [t for several in languages.held_out_sentences().values() for t in several if not names_a_digit(t)]
        return found | {
            "sentences": partial(choose, written),
            "alphabets": partial(texts.alphabets, texts.OTHER_SCRIPTS),
            "marks": texts.marks,
        }
    emoji = languages.read_emoji_names(data)
    for language in LANGUAGES:
        wording = languages.wording(language)
        told = [t for several in wording.told.values() for t in several]
        said = [t for t in (*wording.other, *wording.nouns, *told) if not names_a_digit(t)]
        names = [t for t in emoji[language] if not names_a_digit(t)]
        found[f"sentences {language}"] = partial(one_or_more, said + names[:: 2 if split == "train" else 3], wording.gap)
    return found | {
        "nothing": words.make_nothing,
        "typed": texts.typed,
        "made up": texts.made_up,
        "alphabets": partial(texts.alphabets, texts.SCRIPTS),
        "code": texts.code,
        "marks": texts.marks,
    }


def choose(choices: list[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def one_or_more(choices: list[str], gap: str, rng: np.random.Generator) -> str:
    """One to three of them, one after the other."""
    return gap.join(choose(choices, rng) for _ in range(int(rng.choice([1, 1, 2, 3]))))


def recording(files: list[list[Path]], rng: np.random.Generator) -> Audio:
    sound = scene_sounds.read_sound(pick_file(files, rng))
    return Audio(sound.rate, scene_sounds.random_part(sound.samples, rng.uniform(0.5, 5.0), rng))


def backwards(digits: Digits, rng: np.random.Generator) -> Audio:
    """A spoken digit from its end to its beginning: the voices of the data set, and no word. Those of the test sound like others."""
    sound = digits.sample(int(rng.integers(2**31)), 0).inputs["audio"]
    assert isinstance(sound, Audio)
    return Audio(sound.rate, sound.samples[::-1].copy())


def other_recordings(split: str, data: Path) -> dict[str, Maker]:
    files = files_of(data, tuple((pattern, 1) for pattern in RECORDINGS[split]))
    found: dict[str, Maker] = {"recordings": partial(recording, files)} if files else {}
    if split == "test":
        found |= {"flite": other_sounds.flite} if other_sounds.is_installed("flite") else {}
        return found | {"music": other_sounds.music, "silence": other_sounds.silence}
    if other_sounds.is_installed("espeak-ng"):
        wording = languages.wording("en")
        single = [w for w in (*other_sounds.SPOKEN, *wording.nouns, *words.COMMON[:150]) if not names_a_digit(w)]
        said = [t for t in (*other_sounds.SPOKEN, *wording.other) if " " in t and not names_a_digit(t)]
        if (data / "captions").is_dir():
            said += [t for t in captions.read_captions(data, split)[::40] if len(t) < 60 and not names_a_digit(t)]
        found |= {"words": partial(other_sounds.espeak, single), "speech": partial(other_sounds.espeak, said)}
    return found | {
        "backwards": partial(backwards, Digits(data, split, ("audio",))),
        "empty": sounds.make_nothing,
        "noise": scene_sounds.make_nothing,
        "silence": other_sounds.silence,
        "tones": other_sounds.tone,
        "music": other_sounds.music,
    }


def drawn_clip(draw: Callable[[np.random.Generator], drawings.Strokes], rng: np.random.Generator) -> Clip:
    return clips.make_clip(draw(rng), rng)


def moving(make: Callable[[np.random.Generator], np.ndarray], rng: np.random.Generator) -> Clip:
    return photo_clips.make_clip(make(rng), rng)


def other_clips(split: str, data: Path) -> dict[str, Maker]:
    folders = files_of(data, SETS[split])
    found: dict[str, Maker] = {"moving photos": partial(moving, partial(photo, folders))} if folders else {}
    if split == "test":
        real = sorted(data.glob(CLIPS))
        found |= {"real clips": partial(real_clip, real)} if real else {}
        return found | {"signs": partial(drawn_clip, drawings.sign), "screens": partial(moving, pictures.screen)}
    return found | {
        "letters": partial(drawn_clip, drawings.letter),
        "scribbles": partial(drawn_clip, drawings.scribble),
        "zigzags": partial(drawn_clip, drawings.zigzag),
        "empty": clips.make_nothing,
        "moving patterns": partial(moving, pictures.pattern),
        "moving shapes": partial(moving, pictures.shapes),
        "moving noise": partial(moving, pictures.noise),
    }


def real_clip(files: list[Path], rng: np.random.Generator) -> Clip:
    return read_clip(files[int(rng.integers(len(files)))])


@cache
def read_clip(path: Path) -> Clip:
    """As for the page; without its sound, and kept, since decoding takes a second."""
    from fusion.media import load

    clip = load("video", path).medium
    assert isinstance(clip, Clip)
    return Clip(clip.frames[:: max(1, len(clip.frames) // 40)], clip.times[:: max(1, len(clip.frames) // 40)])
