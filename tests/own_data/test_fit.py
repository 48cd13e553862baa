"""From data to a lab and back: `fusion.fit`, `fusion.load`, `predict` and `evaluate`, also from the shell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import fusion
from fusion.cli.app import main
from fusion.own_data import compare
from fusion.own_data.own_lab import OwnLab
from fusion.own_data.recipes import Recipe
from fusion.own_data.report import FitReport
from fusion.types import FusionError
from tests.own_data.make import pictures_and_sounds, series, vectors, write_csv, write_lines

SHORT = Recipe(epochs=25, batch_size=16, lr=1e-2, weight_decay=0.1, dropout=0.1)


@pytest.fixture(scope="module", autouse=True)
def quick(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSION_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(compare, "recipe_for", lambda samples: SHORT)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def fitted(home: Path) -> FitReport:
    return fusion.fit(vectors(home / "vectors"), home / "lab", strategies="early,late,early_tokens", seeds=2)


def own(lab: object) -> OwnLab:
    assert isinstance(lab, OwnLab)
    return lab


def test_the_answer(fitted: FitReport) -> None:
    assert fitted.sentence.startswith("Fusion helps: +") and set(fitted.table) == {"a_only", "b_only", "early", "late", "early_tokens"}
    early = fitted.table["early"]
    assert early["low"] <= early["mean"] <= early["high"] and early["mean"] > 0.85 > fitted.table["a_only"]["mean"]
    assert early["to_single"]["low"] > 0.2 and early["to_single"]["p_holm"] < 0.05 and "to_single" not in fitted.table["a_only"]
    figures = fitted.further[fitted.recommended]
    assert sum(map(sum, figures["confusion"])) == 48 and set(figures["subsets"]) == {"a", "b", "a+b"}
    assert sum(figures["shapley"].values()) == pytest.approx(figures["subsets"]["a+b"] - figures["nothing"], abs=1e-4)
    assert json.loads(json.dumps(fitted.to_json()))["recommended"] == fitted.recommended


def test_a_lab_holds_nothing_but_tensors_and_text(fitted: FitReport, home: Path) -> None:
    files = {p.suffix for p in (home / "lab").rglob("*") if p.is_file() and p.name != "SHA256SUMS"}
    assert files == {".safetensors", ".json", ".md"}
    card = (home / "lab" / "README.md").read_text("utf-8")
    assert fitted.sentence in card and "license:" in card and fitted.data["sha256"] in card


def test_a_lab_answers(fitted: FitReport, home: Path) -> None:
    lab = own(fusion.load(str(home / "lab"), device="cpu"))
    data = np.load(home / "vectors" / "data.npz")
    both = {"a": data["a"][0], "b": data["b"][0]}
    found = lab.predict(both)
    assert found.label == str(data["label"][0]) and sum(found.probs.values()) == pytest.approx(1)
    assert set(lab.compare(both)) == set(fitted.table) and set(found.contributions) == {"a", "b"}
    assert lab.predict({"b": data["b"][1]}, strategy="late").weights == {"b": pytest.approx(1)}
    batch = lab.predict_batch([both, {"a": data["a"][1]}], strategy="early")
    assert batch[0].probs == pytest.approx(lab.predict(both, strategy="early").probs, abs=1e-5)
    for wrong, said in (({"c": 1}, "no modality named 'c'"), ({}, "No input is given"), ({"a": np.zeros(3)}, "3 numbers instead of 5")):
        with pytest.raises(FusionError, match=said):
            lab.predict(wrong)


def test_new_data_is_measured_exactly(fitted: FitReport, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = dict(np.load(vectors(home / "new", 60, seed=0) / "data.npz"))
    data["label"][:6] = 9  # the lab has never heard of it
    np.savez(home / "new" / "data.npz", **data)
    assert main(["evaluate", "--task", str(home / "lab"), "--data", str(home / "new"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["samples"], found["left_out"]) == (54, 6) and set(found["strategies"]) == set(fitted.table)
    lab = own(fusion.load(str(home / "lab"), device="cpu"))
    said = [p.label for p in lab.predict_batch([{"a": data["a"][i], "b": data["b"][i]} for i in range(6, 60)], "early")]
    right = np.mean([s == str(label) for s, label in zip(said, data["label"][6:], strict=True)])
    assert found["strategies"]["early"]["mean"] == pytest.approx(right, abs=1e-4)


def test_the_shell_predicts_by_column(fitted: FitReport, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = np.load(home / "vectors" / "data.npz")
    np.save(home / "a.npy", data["a"][0])
    assert main(["predict", "--task", str(home / "lab"), "--a", str(home / "a.npy"), "--strategy", "a_only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"]["a_only"]["label"] in "0123"
    assert main(["predict", "--task", str(home / "nowhere"), "--a", "x"]) == 2
    assert "is no lab" in capsys.readouterr().err


def test_the_shell_inspects_and_fits(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = series(home / "series", 40)
    assert main(["inspect", str(data), "--columns", "weight=ignore", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["modalities"] == {"move": "series"}
    out = home / "series lab"
    assert main(["fit", str(data), "--out", str(out), "--strategies", "late", "--seeds", "2", "--yes", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["table"]["move_only"]["mean"] > 0.9 and found["data"]["modalities"] == {"move": "series", "table": "table"}
    lab = own(fusion.load(str(out), device="cpu"))
    row = {"move_file_name": data / "move" / "0.npy", "weight": 61.5}
    assert lab.predict(row, strategy="late").label in ("slow", "fast") and lab.predict({"weight": 61.5}, strategy="late").label
    assert main(["predict", "--task", str(out), "--weight", "61.5", "--move", str(data / "move" / "0.npy"), "--strategy", "late"]) == 0
    assert main(["fit", str(home / "nothing"), "--out", str(out)]) == 2
    assert "There is no folder or file" in capsys.readouterr().err


def test_several_labels_and_numbers(home: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype(np.float32)
    rows = [{"a": row[:2].tolist(), "b": row[2:].tolist() * 2} for row in x]
    tags = [
        dict(r, label=[n for n, v in zip(("up", "right"), v, strict=True) if v > 0] or ["none"])
        for r, v in zip(rows, x[:, :2], strict=True)
    ]
    write_lines(home / "tags" / "metadata.jsonl", tags)
    report = fusion.fit(home / "tags", home / "tags lab", strategies="late,early", seeds=2)
    assert report.measure == "accuracy of the labels" and report.table["early"]["mean"] > 0.85
    found = own(fusion.load(str(home / "tags lab"), device="cpu")).predict({"a": [2.0, 2.0], "b": [0.0, 0.0]}, strategy="early")
    assert found.labels is not None and found.labels["up"] > 0.5 < found.labels["right"] and found.labels["none"] < 0.5

    numbers = [dict(r, target=float(3 * v[0] + v[2])) for r, v in zip(rows, x, strict=True)]
    write_lines(home / "numbers" / "metadata.jsonl", numbers)
    report = fusion.fit(home / "numbers", home / "numbers lab", strategies="early", seeds=2)
    assert report.measure == "mean absolute error" and -report.table["early"]["mean"] < 1.5
    found = own(fusion.load(str(home / "numbers lab"), device="cpu")).predict({"a": [1.5, 0.0], "b": [1.0, 1.0]}, strategy="early")
    assert found.value is not None and found.interval is not None and found.interval[0] < found.value < found.interval[1]
    assert found.value == pytest.approx(5.5, abs=2.5)


def test_photos_sounds_and_words(home: Path) -> None:
    root = pictures_and_sounds(home / "media", 24)
    rows = [
        {
            "photo_file_name": f"photos/{i:03}.bmp",
            "sound_path": "" if i == 4 else f"sounds/{i:03}.wav",
            "words": f"sample of kind {'xyz'[i % 3]} {i}",
            "label": ("red", "green", "blue")[i % 3],
        }
        for i in range(24)
    ]
    write_csv(root / "metadata.csv", rows)
    report = fusion.fit(root, home / "media lab", columns={"words": "text"}, strategies="late", seeds=2)
    assert set(report.table) == {"photo_only", "sound_only", "words_only", "late"}
    lab = own(fusion.load(str(home / "media lab"), device="cpu"))
    found = lab.predict({"photo": root / "photos" / "001.bmp", "words": "sample of kind y"}, strategy="late")
    assert found.label in lab.labels and set(found.layouts) == {"photo", "words"}
    assert {m: len(v.weights) for m, v in lab.encoder_views({"photo": root / "photos" / "001.bmp"}).items()} == {"photo": 16}


def test_what_cannot_be_fitted(home: Path) -> None:
    write_csv(home / "few" / "metadata.csv", [{"x": i, "y": "ab"[i % 2]} for i in range(4)])
    with pytest.raises(FusionError, match="There are 4 samples with a label"):
        fusion.fit(home / "few")
    with pytest.raises(FusionError, match="no strategy named 'best'"):
        fusion.fit(home / "vectors", strategies="best")
    with pytest.raises(FusionError, match="no modality named 'c'"):
        fusion.fit(home / "vectors", encoders={"c": "image_lbp"})
    (home / "lab" / "lab.json").write_text("{}")
    with pytest.raises(FusionError, match=r"lab\.json"):
        fusion.load(str(home / "lab"))
