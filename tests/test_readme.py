"""The README's promises: its snippet runs, its table is the report's, its front matter fits the pins."""

import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from fusion.cards import distilled
from fusion.cards import encoders as encoder_cards
from fusion.cards.strategies import CONFLICT_END, CONFLICT_START, END, START, conflict_table, load_reports, readme_table
from fusion.library import Library
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
REPORTS = load_reports(ROOT / "checkpoints")


def test_snippet_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(re.search(r"```python\n(.*?)```", README, re.S)[1], {})
    assert capsys.readouterr().out.startswith("7 ")


def test_table_is_the_report() -> None:
    assert README.split(START)[1].split(END)[0].strip() == readme_table(REPORTS)
    for name in STRATEGIES:
        row = next(line for line in README.splitlines() if line.startswith(f"| `{name}` "))
        assert (ROOT / f"fusion/strategies/{name}.py").exists()
        assert name not in REPORTS["digits"]["cost"] or f"{REPORTS['digits']['cost'][name]['parameters']:,}" in row


def test_table_of_conflicts_is_the_report() -> None:
    assert README.split(CONFLICT_START)[1].split(CONFLICT_END)[0].strip() == conflict_table(REPORTS)
    for task in ("digits", "scenes"):
        rows = REPORTS[task]["conflict"]
        assert set(rows) == {n for n in STRATEGIES if (ROOT / "checkpoints" / task / n / "model.safetensors").exists()}
        others = [row for name, row in rows.items() if name not in ("low_rank", "tensor")]
        assert min(row["three"] for row in others) > 0.9 > min(rows["low_rank"]["three"], rows["tensor"]["three"]), "as the README says"
        assert max(row["nobody"] for row in others) < min(rows["low_rank"]["nobody"], rows["tensor"]["nobody"])


def test_table_of_scenes_is_the_report() -> None:
    start, end = distilled.marks("scenes")
    assert README.split(start)[1].split(end)[0].strip() == distilled.readme_table(REPORTS["scenes"])


def test_table_of_encoders_is_their_facts() -> None:
    library = Library("digits", "cpu")
    assert README.split(encoder_cards.START)[1].split(encoder_cards.END)[0].strip() == encoder_cards.table(library, TASKS["digits"])
    for modality in library.task.modalities:
        for name in library.names(modality):
            assert library.references(modality, name) is not None and library.facts(modality, name)["probe"] > 0.1, name


@pytest.mark.parametrize("task", [*REPORTS])
def test_report_is_of_the_shipped_models(task: str) -> None:
    """Each strategy has a figure for every subset and severity, and the parameters counted are those of the file beside it."""
    report = REPORTS[task]
    shipped = {n for n in STRATEGIES if (ROOT / "checkpoints" / task / n / "model.safetensors").exists()}
    assert set(report["subsets"]) == shipped and all(len(s) == 15 for s in report["subsets"].values())
    assert set(report["severity"]) == {"all-0", *(f"{m}-{k}" for m in ("all", *TASKS[task].modalities) for k in range(1, 6))}
    for name in (*shipped, *(f"{m}_only" for m in TASKS[task].modalities)):
        stored = load_file(ROOT / "checkpoints" / task / name / "model.safetensors")
        numbers = {k: v.numel() for k, v in stored.items()}
        assert sum(numbers.values()) == report["parameters"][name], f"{name} was measured with another file"


def test_reports_keep_the_floors() -> None:
    """What the project promises of its models, on the test splits; see the cards for the figures."""
    severity = REPORTS["digits"]["severity"]
    for m in TASKS["digits"].modalities:
        gone, clean = (severity[s]["dynamic"]["weights"][m] for s in (f"{m}-5", "all-0"))
        assert gone <= clean / 2, f"dynamic fusion still believes a broken {m}"
        for level in range(1, 6):
            assert severity[f"{m}-{level}"]["dynamic"]["accuracy"] >= severity[f"{m}-{level}"]["late"]["accuracy"]
    pairs = REPORTS["digits-add"]["held_out"]
    assert sum(row["seen_pairs"]["accuracy"] >= 0.97 for row in pairs.values()) >= 4
    assert pairs["late"]["unseen_pairs"]["accuracy"] <= 0.15
    places = REPORTS["digits-find"]["places"]
    best = max(places, key=lambda n: places[n]["text+audio+video"]["centre_inside"])
    assert places[best]["text+audio+video"]["iou"] >= 0.75 and places[best]["text+audio+video"]["centre_inside"] >= 0.97
    assert places[best]["audio"]["centre_inside"] >= 0.95
    assert places["cross_attention"]["text+audio+video"]["pointing"] >= 0.95


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
