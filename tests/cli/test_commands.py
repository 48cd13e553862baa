"""The command tree: every command explains itself without PyTorch, touches nothing on the way, and refuses what it cannot use."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from fusion.cli import errors, evaluation, output, predict, training
from fusion.cli.app import build_app, main
from fusion.config import CHECKPOINTS
from fusion.tasks import TASKS
from fusion.tasks.digits.task import DigitsTask
from fusion.types import FusionError

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = [
    *"predict train references evaluate calibrate seeds leave-out probes outside bench download voices".split(),
    *"cards checksums declarations reproduce".split(),
    *(f"distill {name}" for name in ("image", "audio", "text", "languages", "video")),
]


def in_this_process(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(build_app(arguments), list(arguments), prog_name="python -m fusion")
    return found.exit_code, found.output


def names(app: typer.Typer, prefix: str = "") -> Iterator[str]:
    yield from (f"{prefix}{command.name}" for command in app.registered_commands)
    for group in app.registered_groups:
        yield from names(group.typer_instance, f"{prefix}{group.name} ")


def test_the_tree_is_as_listed() -> None:
    assert set(COMMANDS) <= set(names(build_app()))


@pytest.mark.parametrize("command", sorted(names(build_app())))
def test_help_is_given_and_nothing_is_written(command: str) -> None:
    before = {p: p.stat().st_mtime_ns for p in [ROOT / "README.md", *CHECKPOINTS.rglob("*")]}
    code, said = in_this_process(*command.split(), "--help")
    assert code == 0 and said.startswith(f"Usage: python -m fusion {command} ") and "..." not in said.splitlines()[2]
    assert {p: p.stat().st_mtime_ns for p in [ROOT / "README.md", *CHECKPOINTS.rglob("*")]} == before


@pytest.mark.parametrize("command", sorted(names(build_app())))
def test_an_unknown_option_is_refused(command: str) -> None:
    code, said = in_this_process(*command.split(), "--no-such-option")
    assert code == 2 and "No such option: --no-such-option" in said and "Traceback" not in said


def test_the_list_of_commands_is_not_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    code, said = in_this_process("--help")
    assert code == 0 and all(f"  {name.split()[0]} " in said for name in COMMANDS)
    assert not [line for line in said.splitlines()[1:] if line.endswith("...")]


def test_help_needs_no_torch() -> None:
    """Also of single commands: what they compute is imported when they run."""
    code = (
        "import sys\nfrom fusion.cli.app import main\nargs = [['--help'], *([*c.split(), '--help'] for c in sys.argv[1:])]\n"
        "assert [main(a) for a in args] == [0] * len(args)\n"
        "heavy = {'torch', 'cv2', 'transformers', 'gradio', 'sklearn', 'librosa', 'scipy'} & sys.modules.keys()\nassert not heavy, heavy"
    )
    ran = subprocess.run([sys.executable, "-c", code, *COMMANDS], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr


class StereoTask(DigitsTask):
    """Two pictures in one sample."""

    name = "stereo"
    modalities = ("left", "right_camera")
    encoders = {"left": "image_cnn", "right_camera": "image_cnn"}

    @property
    def kinds(self) -> dict[str, str]:
        return {"left": "image", "right_camera": "image"}


def test_the_media_options_are_those_of_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TASKS, "stereo", StereoTask())
    asked = []
    monkeypatch.setattr(predict, "open_lab", lambda *given: asked.append(given) or Recorder(asked))
    code, said = in_this_process("predict", "--task=stereo", "--help")
    assert code == 0 and "--left FILE" in said and "--right-camera FILE" in said and "--image" not in said
    given = ["predict", "--left", "a.png", "--task", "stereo", "--right-camera", "b.png", "--strategy", "late"]
    assert main([*given, "--severity", "left=3,right-camera=1"]) == 0
    assert asked == [("stereo", "late", "compact", "auto"), ({"left": "a.png", "right_camera": "b.png"}, {"left": 3, "right_camera": 1})]
    assert main(["predict", "--left", "a.png"]) == 2 and main(["predict", "--task", "stereo"]) == 2


class Recorder:
    """A lab that notes what it is asked and then has no more to say."""

    strategies, baselines, unavailable, untrained, device = ("late",), (), {}, (), "cpu"

    def __init__(self, asked: list[object]) -> None:
        self.asked = asked

    def encode(self, inputs: object, severity: object) -> object:
        self.asked.append((inputs, severity))
        return type("Encoded", (), {"notes": ()})()

    def predict(self, encoded: object, strategy: str) -> object:
        from tests.cli.test_main import prediction

        return prediction()


def test_an_unknown_task_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--task", "letters", "--left", "a.png"]) == 2
    assert capsys.readouterr() == ("", "Unknown task 'letters'. Available: digits, digits-add, digits-find, scenes, open.\n")


def test_the_last_task_counts() -> None:
    assert predict.named_task(["predict", "--task", "a", "--task=b"]) == "b"
    assert predict.named_task(["predict", "--task"]) is None and predict.named_task(["predict"]) is None


@pytest.mark.parametrize("command", ["probes", "distill audio"])
def test_a_file_that_is_not_there_is_refused(command: str, tmp_path: Path) -> None:
    code, said = in_this_process(*command.split(), "--data", str(tmp_path), "--yamnet", str(tmp_path / "nothing"))
    assert code == 2 and "does not exist" in said


def test_references_of_a_task_without_a_choice_are_measured_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, said = in_this_process("references", "--task", "scenes", "--data", str(tmp_path), "--encoder", "text_bert")
    assert code == 2 and "measured together" in said
    assert training.references.__doc__


@pytest.mark.parametrize("arguments", [["voices", "--task", "scenes", "--examples"], ["voices", "--task", "scenes", "--data", "d"]])
def test_a_task_without_voices_says_so(arguments: list[str]) -> None:
    code, said = in_this_process(*arguments)
    assert code == 2 and len(said.splitlines()) == 1 and "The task scenes" in said or "of the task scenes" in said


def test_seeds_pass_what_was_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fusion.evaluation import seeds

    monkeypatch.setattr(seeds, "run", lambda *given: print("progress") or {"given": given[1:]})
    assert main(["seeds", "--data", str(tmp_path), "--seeds", "2", "--strategies", "late,early"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"given": ["digits", 2, ["late", "early"]]} and said.err == "progress\n"
    assert main(["seeds", "--data", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"given": ["digits", 5, list(seeds.SMALL)]}
    assert evaluation.seeds.__doc__


@pytest.mark.parametrize(
    ("error", "said", "code"),
    [
        (FusionError("There is no strategy."), "There is no strategy.", 2),
        (PermissionError(13, "Permission denied", "data/mnist"), "data/mnist cannot be used: permission denied.", 2),
        (OSError(errno.ENOSPC, "No space left on device"), "A file cannot be used: no space left on device.", 2),
        (ModuleNotFoundError("no", name="teacher"), "teacher is not installed; the requirements files name what each command needs.", 2),
        (KeyboardInterrupt(), "Interrupted; what was finished before is kept.", 130),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(error: BaseException, said: str, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise error

    assert errors.with_exit_code(fail) == code and capsys.readouterr().err == said + "\n"
    app = typer.Typer()
    app.command()(errors.command(fail))
    found = CliRunner().invoke(app, [])
    assert found.exit_code == code and found.output == said + "\n"


@pytest.mark.skipif(os.name == "nt", reason="pipes of a POSIX shell")
@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["checksums", "--check"]])
def test_a_reader_that_has_seen_enough_is_no_error(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        ran = subprocess.run([sys.executable, "-m", "fusion", *arguments], cwd=ROOT, stdout=write, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(write)
    assert b"Traceback" not in ran.stderr and b"Exception ignored" not in ran.stderr and ran.returncode in (0, 1)


def test_json_has_no_number_that_is_not_finite(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": float("nan"), "path": Path("b"), "word": "é"})
    assert capsys.readouterr().out == '{\n  "a": null,\n  "path": "b",\n  "word": "é"\n}\n'
