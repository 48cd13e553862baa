"""The steps of each task's reproduction as a table: for `python -m fusion reproduce TASK --list` and `checkpoints/README.md`."""

from __future__ import annotations

from collections.abc import Mapping

from fusion.tasks import Task
from fusion.tasks.steps import STRATEGIES, Step

START, END = "<!-- steps: python -m fusion cards -->", "<!-- /steps -->"


def command_of(step: Step) -> str:
    """The command as one types it; DIR is the data folder."""
    return f"python -m fusion {_readable(step.command, step)}"


def writes_of(step: Step) -> str:
    return _readable(step.writes, step)


def rows(task: Task) -> list[tuple[str, str, str]]:
    """(name, command, what it writes) of every step, in order."""
    return [(f"{step.name} (optional)" if step.optional else step.name, command_of(step), writes_of(step)) for step in task.steps]


def tables(tasks: Mapping[str, Task]) -> str:
    """One table for each task that has steps."""
    parts = []
    for task in tasks.values():
        if task.steps:
            lines = [f"| `{task.name}` | command | writes |", "|---|---|---|"]
            parts.append("\n".join([*lines, *(f"| {name} | `{command}` | `{writes}` |" for name, command, writes in rows(task))]))
    return "\n\n".join(parts)


def _readable(text: str, step: Step) -> str:
    """Placeholders as in a shell: {a,b} for several names."""
    several = step.each if step.each == STRATEGIES else "{" + ",".join(step.each) + "}"
    names = step.each[0] if len(step.each) == 1 else several
    return text.replace("{each}", names).replace("{data}", "DIR")
