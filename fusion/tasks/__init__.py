"""The list of tasks. Each is a folder and one line here; see `fusion.tasks.base` for the interface."""

from __future__ import annotations

from fusion.tasks.base import Task
from fusion.tasks.digits.task import ENCODERS as COMPACT
from fusion.tasks.digits.task import LABELS as DIGITS
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.digits_add.task import DigitsAddTask
from fusion.tasks.digits_find.task import DigitsFindTask
from fusion.tasks.open.task import OpenTask
from fusion.tasks.scenes.task import LABELS as SCENES
from fusion.tasks.scenes.task import ScenesTask
from fusion.types import FusionError

ALL: tuple[Task, ...] = (
    DigitsTask(),
    DigitsAddTask(),
    DigitsFindTask(),
    ScenesTask(),
    OpenTask(),
)
TASKS: dict[str, Task] = {task.name: task for task in ALL}
DEFAULT = next(iter(TASKS))


def find_task(task: str | Task | None = None) -> Task:
    """A task by name; a task is returned unchanged, None is the first one.

    Raises:
        FusionError: there is no task of this name.
    """
    if task is None:
        return TASKS[DEFAULT]
    if not isinstance(task, str):
        return task
    if task not in TASKS:
        raise FusionError("Unknown task {task!r}. Available: {tasks}.", task=task, tasks=list(TASKS))
    return TASKS[task]


__all__ = ["COMPACT", "DEFAULT", "DIGITS", "SCENES", "TASKS", "Task", "find_task"]
