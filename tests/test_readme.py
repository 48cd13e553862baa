"""The README's promises: its snippet runs, its table is the report's, its front matter fits the pins."""

import json
import re
from pathlib import Path

import pytest

from fusion.strategies import STRATEGIES
from fusion.training.cards import END, START, percent, readme_table

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
REPORT = json.loads((ROOT / "checkpoints" / "digits" / "report.json").read_text())


def test_snippet_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(re.search(r"```python\n(.*?)```", README, re.S)[1], {})
    assert capsys.readouterr().out.startswith("7 ")


def test_table_is_the_report() -> None:
    assert README.split(START)[1].split(END)[0].strip() == readme_table(REPORT)
    for name in STRATEGIES:
        row = next(line for line in README.splitlines() if line.startswith(f"| `{name}` "))
        assert percent(REPORT["severity"]["all-3"][name]["accuracy"]) in row and (ROOT / f"fusion/strategies/{name}.py").exists()


def test_front_matter_fits_the_pins() -> None:
    front = dict(re.findall(r"^(\w+): (.+)$", README.split("---")[1], re.M))
    pinned = re.search(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text(), re.M)[1]
    assert front["sdk"] == "gradio" and front["sdk_version"] == pinned and (ROOT / front["app_file"]).exists()


def test_links_and_pictures_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_test_command_is_the_one_ci_runs() -> None:
    assert "python -m pytest" in README.split("## Tests")[1].splitlines()
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text()
