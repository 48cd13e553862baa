"""Tasks: what is asked of the modalities. One idea, one folder, one line here; a task's samples live in its folder."""

from __future__ import annotations

from dataclasses import dataclass

from fusion.types import MODALITIES


@dataclass(frozen=True)
class Task:
    """What a visitor is asked: `labels` are text, `interaction` is how the modalities depend on one another."""

    name: str
    title: str
    question: str
    interaction: str
    labels: tuple[str, ...]
    modalities: tuple[str, ...] = MODALITIES


TASKS: dict[str, Task] = {
    "digits": Task("digits", "Digits", "Which digit is it?", "redundancy", tuple("0123456789")),
}
