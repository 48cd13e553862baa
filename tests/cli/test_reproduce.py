"""`reproduce` with quick steps in place of trainings: what is done is skipped, and a run that was cut off goes on."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fusion.cards.steps import rows, tables
from fusion.cli import steps
from fusion.cli.app import main
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.steps import Step
from fusion.types import FusionError

ROOT = Path(__file__).resolve().parents[2]
PYTHON = (sys.executable, "-c")
NOTE = "from pathlib import Path; p = Path('{data}'); (p / 'log').open('a').write('%s\\n'); (p / '%s').write_text('')"


def note(name: str, each: tuple[str, ...] = (), optional: bool = False, then: str = "") -> Step:
    """A step that writes its name into a log and makes a file of this name."""
    full = f"{name}-{{each}}" if each else name
    return Step(name, shlex.quote(NOTE % (full, full) + then), f"{{data}}/{full}", each, optional)


def task_of(*parts: Step) -> DigitsTask:
    task = DigitsTask()
    task.steps = parts
    return task


def log(data: Path) -> list[str]:
    return (data / "log").read_text().split() if (data / "log").exists() else []


def test_each_step_runs_once_and_in_order(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    task = task_of(note("first", then="; print('hello from the step')"), note("second", ("a", "b")), note("third"))
    steps.run(task, tmp_path, program=PYTHON)
    assert log(tmp_path) == ["first", "second-a", "second-b", "third"]
    said = capfd.readouterr()
    assert said.out == "hello from the step\n" and "[2/4] second a: " in said.err
    steps.run(task, tmp_path, program=PYTHON)
    assert len(log(tmp_path)) == 4 and capfd.readouterr().err.count(": done 20") == 4
    stamp = json.loads((tmp_path / ".reproduce" / "digits" / "second.b.json").read_text())
    assert stamp["command"] == [NOTE.replace("{data}", str(tmp_path)) % ("second-b", "second-b")] and len(stamp["inputs"]) == 64
    assert steps.states(task, tmp_path) == {"first": "done", "second": "done", "third": "done"}


def test_what_depends_on_a_change_is_done_again(tmp_path: Path) -> None:
    before = task_of(note("first"), note("second"), note("third"))
    steps.run(before, tmp_path, program=PYTHON)
    after = task_of(note("first"), note("second", then="; pass"), note("third"))
    assert steps.states(after, tmp_path) == {"first": "done", "second": "open", "third": "open"}
    steps.run(after, tmp_path, program=PYTHON)
    assert log(tmp_path)[3:] == ["second", "third"]
    after.recipes = {}
    assert set(steps.states(after, tmp_path).values()) == {"open"}, "another recipe gives other weights"


@pytest.mark.parametrize("lost", ["second", ".reproduce/digits/second.json"])
def test_a_lost_output_or_stamp_is_made_again(tmp_path: Path, lost: str) -> None:
    task = task_of(note("first"), note("second"))
    steps.run(task, tmp_path, program=PYTHON)
    (tmp_path / lost).unlink()
    steps.run(task, tmp_path, program=PYTHON)
    assert log(tmp_path) == ["first", "second", "second"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"inputs": 3}'])
def test_a_damaged_stamp_is_no_stamp(tmp_path: Path, text: str) -> None:
    task = task_of(note("first"))
    steps.run(task, tmp_path, program=PYTHON)
    (tmp_path / ".reproduce" / "digits" / "first.json").write_text(text)
    steps.run(task, tmp_path, program=PYTHON)
    assert log(tmp_path) == ["first", "first"]


def test_from_does_a_step_and_all_that_follow_again(tmp_path: Path) -> None:
    task = task_of(note("first"), note("second", ("a", "b")), note("third"))
    steps.run(task, tmp_path, program=PYTHON)
    steps.run(task, tmp_path, start="second", program=PYTHON)
    assert log(tmp_path)[4:] == ["second-a", "second-b", "third"]
    with pytest.raises(FusionError, match="has no step 'fourth'; it has first, second, third."):
        steps.run(task, tmp_path, start="fourth", program=PYTHON)


def test_a_failing_step_says_how_to_go_on(tmp_path: Path) -> None:
    stop = "; import sys; sys.exit(0 if (p / 'mended').exists() else 3)"
    task = task_of(note("first"), note("second", ("a", "b"), then=stop), note("third"))
    with pytest.raises(FusionError) as caught:
        steps.run(task, tmp_path, program=PYTHON)
    again = f"python -m fusion reproduce digits --data {tmp_path}"
    assert str(caught.value) == f"The step second a ended with exit code 3; `{again}` continues with it."
    assert steps.states(task, tmp_path) == {"first": "done", "second": "open", "third": "open"}
    (tmp_path / "mended").write_text("")
    steps.run(task, tmp_path, program=PYTHON)
    assert log(tmp_path) == ["first", "second-a", "second-a", "second-b", "third"]


def test_a_step_that_writes_nothing_has_failed(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="The step idle did not write .*nothing; "):
        steps.run(task_of(Step("idle", "pass", "{data}/nothing")), tmp_path, program=PYTHON)


def test_an_optional_step_is_left_out_and_tried_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    task = task_of(note("first"), Step("extra", shlex.quote("raise SystemExit(2)"), "{data}/extra", optional=True), note("third"))
    steps.run(task, tmp_path, program=PYTHON)
    assert log(tmp_path) == ["first", "third"]
    assert "The optional step extra ended with exit code 2 and is left out." in capfd.readouterr().err
    assert steps.states(task, tmp_path) == {"first": "done", "extra": "open", "third": "done"}


RUN = """
import shlex, sys
from pathlib import Path
from fusion.cli import errors, steps
from fusion.tasks.digits.task import DigitsTask
from fusion.tasks.steps import Step
data, task = Path(sys.argv[1]), DigitsTask()
slow = "import os, time; from pathlib import Path; p = Path('{data}'); (p / 'pid').write_text(str(os.getpid())); "
slow += "[time.sleep(0.05) for _ in range(600) if not (p / 'go').exists()]; (p / 'slow').write_text('')"
first = "from pathlib import Path; p = Path('{data}'); (p / 'log').open('a').write('first ')"
task.steps = (Step("first", shlex.quote(first), "{data}/log"), Step("slow", shlex.quote(slow), "{data}/slow"))
sys.exit(errors.with_exit_code(lambda: steps.run(task, data, program=(sys.executable, "-c"))))
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_where_it_stopped(tmp_path: Path, number: int) -> None:
    arguments = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(arguments, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (tmp_path / "pid").exists():
            time.sleep(0.02)
        while not (pid := (tmp_path / "pid").read_text()):
            time.sleep(0.02)
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 130 and said.splitlines()[-1] == "Interrupted; what was finished before is kept."
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    (tmp_path / "go").write_text("")
    ran = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0 and "[1/2] first: done" in ran.stderr
    assert (tmp_path / "log").read_text() == "first " and (tmp_path / "slow").exists()


@pytest.mark.parametrize("task", [task for task in TASKS.values() if task.steps], ids=str)
def test_every_step_is_a_command_of_this_version(task: DigitsTask, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    commands = steps.commands_of(task.steps)
    assert len({command.stamp(tmp_path) for command in commands}) == len(commands)
    for command in commands:
        arguments = command.arguments(tmp_path)
        assert "{" not in "".join(arguments) and main([*arguments, "--help"]) == 0, arguments
    assert {c.each for c in commands if c.step.name == "strategies"} == (set() if task.open_labels else set(STRATEGIES))


@pytest.mark.parametrize("task", [task for task in TASKS.values() if task.steps], ids=str)
def test_the_list_is_the_table_of_the_readme(task: DigitsTask, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["reproduce", task.name, "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = [tuple(cell.strip() for cell in line.split("  ") if cell.strip()) for line in lines[1:]]
    table = next(part for part in tables(TASKS).split("\n\n") if part.startswith(f"| `{task.name}` |"))
    shown = [tuple(cell.strip().strip("`") for cell in line.strip("|").split(" | ")) for line in table.splitlines()[2:]]
    assert listed == shown == rows(task)
    assert main(["reproduce", task.name, "--list", "--data", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("  state") and all(line.endswith("  open") for line in lines[1:]) and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits"], "--data DIR or the variable FUSION_DATA"),
        (["letters", "--data", "d"], "Unknown task 'letters'"),
        (["digits", "--data", "d", "--from", "x"], "has no step 'x'"),
        (["digits", "--list", "--from", "x"], "has no step 'x'"),
    ],
)
def test_wrong_arguments_are_one_sentence(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FUSION_DATA", raising=False)
    assert main(["reproduce", *arguments]) == 2
    found = capsys.readouterr()
    assert said in found.err and len(found.err.splitlines()) == 1 and found.out == ""
