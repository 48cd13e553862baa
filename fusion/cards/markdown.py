"""What all cards and tables share: figures as text, sections, tables, and tables inside a file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from fusion.tasks.base import CardText


def percent(value: float) -> str:
    """A share in [0, 1] with one decimal, "98.4 %"; only what is whole is called 100.0 %."""
    return f"{bare_percent(value)} %"


def bare_percent(value: float) -> str:
    """The same without the sign."""
    shown = 100 * value if value == 1 else min(100 * value, 99.9)
    return f"{shown:.1f}"


def row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """Lines of a table."""
    return [row(head), "|---" * len(head) + "|", *(row(cells) for cells in rows)]


def licence(text: CardText) -> list[str]:
    """The last section of a card, and the end of the file; nothing where the task names no licence."""
    if not text.licence:
        return []
    return ["## Licence", "", text.licence, ""]


def limits_and_licence(text: CardText, modality: str) -> list[str]:
    """The last sections of an encoder's card, of which a task may leave out both."""
    limits = ["## Limits", "", text.limits[modality], ""] if modality in text.limits else []
    return [*limits, *licence(text)]


def fill(path: Path, tables: Mapping[tuple[str, str], str]) -> None:
    """Writes each table {(mark before, mark after): table} into a file; a file that is missing stays so."""
    if not path.exists():
        return
    text = path.read_text()
    for (start, end), table in tables.items():
        text = between(text, start, end, table)
    path.write_text(text)


def between(text: str, start: str, end: str, table: str) -> str:
    """The text with what lies between two marks replaced; without the marks as it is."""
    if start not in text or end not in text:
        return text
    before, rest = text.split(start, 1)
    after = rest.split(end, 1)[1]
    return f"{before}{start}\n{table}\n{end}{after}"
