"""Every text of the page, one file per language: `<language>.json`; `{name}` is filled in where it is shown.

A language is one file, which needs `language.name`; all keys that it lacks are shown in English. `language.tag` is its BCP 47 tag where
that is not the file's name. Words of tasks lie in the tasks' folders, see `fusion.tasks.texts`; for a task that has none in some language
the language's file may hold them as `task.<name>.<key>`. Descriptions of strategies come from the strategies themselves, in English;
`strategy.<name>.title` and `.idea` override them. `said.<template>` is a sentence of the server.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from fusion.messages import DEFAULT_LANGUAGE
from fusion.tasks import TASKS, Task
from fusion.tasks.texts import read_text

FOLDER = Path(__file__).parent
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
