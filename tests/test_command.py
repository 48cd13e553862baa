"""Every module that is a command explains itself, touches nothing on the way, and refuses what it cannot use in one sentence."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest

from fusion.command import end_with_a_sentence, run_command
from fusion.config import CHECKPOINTS
from fusion.types import FusionError

ROOT = Path(__file__).resolve().parents[1]
FILES = [path for path in sorted((ROOT / "fusion").rglob("*.py")) if '\nif __name__ == "__main__":\n' in path.read_text("utf-8")]
MODULES = [path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".") for path in FILES]


def ended(module: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> object:
    """The exit code of `python -m module arguments`, in this process."""
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(SystemExit) as caught:
        runpy.run_module(module, run_name="__main__")
    return caught.value.code or 0


def test_there_are_commands() -> None:
    assert {"fusion.__main__", "fusion.files", "fusion.evaluation.rejection", "fusion.distill.video"} < set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_help_is_given_and_nothing_is_written(module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in [ROOT / "README.md", *CHECKPOINTS.rglob("*")]}
    assert ended(module, ["--help"], monkeypatch) == 0
    assert capsys.readouterr().out.startswith("usage: ")
    assert {p: p.stat().st_mtime_ns for p in [ROOT / "README.md", *CHECKPOINTS.rglob("*")]} == before


@pytest.mark.parametrize("module", MODULES)
def test_what_it_does_not_know_is_refused(module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(module, ["--no-such-option"], monkeypatch) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_paths_arrive_and_what_comes_back_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").write_text("")

    def function(*paths: Path) -> list[str]:
        return [path.name for path in paths]

    for given, wanted in (([tmp_path], [tmp_path.name]), ([tmp_path, tmp_path / "b"], [tmp_path.name, "b"])):
        with pytest.raises(SystemExit) as caught:
            run_command(function, "What it does.", {"data": "a folder"}, {"blind": "another"}, [str(p) for p in given])
        assert caught.value.code == 0 and json.loads(capsys.readouterr().out) == wanted
    for given in ([], [str(tmp_path / "nothing")], [str(tmp_path), str(tmp_path / "nothing")]):
        with pytest.raises(SystemExit) as caught:
            run_command(function, "What it does.", {"data": "a folder"}, {"blind": "another"}, given)
        assert caught.value.code == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FusionError("There is no strategy."), "There is no strategy."),
        (PermissionError(13, "Permission denied", "data/mnist"), "data/mnist cannot be used: Permission denied."),
        (ModuleNotFoundError("no", name="teacher"), "teacher is not installed; the requirements files name what each command needs."),
    ],
)
def test_what_a_person_can_mend_is_one_sentence(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(SystemExit) as caught:
        end_with_a_sentence(fail)
    assert caught.value.code == 2 and capsys.readouterr().err == said + "\n"
