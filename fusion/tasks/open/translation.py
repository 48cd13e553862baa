"""Labels in Chinese, Spanish, French and German, by a small dictionary of names.

    translate(("perro", "gato"))      {"perro": "dog", "gato": "cat"}
    translate(("dog", "cat"))         {}

`words.json` holds the names of emoji in these languages (Unicode CLDR, Unicode-3.0) with the English ones. A language is taken where it has
all labels of a set, so that an English word which means something else there stays English among others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

WORDS = Path(__file__).with_name("words.json")


@cache
def dictionaries() -> dict[str, dict[str, str]]:
    """{language: {name in small letters: English name}}."""
    found: dict[str, dict[str, str]] = json.loads(WORDS.read_text("utf-8"))
    return found


def translate(words: Iterable[str]) -> dict[str, str]:
    """{word: English} of a set of labels that are all in one language; empty where no dictionary has them all."""
    plain = {word: word.lower() for word in words}
    for names in dictionaries().values():
        if plain and all(word in names for word in plain.values()):
            return {word: names[found] for word, found in plain.items()}
    return {}
