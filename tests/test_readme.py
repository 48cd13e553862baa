"""The promises of the READMEs: the snippet runs, the tables are those of the reports, links exist, the front matter fits the pins."""

import re
from pathlib import Path

import pytest
from safetensors.torch import load_file

from fusion.cards import distilled, steps
from fusion.cards import encoders as encoder_cards
from fusion.cards.tables import (
    CONFLICT_END,
    CONFLICT_START,
    END,
    RESULTS_END,
    RESULTS_START,
    START,
    conflict_table,
    overview_table,
    results_table,
)
from fusion.cards.write import load_reports
from fusion.describe import describe_encoders, describe_strategies
from fusion.encoder_registry import EncoderRegistry
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
RESULTS = (ROOT / "checkpoints" / "README.md").read_text()
REPORTS = load_reports(ROOT / "checkpoints")
ABOUT = describe_strategies()


def test_snippet_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    exec(re.search(r"```python\n(.*?)```", README, re.S)[1], {})
    assert capsys.readouterr().out.startswith("7 ")


def between(text: str, start: str, end: str) -> str:
    return text.split(start)[1].split(end)[0].strip()


def test_readme_is_short_and_names_every_strategy() -> None:
    assert len(README.splitlines()) <= 150
    assert between(README, START, END) == overview_table(ABOUT)
    for name in STRATEGIES:
        assert (ROOT / f"fusion/strategies/{name}.py").exists()


def test_table_of_results_is_the_report() -> None:
    assert between(RESULTS, RESULTS_START, RESULTS_END) == results_table(REPORTS, ABOUT)
    for name in STRATEGIES:
        row = next(line for line in RESULTS.splitlines() if line.startswith(f"| `{name}` "))
        assert name not in REPORTS["digits"]["cost"] or f"{REPORTS['digits']['cost'][name]['parameters']:,}" in row


def test_table_of_conflicts_is_the_report() -> None:
    assert between(RESULTS, CONFLICT_START, CONFLICT_END) == conflict_table(REPORTS, ABOUT)
    for task in ("digits", "scenes"):
        rows = REPORTS[task]["conflict"]
        assert set(rows) == {n for n in STRATEGIES if (ROOT / "checkpoints" / task / n / "model.safetensors").exists()}
        others = [row for name, row in rows.items() if name not in ("low_rank", "tensor")]
        assert min(row["three"] for row in others) > 0.9 > min(rows["low_rank"]["three"], rows["tensor"]["three"]), "as the README says"
        assert max(row["nobody"] for row in others) < min(rows["low_rank"]["nobody"], rows["tensor"]["nobody"])


def test_table_of_scenes_is_the_report() -> None:
    assert between(RESULTS, *distilled.marks("scenes")) == distilled.readme_table(REPORTS["scenes"])


def test_table_of_encoders_is_their_metrics() -> None:
    registry = EncoderRegistry("digits", "cpu")
    assert between(RESULTS, encoder_cards.START, encoder_cards.END) == encoder_cards.table(TASKS["digits"], describe_encoders())
    for modality in registry.task.modalities:
        for name in registry.names(modality):
            assert registry.references(modality, name) is not None and registry.metrics(modality, name)["probe"] > 0.1, name


def test_tables_of_steps_are_the_tasks_own() -> None:
    assert between(RESULTS, steps.START, steps.END) == steps.tables(TASKS)


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


def test_reports_keep_the_floors_of_speech() -> None:
    """Connected speech of synthesisers, and speakers, that training did not hear; and the recordings of the data set as they are."""
    outside = REPORTS["digits"]["outside"]
    assert min(outside[f"audio_connected_{name}"]["accuracy"] for name in ("flite", "festival")) >= 0.85
    assert outside["audio_new_speakers"]["accuracy"] >= 0.96
    assert REPORTS["digits"]["single"]["audio_fsdd_official"]["accuracy"] >= 0.99


def test_front_matter_fits_the_pins() -> None:
    front = dict(re.findall(r"^(\w+): (.+)$", README.split("---")[1], re.M))
    pinned = re.search(r"^gradio==(\S+)", (ROOT / "requirements.txt").read_text(), re.M)[1]
    assert front["sdk"] == "gradio" and front["sdk_version"] == pinned and (ROOT / front["app_file"]).exists()


@pytest.mark.parametrize("path", ["README.md", "checkpoints/README.md", "fusion/README.md", ".github/CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_and_pictures_exist(path: str) -> None:
    file = ROOT / path
    for target in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert target.startswith("http") or (file.parent / target).exists(), target


def test_test_command_is_the_one_ci_runs() -> None:
    assert "-r tests/requirements.txt && python -m pytest" in README.split("## Tests")[1]
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text()
