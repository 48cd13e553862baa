"""Runs the steps of a task's reproduction: those that are done are skipped, and an interrupted run goes on where it stopped.

A step that is done leaves a stamp, DATA/.reproduce/TASK/STEP.json (STEP.NAME.json for a step that runs once for each of several names):

    {"command": ["train", ...],       arguments of `python -m fusion`
     "inputs": "5f2c...",             SHA-256 of what it depends on: the task's recipes, encoders of other tasks, and the stamps before it
     "finished": "2026-01-31T12:00:00+00:00", "seconds": 12.5}

A step whose command or inputs have changed since, or whose output is missing, is done again, and with it all that follow.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from fusion.config import CHECKPOINTS
from fusion.files import load_json, require_folder, save_json
from fusion.tasks import Task
from fusion.tasks.steps import STRATEGIES, Step
from fusion.types import FusionError

PROJECT = CHECKPOINTS.parent
FUSION = (sys.executable, "-m", "fusion")
INTERRUPTED = 130


@dataclass(frozen=True)
class Command:
    """One run of a step: for one of its names, where it has several."""

    step: Step
    each: str = ""

    @property
    def title(self) -> str:
        return f"{self.step.name} {self.each}".strip()

    def arguments(self, data: Path) -> list[str]:
        return [self._filled(word, data) for word in shlex.split(self.step.command)]

    def output(self, data: Path) -> Path:
        return PROJECT / self._filled(self.step.writes, data)

    def stamp(self, folder: Path) -> Path:
        return folder / (f"{self.step.name}.{self.each}.json" if self.each else f"{self.step.name}.json")

    def _filled(self, text: str, data: Path) -> str:
        return text.replace("{each}", self.each).replace("{data}", str(data))


def commands_of(steps: Sequence[Step]) -> list[Command]:
    """All runs of all steps, in order."""
    found = []
    for step in steps:
        names: Sequence[str] = step.each
        if step.each == STRATEGIES:
            from fusion.strategies import STRATEGIES as known

            names = list(known)
        found += [Command(step, name) for name in names] if names else [Command(step)]
    return found


def run(task: Task, data: Path, start: str | None = None, program: Sequence[str] = FUSION) -> None:
    """Runs all steps of a task that are not done yet.

    Args:
        start: a step that is done again, with all that follow.
        program: what is called with the arguments of a step.

    Raises:
        FusionError: a step failed, or there is no such step; the sentence says how to go on.
        KeyboardInterrupt: the run was interrupted; the step that was running has been ended.
    """
    check_steps(task, start)
    data = data.resolve()
    folder = stamp_folder(data, task)
    require_folder(folder)
    commands = commands_of(task.steps)
    forget_from(commands, start, folder)
    done = inputs_of(task)
    for number, command in enumerate(commands, 1):
        title = f"[{number}/{len(commands)}] {command.title}"
        stamp = valid_stamp(command, data, folder, done)
        if stamp is None:
            typed = shlex.join(["python", *program[1:], *command.arguments(data)])
            print(f"{title}: {typed}", file=sys.stderr, flush=True)
            stamp = execute(command, task, data, folder, done, program)
        else:
            print(f"{title}: done {stamp['finished']}", file=sys.stderr, flush=True)
        if stamp is not None:
            done = digest([done, stamp])


def check_steps(task: Task, start: str | None = None) -> None:
    """Raises FusionError where the task has no steps, or none called `start`."""
    names = [step.name for step in task.steps]
    if not names:
        raise FusionError("The task {task} defines no steps to reproduce it.", task=task.name)
    if start and start not in names:
        raise FusionError("The task {task} has no step {start!r}; it has {known}.", task=task.name, start=start, known=list(names))


def states(task: Task, data: Path) -> dict[str, str]:
    """{step: "done", "open", or how many of its runs are done, "2 of 4"}."""
    data = data.resolve()
    folder, done = stamp_folder(data, task), inputs_of(task)
    counts = {step.name: [0, 0] for step in task.steps}
    for command in commands_of(task.steps):
        stamp = valid_stamp(command, data, folder, done)
        counts[command.step.name][0] += stamp is not None
        counts[command.step.name][1] += 1
        if stamp is not None:
            done = digest([done, stamp])
    return {name: "done" if n == total else f"{n} of {total}" if n else "open" for name, (n, total) in counts.items()}


def stamp_folder(data: Path, task: Task) -> Path:
    return data / ".reproduce" / task.name


def forget_from(commands: Sequence[Command], start: str | None, folder: Path) -> None:
    """Removes the stamps of a step and of all that follow."""
    names = [command.step.name for command in commands]
    if start:
        for command in commands[names.index(start) :]:
            command.stamp(folder).unlink(missing_ok=True)


def inputs_of(task: Task) -> str:
    """What all steps of a task depend on: how its models are trained, and the encoders that it borrows from other tasks."""
    borrowed = [CHECKPOINTS / owner / "encoders" / m / "SHA256SUMS" for m, owner in task.encoder_tasks.items() if owner != task.name]
    sums = [path.read_text("utf-8") for path in borrowed if path.exists()]
    return digest([repr(sorted(task.recipes.items())), dict(task.encoders), sums])


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def valid_stamp(command: Command, data: Path, folder: Path, inputs: str) -> Mapping[str, Any] | None:
    """The stamp of a run that is done and need not be done again."""
    path = command.stamp(folder)
    if not path.exists() or not command.output(data).exists():
        return None
    try:
        stamp = load_json(path)
    except FusionError:  # damaged: the step is done again
        return None
    fits = isinstance(stamp, dict) and stamp.get("inputs") == inputs and stamp.get("command") == command.arguments(data)
    return stamp if fits and "finished" in stamp else None


def execute(command: Command, task: Task, data: Path, folder: Path, inputs: str, program: Sequence[str]) -> dict[str, Any] | None:
    """Runs a command with its output passed through, and returns the stamp; None where an optional step failed.

    Raises:
        FusionError: the step failed.
    """
    command.stamp(folder).unlink(missing_ok=True)
    began = time.monotonic()
    code = call([*program, *command.arguments(data)])
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code == 0 and command.output(data).exists():
        stamp = {
            "command": command.arguments(data),
            "inputs": inputs,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(time.monotonic() - began, 1),
        }
        save_json(command.stamp(folder), stamp, checksum=False)
        return stamp
    reason = f"ended with exit code {code}" if code else f"did not write {command.output(data)}"
    if command.step.optional:
        print(f"The optional step {command.title} {reason} and is left out.", file=sys.stderr)
        return None
    again = shlex.join(["python", "-m", "fusion", "reproduce", task.name, "--data", str(data)])
    raise FusionError("The step {title} {reason}; `{again}` continues with it.", title=command.title, reason=reason, again=again)


def call(arguments: Sequence[str]) -> int:
    """The exit code of a program that writes where this one does. It ends when this one is told to end."""
    with ended_like_an_interrupt(), subprocess.Popen(arguments, cwd=PROJECT) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.terminate()  # Ctrl+C in a terminal reaches it, too; a signal to this process alone does not
            process.wait()
            raise


@contextmanager
def ended_like_an_interrupt() -> Iterator[None]:
    """Takes SIGTERM like Ctrl+C, so that a step never goes on alone."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # outside the main thread signals are somebody else's
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
