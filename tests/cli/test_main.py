"""The command line with a stand-in for the lab: what it prints, where it prints it, and how it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import fusion
from fusion.cli.app import main
from fusion.tasks import TASKS
from fusion.tasks.digits.task import DigitsTask
from fusion.training.options import Changes, TrainOptions
from fusion.types import FusionError, Prediction

ROOT = Path(__file__).resolve().parents[2]
SIX, SEVEN = {"6": 0.25, "7": 0.75}, {"6": np.float32(0.5), "7": np.float32(0.5)}


def prediction(weights: dict[str, float] | None = None, attention: dict[tuple[str, str], np.ndarray] | None = None) -> Prediction:
    return Prediction(
        label="7",
        probs=SIX,
        weights=weights,
        contributions={"image": 0.5, "text": float("nan")},
        votes={"image": SEVEN} if weights else None,
        attention=attention or {},
        layouts={},
        box=None,
        seconds=0.0125,
    )


class FakeLab:
    """Answers like a lab, and keeps what it was asked."""

    strategies, baselines = ("cross_attention", "late"), ("image_only",)
    device = "cpu"
    unavailable: dict[str, str] = {}
    untrained: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.asked: list[object] = []
        maps = np.full((1, 2, 1, 2), 0.5, np.float32)
        self.answers = {
            "cross_attention": prediction(attention={("text", "image"): maps}),
            "late": prediction(weights={"image": 0.75, "text": 0.25}),
            "image_only": prediction(),
        }

    def encode(self, inputs: dict[str, str], severity: dict[str, int]) -> SimpleNamespace:
        print("a library that talks")
        self.asked.append((inputs, severity))
        return SimpleNamespace(notes=("The clip was cut to its first 30 s.",), media={})

    def compare(self, encoded: SimpleNamespace) -> dict[str, Prediction]:
        return self.answers

    def predict(self, encoded: SimpleNamespace, strategy: str) -> Prediction:
        return self.answers[strategy]


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> FakeLab:
    lab = FakeLab()

    def load(task: str, device: str, encoders: str | dict[str, str]) -> FakeLab:
        lab.asked.append((task, device) if encoders == "compact" else (task, device, encoders))
        return lab

    monkeypatch.setattr(fusion, "load", load, raising=False)
    return lab


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable], None]:
    """Puts a module in place of the one that a command imports only when it runs."""

    def put(name: str, run: Callable) -> None:
        folder = import_module({"evaluate": "fusion.evaluation", "bench": "fusion.benchmark"}.get(name, "fusion.training"))
        module = ModuleType(f"{folder.__name__}.{name}")
        module.run = run
        monkeypatch.setitem(sys.modules, module.__name__, module)
        monkeypatch.setattr(folder, name, module, raising=False)

    return put


def test_table(lab: FakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--image", "a.png", "--text", "seven"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "strategy         label  confidence    ms  weights",
        "cross_attention  7           75.0%  12.5  -",
        "late             7           75.0%  12.5  image 0.75  text 0.25",
        "image_only       7           75.0%  12.5  -",
        "The clip was cut to its first 30 s.",
    ]
    assert said.err == "a library that talks\n"
    assert lab.asked == [("digits", "auto"), ({"image": "a.png", "text": "seven"}, {})]


@pytest.mark.parametrize(
    "given, wanted", [("classical", "classical"), ("image=image_lbp, text=backbone:a/b", {"image": "image_lbp", "text": "backbone:a/b"})]
)
def test_encoders_arrive(lab: FakeLab, given: str, wanted: str | dict[str, str]) -> None:
    assert main(["predict", "--text", "seven", "--encoders", given]) == 0
    assert lab.asked[0] == ("digits", "auto", wanted)


def test_encoders_without_heads_get_them_first(lab: FakeLab, stand_in: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    """It says so, trains on that choice, loads again, and answers."""
    strategies, trained = lab.strategies, []
    lab.strategies = ()

    def run(task: str, encoders: object) -> None:
        trained.append((task, encoders))
        lab.strategies = strategies

    stand_in("heads", run)
    assert main(["predict", "--text", "seven", "--encoders", "image=image_lbp", "--strategy", "late"]) == 0
    assert trained == [("digits", {"image": "image_lbp"})]
    said = capsys.readouterr()
    assert "No strategy has been trained on these encoders yet" in said.err and "late" in said.out


def test_what_is_out_is_said_beside_the_answer(lab: FakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    lab.unavailable, lab.untrained = {"early": "The strategy early cannot be used."}, ("tensor", "low_rank")
    assert main(["predict", "--text", "seven", "--strategy", "late"]) == 0
    said = capsys.readouterr()
    assert "The strategy early cannot be used.\nNot trained on these encoders yet: tensor, low_rank;" in said.err
    assert "early" not in said.out and "late" in said.out


def test_a_folder_that_cannot_be_read_is_one_sentence(
    lab: FakeLab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(inputs: object, severity: object) -> None:
        raise PermissionError(13, "Permission denied", "data/mnist")

    monkeypatch.setattr(lab, "encode", encode)
    assert main(["predict", "--text", "seven"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "data/mnist cannot be used: permission denied."


def test_training_on_chosen_encoders_needs_no_data(stand_in: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    stand_in("heads", lambda *given, anew: asked.append((*given, anew)))
    monkeypatch.delenv("FUSION_DATA", raising=False)
    assert main(["train", "--strategy", "late", "--encoders", "classical"]) == 0
    assert asked == [("digits", "classical", None, "late", True)]


def test_every_medium_and_option_arrives(lab: FakeLab) -> None:
    media = ["--image", "a.png", "--text", "", "--audio", "clip.mp4", "--video", "clip.mp4"]
    assert main(["predict", "--task", "digits", *media, "--severity", "image=3, audio=0", "--device", "cuda:1", "--strategy", "late"]) == 0
    inputs = {"image": "a.png", "text": "", "audio": "clip.mp4", "video": "clip.mp4"}
    assert lab.asked == [("digits", "cuda:1"), (inputs, {"image": 3, "audio": 0})]


def test_json(lab: FakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--text", "seven", "--json"]) == 0
    report = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert list(report) == ["task", "device", "notes", "predictions"]
    assert list(report["predictions"]) == ["cross_attention", "late", "image_only"]
    assert report["notes"] == ["The clip was cut to its first 30 s."]
    late = report["predictions"]["late"]
    fields = [
        "label",
        "confidence",
        "value",
        "interval",
        "labels",
        "probs",
        "weights",
        "contributions",
        "votes",
        "auxiliary",
        "opinion",
        "found",
        "box",
        "mask",
        "seconds",
    ]
    assert list(late) == fields
    assert late["auxiliary"] is late["found"] is late["box"] is late["mask"] is None
    assert late["probs"] == SIX
    assert late["confidence"] == 0.75
    assert late["votes"] == {"image": {"6": 0.5, "7": 0.5}}
    assert late["contributions"] == {"image": 0.5, "text": None}
    assert report["predictions"]["image_only"]["weights"] is None


@pytest.mark.parametrize("kind", ["shapes", "full"])
def test_json_with_attention(lab: FakeLab, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    assert main(["predict", "--text", "seven", "--json", "--attention", kind]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    values = {"values": [[[[0.5, 0.5]], [[0.5, 0.5]]]]} if kind == "full" else {}
    assert predictions["cross_attention"]["attention"] == [{"query": "text", "key": "image", "shape": [1, 2, 1, 2]} | values]
    assert predictions["late"]["attention"] == []


def place(lab: FakeLab) -> None:
    """Makes one strategy find something, and another one not."""
    mask = np.full((2, 2), 0.25, np.float32)
    there = {"found": 0.875, "box": (0.0, 0.25, 0.5, 1.0), "mask": mask, "auxiliary": {"parity": {"even": 0.25, "odd": 0.75}}}
    lab.answers["cross_attention"] = replace(lab.answers["cross_attention"], **there)
    lab.answers["late"] = replace(lab.answers["late"], found=0.25)


@pytest.mark.parametrize("attention", [None, "shapes", "full"])
def test_json_of_a_place(lab: FakeLab, capsys: pytest.CaptureFixture[str], attention: str | None) -> None:
    place(lab)
    assert main(["predict", "--text", "seven", "--json", *(["--attention", attention] if attention else [])]) == 0
    predictions = json.loads(capsys.readouterr().out)["predictions"]
    values = {"values": [[0.25, 0.25], [0.25, 0.25]]} if attention == "full" else {}
    shown = {field: predictions["cross_attention"][field] for field in ("auxiliary", "found", "box", "mask")}
    parity = {"parity": {"even": 0.25, "odd": 0.75}}
    assert shown == {"auxiliary": parity, "found": 0.875, "box": [0, 0.25, 0.5, 1], "mask": {"shape": [2, 2]} | values}
    assert predictions["late"]["found"] == 0.25
    assert predictions["late"]["box"] is predictions["late"]["mask"] is predictions["image_only"]["found"] is None


def test_table_of_a_place(lab: FakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    place(lab)
    assert main(["predict", "--image", "a.png", "--text", "seven"]) == 0
    assert capsys.readouterr().out.splitlines()[:-1] == [
        "strategy         label  confidence    ms  weights                found  box                  auxiliary",
        "cross_attention  7           75.0%  12.5  -                      87.5%  0.00 0.25 0.50 1.00  parity odd 0.75",
        "late             7           75.0%  12.5  image 0.75  text 0.25  25.0%  -                    -",
        "image_only       7           75.0%  12.5  -                      -      -                    -",
    ]


def test_one_strategy(lab: FakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--text", "seven", "--strategy", "image_only", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["predictions"]) == ["image_only"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "at least one of --image, --text, --audio, --video"),
        (["--text", "a", "--strategy", "psychic"], 'no strategy "psychic"; it has: all, cross_attention, late, image_only'),
        (["--text", "a", "--severity", "image=3"], "--severity is set for image"),
        (["--text", "a", "--attention", "full"], "--json"),
    ],
)
def test_wrong_input_is_one_sentence(lab: FakeLab, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str) -> None:
    assert main(["predict", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert sentence in said.err


def test_an_error_of_the_lab_is_one_sentence(lab: FakeLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def encode(inputs: dict, severity: dict) -> None:
        raise FusionError("a.png is empty.")

    monkeypatch.setattr(lab, "encode", encode)
    assert main(["predict", "--image", "a.png", "--json"]) == 2
    assert capsys.readouterr() == ("", "a.png is empty.\n")


@pytest.mark.parametrize("severity", ["image", "image=", "image=6", "image=-1", "image=33", "taste=1", "", "image=1,", "image=blur:7"])
def test_wrong_severity(capsys: pytest.CaptureFixture[str], severity: str) -> None:
    assert main(["predict", "--text", "a", "--severity", severity]) == 2
    assert "from 0 to 5" in capsys.readouterr().err


def test_one_corruption_by_name(lab: FakeLab, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--text", "a", "--image", "a.png", "--severity", "image=blur:3,text=2"]) == 0
    assert lab.asked[1][1] == {"image": ("blur", 3), "text": 2}
    assert main(["predict", "--text", "a", "--severity", "text=blur:3"]) == 2
    assert "There is no text corruption named 'blur'; there are mix, drop" in " ".join(capsys.readouterr().err.split())


def test_interrupted(lab: FakeLab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def compare(encoded: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lab, "compare", compare)
    assert main(["predict", "--text", "a"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "Interrupted; what was finished before is kept."


def test_train_passes_what_was_given(stand_in: Callable, tmp_path: Path) -> None:
    calls = []
    stand_in("train", lambda *given: calls.append(given))
    assert main(["train", "--strategy", "late", "--data", str(tmp_path)]) == 0
    everything = "--out o --epochs 3 --batch-size 8 --lr 0.1 --optimizer sgd --seed 4 --device cpu --limit 9".split()
    everything += ["--no-resume", "--warm-start", "--consistent", "--leave-out", "fold-2"]
    assert main(["train", "--task", "digits-add", "--strategy", "late,early", "--data", str(tmp_path), *everything]) == 0
    changes = Changes(epochs=3, batch_size=8, lr=0.1, optimizer="sgd", samples=9, seed=4)
    assert calls == [
        ("digits", "late", TrainOptions(tmp_path)),
        (
            "digits-add",
            "late,early",
            TrainOptions(tmp_path, Path("o"), changes, "cpu", resume=False, warm_start=True, consistent=True, leave_out="fold-2"),
        ),
    ]


def test_data_folder_from_the_environment(stand_in: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = []
    stand_in("train", lambda task, names, options: calls.append(options.data))
    monkeypatch.setenv("FUSION_DATA", str(tmp_path))
    assert main(["train", "--strategy", "late"]) == 0
    assert calls == [tmp_path]


@pytest.mark.parametrize("command", [["train", "--strategy", "late"], ["evaluate"], ["download"]])
def test_no_data_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]) -> None:
    monkeypatch.delenv("FUSION_DATA", raising=False)
    assert main(command) == 2
    assert "--data DIR or the variable FUSION_DATA" in capsys.readouterr().err


def test_data_folder_that_is_not_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["evaluate", "--data", str(tmp_path / "nowhere")]) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_evaluate(stand_in: Callable, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    calls = []

    def run(**options: object) -> dict:
        calls.append(options)
        print("a library that talks")
        return {"seed": 4, "accuracy": {"late": np.float64(0.5), "early": float("inf")}, "hashes": ("a", "b")}

    stand_in("evaluate", run)
    assert main(["evaluate", "--data", str(tmp_path), "--seed", "4", "--limit", "10", "--json"]) == 0
    assert calls == [{"task": "digits", "data": str(tmp_path), "seed": 4, "device": "auto", "limit": 10}]
    assert json.loads(capsys.readouterr().out) == {"seed": 4, "accuracy": {"late": 0.5, "early": None}, "hashes": ["a", "b"]}
    assert main(["evaluate", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "accuracy.late   0.5000"


def test_bench(stand_in: Callable, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    calls = []

    def run(**options: object) -> dict:
        calls.append(options)
        print("a library that talks")
        return {"start": None, "ratio": float("nan")}

    stand_in("bench", run)
    sys.modules["fusion.benchmark.bench"].tables = lambda report: iter(
        [(f"start {report['start']}", []), ("costs", [("strategy", "ms", "met"), ("late", "9.5", "yes"), ("early", "12.5", "")])]
    )
    assert main(["bench", "--json", "--quick", "--reference", "--out", "a.json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == {"start": None, "ratio": None}
    assert said.err == "a library that talks\n"
    assert main(["bench"]) == 0
    lines = ["start None", "", "costs", "strategy    ms  met", "late       9.5  yes", "early     12.5", ""]
    assert capsys.readouterr().out.splitlines() == lines
    assert calls == [{"quick": True, "reference": True, "out": "a.json"}, {"quick": False, "reference": False, "out": None}]


@pytest.mark.parametrize("command", ["predict", "train", "evaluate", "download"])
def test_help_names_every_task(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{', '.join(TASKS)}; digits if not given" in said


def test_download(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    monkeypatch.setattr(DigitsTask, "downloads", (lambda data, progress: data / "mnist",))
    assert main(["download", "--task", "digits", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'mnist'} is complete.\n"


def test_help_documents_the_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "--help"]) == 0
    said = capsys.readouterr().out
    assert all(
        f'"{field}"' in said
        for field in (
            "notes",
            "predictions",
            "label",
            "probs",
            "weights",
            "votes",
            "seconds",
            "auxiliary",
            "found",
            "box",
            "mask",
            "attention",
        )
    )


def test_as_a_program() -> None:
    ran = subprocess.run([sys.executable, "-m", "fusion", "train", "--epochs", "0"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 2
    assert ran.stdout == ""
    assert '"0" is not a whole number above 0' in ran.stderr
    assert "Traceback" not in ran.stderr
