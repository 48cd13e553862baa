"""Every text of the page, one file per language: `<language>.json`; `{name}` is filled in where it is shown.

A language is one file, which needs `language.name`; all keys that it lacks are shown in English. `language.tag` is its BCP 47 tag where
that is not the file's name. Words of tasks lie in the tasks' folders, see `fusion.tasks.texts`; for a task that has none in some language
the language's file may hold them as `task.<name>.<key>`. Descriptions of strategies come from the strategies themselves, in English;
`strategy.<name>.title` and `.idea` override them. `said.<template>` is a sentence of the server.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion.messages import DEFAULT_LANGUAGE, Message
from fusion.paths import BACKBONE
from fusion.tasks import TASKS, Task
from fusion.tasks.texts import read_text

if TYPE_CHECKING:
    from fusion.lab import Description

FOLDER = Path(__file__).parent
FIELD = re.compile(r"\{(\w+)\}")
LANGUAGES = (DEFAULT_LANGUAGE, *sorted({path.stem for path in FOLDER.glob("*.json")} - {DEFAULT_LANGUAGE}))


@cache
def page_text() -> Mapping[str, Mapping[str, str]]:
    """{language: {key: text}} of the files here."""
    return {language: read_text(FOLDER / f"{language}.json") for language in LANGUAGES}


def load_text(tasks: Iterable[Task] | None = None) -> dict[str, dict[str, str]]:
    """{language: {key: text}}, with the words of tasks as `task.<name>.<key>`; a task's own file wins. By default of all tasks."""
    found = {language: dict(texts) for language, texts in page_text().items()}
    for task in TASKS.values() if tasks is None else tasks:
        for language in LANGUAGES:
            found[language] |= {f"task.{task.name}.{key}": text for key, text in task.texts.get(language, {}).items()}
    return found


def say(sentence: Any, language: str | None = DEFAULT_LANGUAGE) -> str:
    """A sentence of the server in a language, in English where there is no such language or it has no words for it.

    Values that are no sentences stay as they are; lists are joined by commas.
    """
    texts = page_text()[language if language in LANGUAGES else DEFAULT_LANGUAGE]
    if isinstance(sentence, list):
        comma = texts.get("list.comma", page_text()[DEFAULT_LANGUAGE]["list.comma"])
        return comma.join(say(item, language) for item in sentence)
    if not isinstance(sentence, Message):
        return str(sentence)
    values = {name: say(value, language) for name, value in sentence.values.items()}
    template = texts.get(f"said.{sentence.template}", sentence.template)
    return FIELD.sub(lambda field: values.get(field[1], field[0]), template)


def modality_text(task: Task, modality: str, language: str = DEFAULT_LANGUAGE) -> str:
    """The name of a modality in a language, else as it stands in the code."""
    return task_text(task, f"modality.{modality}", language) or page_text()[language].get(f"modality.{modality}", modality)


def strategy_text(task: Task, about: Description, field: str, language: str, only: str | None = None) -> str:
    """A field of a strategy's description in a language; `only`: the modality that a baseline reads."""
    texts, own = page_text()[language], getattr(about, field)
    text = texts.get(f"strategy.{about.name}.{field}")
    if text is None and only is not None:
        text = texts.get(f"strategy.alone.{field}")
    if text is None:
        return say(own, language)
    return text.replace("{modality}", modality_text(task, only or "", language))


def encoder_text(name: str, field: str, language: str) -> str:
    """The title or the idea of an encoder in a language; "" where the language has none, or it is the name of a backbone."""
    kept = "backbone" if name.startswith(BACKBONE) else name
    return page_text()[language].get(f"encoder.{kept}.{field}", "")


def task_text(task: Task, key: str, language: str = DEFAULT_LANGUAGE) -> str:
    """A text of a task in a language, else in English, else ""."""
    for own in (language, DEFAULT_LANGUAGE):
        text = task.texts.get(own, {}).get(key) or page_text()[own].get(f"task.{task.name}.{key}")
        if text:
            return text
    return ""


def pick_language(header: str) -> str:
    """The language of an `Accept-Language` header that the page has; of several the one that is wanted most, of none English."""
    for tag, _ in sorted(_wanted(header), key=lambda item: -item[1]):
        same = [language for language in LANGUAGES if language.lower() == tag]
        alike = [language for language in LANGUAGES if language.lower().partition("-")[0] == tag.partition("-")[0]]
        if same or alike:
            return (same or alike)[0]
    return DEFAULT_LANGUAGE


def _wanted(header: str) -> list[tuple[str, float]]:
    """Lower-case tags with their weights, as they are listed; those of weight zero, or damaged, are left out."""
    found = []
    for part in header.split(","):
        tag, _, weight = part.strip().partition(";")
        try:
            value = float(weight.strip().removeprefix("q=") or 1)
        except ValueError:
            continue
        if tag and value > 0:
            found.append((tag.strip().lower(), value))
    return found
