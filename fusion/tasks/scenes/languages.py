"""Sentences of the task `scenes` in English, Chinese, Spanish, French and German: words and templates for training, sentences for the test.

    sentences/words.<language>.json   names of the classes, sayings without the name, templates, words in another sense, other things
    sentences/test.<language>.json    written by hand, measured only: {class or "none": sentences}
    sentences/val.json                written by hand, to choose thresholds: {language: {class: sentences}}
    sentences/other.json              sentences about other things, likewise: {language: sentences}
    sentences/other_held_out.json     more of these, measured only

Reference: Reimers & Gurevych 2020, Making Monolingual Sentence Embeddings Multilingual using Knowledge Distillation (arXiv 2004.09813).
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fusion.tasks.scenes.captions import MENTIONS
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS

LANGUAGES = ("en", "zh", "es", "fr", "de")
FOLDER = Path(__file__).parent / "sentences"
SCRIPTS = {  # first and last code point of other alphabets
    "cyrillic": (0x0430, 0x044F),
    "greek": (0x03B1, 0x03C9),
    "hebrew": (0x05D0, 0x05EA),
    "arabic": (0x0627, 0x064A),
    "devanagari": (0x0905, 0x0939),
    "thai": (0x0E01, 0x0E2E),
    "hangul": (0xAC00, 0xD7A3),
    "hiragana": (0x3042, 0x3093),
    "katakana": (0x30A2, 0x30F3),
}


@dataclass(frozen=True)
class Wording:
    """Words and templates of one language; a template has one `{}` for each name.

    things, told        {class: names}, {class: sayings that do not contain a name}
    articles            words before a name; verbs: what may follow it
    frames, denials     templates of one name; switches: of two, the first one denied
    elsewhere           names of classes in another sense
    other, nouns        sentences and words of no class
    """

    language: str
    things: dict[str, list[str]]
    told: dict[str, list[str]]
    articles: list[str]
    frames: list[str]
    verbs: list[str]
    denials: list[str]
    switches: list[str]
    elsewhere: list[str]
    other: list[str]
    nouns: list[str]

    @property
    def gap(self) -> str:
        """What stands between two words."""
        return "" if self.language == "zh" else " "

    def name(self, label: int, rng: np.random.Generator) -> str:
        return self.with_article(pick(self.things[LABELS[label]], rng), rng)

    def with_article(self, noun: str, rng: np.random.Generator) -> str:
        article = pick(self.articles, rng)
        gap = "" if not article or article.endswith("'") else self.gap
        return f"{article}{gap}{noun}"


def pick(choices: Sequence[str], rng: np.random.Generator) -> str:
    return choices[int(rng.integers(len(choices)))]


def read(name: str) -> Any:
    """A file of the folder `sentences`."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


@cache
def wording(language: str) -> Wording:
    return Wording(language, **read(f"words.{language}"))


def test_sentences(language: str) -> list[tuple[str, int]]:
    """Sentences that were written by hand for the test, with their classes."""
    labels = {name: k for k, name in enumerate(LABELS)} | {"none": NONE}
    return [(text, labels[name]) for name, texts in read(f"test.{language}").items() for text in texts]


def validation_sentences(language: str) -> list[tuple[str, int]]:
    """Sentences that were written by hand for validation, with their classes."""
    return [(text, LABELS.index(name)) for name, texts in read("val")[language].items() for text in texts]


def other_sentences() -> dict[str, list[str]]:
    """{language or "alphabets": sentences about other things}, for validation."""
    found: dict[str, list[str]] = read("other")
    return found


def held_out_sentences() -> dict[str, list[str]]:
    """{language or "alphabets": sentences about other things}, for the test."""
    found: dict[str, list[str]] = read("other_held_out")
    return found


@cache
def reserved() -> frozenset[str]:
    """The sentences of validation and test in lower case, which training leaves out."""
    named = [text for language in LANGUAGES for text, _ in (*test_sentences(language), *validation_sentences(language))]
    others = [text for several in (other_sentences(), held_out_sentences()) for texts in several.values() for text in texts]
    single = {name for language in LANGUAGES for names in wording(language).things.values() for name in names}
    return frozenset(text.lower() for text in named + others if text not in single)


def make_known(language: str, label: int, rng: np.random.Generator) -> str:
    """A sentence that tells of one class."""
    words = wording(language)
    kind = rng.random()
    if kind < 0.25:
        text = pick(words.told[LABELS[label]], rng)
    elif kind < 0.32:
        others = [k for k in range(len(LABELS)) if k != label]
        text = pick(words.switches, rng).format(words.name(int(rng.choice(others)), rng), words.name(label, rng))
    elif kind < 0.4:
        return pick(words.things[LABELS[label]], rng)
    elif kind < 0.55:
        text = f"{words.name(label, rng)}{words.gap}{pick(words.verbs, rng)}"
    elif kind < 0.65:
        text = surrounded(words, words.name(label, rng), rng)
    else:
        text = pick(words.frames, rng).format(words.name(label, rng))
    return extended(words, text, rng)


def surrounded(words: Wording, name: str, rng: np.random.Generator) -> str:
    """A name between a few words of no class."""
    before = [pick(words.nouns, rng) for _ in range(int(rng.integers(0, 3)))]
    after = [pick(words.nouns + words.verbs, rng) for _ in range(int(rng.integers(0, 3)))]
    return words.gap.join([*before, name, *after])


def extended(words: Wording, text: str, rng: np.random.Generator) -> str:
    """Now and then another clause, of no class."""
    kind = rng.random()
    comma = "，" if words.language == "zh" else ", "
    if kind < 0.08:
        return f"{text}{comma}{pick(words.other, rng)}"
    if kind < 0.12:
        return f"{pick(words.other, rng)}{comma}{text}"
    if kind < 0.2:
        return f"{text}{words.gap}{pick(words.verbs, rng)}"
    return text


def make_none(language: str, further: tuple[str, ...], rng: np.random.Generator) -> str:
    """A sentence of no class: denied, in another sense, about another thing, or of no meaning.

    Args:
        further: more words and sentences of no class in this language.
    """
    words = wording(language)
    kind = rng.random()
    if kind < 0.22:
        return pick(words.denials, rng).format(words.name(int(rng.integers(len(LABELS))), rng))
    if kind < 0.36:
        text = pick(words.elsewhere, rng)
        return text if rng.random() < 0.6 else pick(words.frames, rng).format(text)
    if kind < 0.44:
        return make_senseless(language, rng)
    if kind < 0.6:
        noun = pick(words.nouns, rng) if not further or rng.random() < 0.3 else pick(further, rng)
        return pick(words.frames, rng).format(words.with_article(noun, rng))
    if kind < 0.66:
        return f"{words.with_article(pick(words.nouns, rng), rng)}{words.gap}{pick(words.verbs, rng)}"
    if kind < 0.82 and further:
        return words.gap.join(pick(further, rng) for _ in range(int(rng.integers(1, 4))))
    text = pick(words.other, rng)
    if rng.random() < 0.3:
        text = f"{text}{words.gap}{surrounded(words, pick(words.nouns, rng), rng)}"
    return text


def make_senseless(language: str, rng: np.random.Generator) -> str:
    """Made-up words, letters typed at random, other alphabets, or Chinese characters in any order."""
    count = int(rng.integers(1, 6))
    if language == "zh" and rng.random() < 0.6:
        return "".join(pick(plain_characters(), rng) for _ in range(count + 1))
    kind = rng.random()
    if kind < 0.3:
        first, last = SCRIPTS[pick(list(SCRIPTS), rng)]
        return " ".join("".join(chr(int(c)) for c in rng.integers(first, last + 1, int(rng.integers(2, 8)))) for _ in range(count))
    if kind < 0.5:
        return "".join(rng.choice(list("abcdefghijklmnopqrstuvwxyz  0123456789"), int(rng.integers(2, 16)))).strip() or "x"
    return " ".join(made_up(rng) for _ in range(1 + count // 2))


def made_up(rng: np.random.Generator) -> str:
    """A word of one to three syllables that no language has."""
    syllables = int(rng.integers(1, 4))
    onsets = ["b", "bl", "d", "dr", "f", "g", "gr", "k", "l", "m", "n", "p", "qu", "r", "s", "st", "t", "v", "w", "x", "z"]
    ends = ["", "", "n", "r", "s", "l", "t", "ng", "x", "rf", "mp"]
    return "".join(pick(onsets, rng) + pick(list("aeiou"), rng) + pick(ends, rng) for _ in range(syllables))


@cache
def characters() -> list[str]:
    """The 3,755 common Chinese characters (first level of GB 2312), and the traditional forms of the classes' names."""
    common = [bytes([row, cell]).decode("gb2312", "ignore") for row in range(0xB0, 0xD8) for cell in range(0xA1, 0xFF)]
    used = [c for words in (wording("zh").things, wording("zh").told) for texts in words.values() for text in texts for c in text]
    return list(
        dict.fromkeys(c for c in [*common, *used, *"貓鳥鐘錶獅雞魚門電車東風雲話語國學說聽開關沒這隻個"] if "\u3400" <= c <= "\u9fff")
    )


@cache
def plain_characters() -> list[str]:
    """Common characters that are part of no class's name."""
    named = {c for texts in wording("zh").things.values() for text in texts for c in text}
    return [c for c in characters() if c not in named]


def symbols() -> list[str]:
    """Emoji that are names of classes."""
    return [name for names in wording("en").things.values() for name in names if len(name) == 1 and ord(name) > 0x2000]


def read_emoji_names(data: Path) -> dict[str, tuple[str, ...]]:
    """{language: names of emoji that show none of the classes}; empty without the table `emoji/metadata.csv`."""
    path = Path(data) / "emoji" / "metadata.csv"
    if not path.is_file():
        return dict.fromkeys(LANGUAGES, ())
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not _shows_a_class(f"{row['name_en']} {row['keywords_en']}")]
    found = {}
    for language in LANGUAGES:
        names = [name for row in rows for name in (row[f"name_{language}"], *row[f"keywords_{language}"].split("|"))]
        banned = {name.lower() for several in wording(language).things.values() for name in several}
        kept = (n for n in names if n and not any(part in banned for part in (n.lower(), *n.lower().split())))
        if language == "zh":
            kept = (n for n in kept if not any(name in n for name in banned))
        found[language] = tuple(dict.fromkeys(kept))
    return found


def other_emoji(data: Path) -> list[Path]:
    """Pictures of emoji that show none of the classes; none without the table `emoji/metadata.csv`."""
    path = Path(data) / "emoji" / "metadata.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not _shows_a_class(f"{row['name_en']} {row['keywords_en']}")]
    return [path.parent / row["file_name"] for row in rows]


@cache
def english_names() -> frozenset[str]:
    return frozenset(name.lower() for names in wording("en").things.values() for name in names)


def names_a_class(text: str) -> bool:
    """Whether one of the words is an English name of a class."""
    return not english_names().isdisjoint(re.findall(r"[a-z]+", text.lower()))


def _shows_a_class(text: str) -> bool:
    return any(pattern.search(text.replace("|", " ")) for pattern in MENTIONS.values())
