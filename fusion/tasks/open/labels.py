"""Reads the labels that somebody typed.

    read_labels(["guitar", "violin | fiddle"])      ("guitar", "violin | fiddle")
    wordings("violin | fiddle")                     ("violin", "fiddle")

A label is a word or a phrase in English; several wordings of one label stand with "|" between them. Names in Chinese, Spanish, French and
German are translated where a small dictionary has all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from fusion.tasks.open.translation import translate
from fusion.types import FusionError

FEWEST, MOST = 2, 100  # labels
LONGEST = 80  # characters of a label
BETWEEN = "|"  # wordings of one label
ALLOWED = re.compile(r"[\w\s'’.,&()/|+-]+")
WORD = re.compile(r"[^\W\d_]{2,}|\d|[\u3400-\u9fff]")


def wordings(label: str) -> tuple[str, ...]:
    """The wordings of a label, each once."""
    parts = [" ".join(part.split()) for part in label.split(BETWEEN)]
    return tuple(dict.fromkeys(part for part in parts if part))


def read_labels(labels: Iterable[str] | str) -> tuple[str, ...]:
    """The labels as they are shown; a single text is cut at its commas and lines.

    Raises:
        FusionError: too few or too many, one that is empty, too long or given twice, or one that holds no English word, in one sentence.
    """
    typed = re.split(r"[,;\n]", labels) if isinstance(labels, str) else list(labels)
    if not all(isinstance(label, str) for label in typed):
        raise FusionError("A label is a word or a phrase.")
    found = [" ".join(label.split()) for label in typed]
    if len(found) > 1 and isinstance(labels, str):
        found = [label for label in found if label]  # a comma at the end
    if any(not label for label in found):
        raise FusionError("A label is empty.")
    if len(found) < FEWEST:
        raise FusionError("Give at least {fewest} labels.", fewest=FEWEST)
    if len(found) > MOST:
        raise FusionError("Give at most {most} labels; these are {count}.", most=MOST, count=len(found))
    seen = set()
    known = translate(wording for label in found for wording in wordings(label))
    for label in found:
        check_label(label)
        if not known and not is_latin(label):
            raise FusionError("The label {label} is in a script that is not read; labels are English words.", label=label)
        plain = label.casefold()
        if plain in seen:
            raise FusionError("The label {label} is given twice.", label=label)
        seen.add(plain)
    return tuple(found)


def check_label(label: str) -> None:
    """Raises a FusionError where a label cannot be read, in one sentence."""
    if len(label) > LONGEST:
        raise FusionError("The label {label} is too long; at most {most} characters are read.", label=f"{label[:20]}…", most=LONGEST)
    if not ALLOWED.fullmatch(label):
        raise FusionError("The label {label} holds characters that are no part of a word.", label=label)
    if not all(WORD.search(wording) for wording in wordings(label)) or not wordings(label):
        raise FusionError("The label {label} holds no word.", label=label)


def is_latin(label: str) -> bool:
    """Whether all its letters are Latin, with accents perhaps ("café")."""
    return all(ord(c) < 0x250 or not c.isalpha() for c in label)
