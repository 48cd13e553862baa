"""The words of a task in every language it brings: one file per language in the task's folder, `text.<language>.json`.

Keys are the task's own:

    title, question, note         what the task chooser of the page shows
    pairs                         a remark under the table of strategies
    modality.<name>               name of a modality, where it is not one of the kinds
    role.<modality>               what a modality is there for ("shows a")
    label.<label>                 a label in this language; English shows the label itself
    question.<question>           a further question, and `reply.<answer>` an answer to it
    example.<name>                title of a worked example, and `example.<name>.hint` what it shows
    any key of the page's texts   "text.hint": the task's own words while it is open

What a language lacks is shown in English, and what English lacks as it stands in the code.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from fusion.messages import DEFAULT_LANGUAGE
from fusion.types import FusionError

Texts = Mapping[str, Mapping[str, str]]  # {language: {key: text}}


def texts_beside(kind: type) -> Texts:
    """The texts in the folder of the module that defines a class; none where it has no file."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return read_texts(Path(file).parent) if file else {}


@cache
def read_texts(folder: Path) -> Texts:
    """{language: {key: text}} of all `text.<language>.json` in a folder.

    Raises:
        FusionError: a file is no JSON object of texts.
    """
    return {path.name.split(".")[1]: read_text(path) for path in sorted(folder.glob("text.*.json"))}


def read_text(path: Path) -> dict[str, str]:
    """{key: text} of one file.

    Raises:
        FusionError: it is no JSON object of texts.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise FusionError("{file} cannot be read: it is not JSON.", file=path.name) from error
    if not isinstance(found, dict) or not all(isinstance(text, str) for text in found.values()):
        raise FusionError("{file} must be a JSON object of texts.", file=path.name)
    return found


def over(base: Texts, own: Texts) -> Texts:
    """Own texts, and those of `base` where a language has none of its own."""
    return {language: {**base.get(language, {}), **own.get(language, {})} for language in {**base, **own}}


def text_of(texts: Texts, key: str, language: str = DEFAULT_LANGUAGE, default: str = "") -> str:
    """A text in a language, else in English, else `default`."""
    return texts.get(language, {}).get(key) or texts.get(DEFAULT_LANGUAGE, {}).get(key) or default
