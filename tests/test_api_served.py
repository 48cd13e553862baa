"""The API of `python app.py` with the shipped digits: the README's examples run as they are, and answers are those of `Lab`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gradio_client import Client, handle_file

import fusion
from fusion.explain import TOKEN_EXPLAINERS, shapley_values, value_of
from fusion.lab import Lab
from fusion.types import Prediction
from tests.browser import ROOT

SECTION = (ROOT / "README.md").read_text(encoding="utf-8").split("## Call it over HTTP")[1].split("\n## ")[0]
SOUND = ROOT / "checkpoints" / "digits" / "examples" / "7.wav"
GIVEN = {"text": "number seven", "audio": str(SOUND)}
SEVERITY = {"audio": 2}


@pytest.fixture(scope="module")
def client(app_page: str) -> Client:
    return Client(app_page, verbose=False)


@pytest.fixture
def lab(digits_lab: Lab) -> Lab:
    return digits_lab


def example(language: str, app_page: str) -> str:
    """A code block of the README, with the address of this server."""
    found = re.search(rf"```{language}\n(.*?)```", SECTION, re.S)
    assert found and "http://127.0.0.1:7860" in found[1]
    return found[1].replace("http://127.0.0.1:7860", app_page)


def test_the_section_is_short() -> None:
    assert len(SECTION.strip().splitlines()) <= 25


def test_the_python_example_runs(app_page: str) -> None:
    run = subprocess.run([sys.executable, "-c", example("python", app_page)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.search(r"^7 \{'text': 0\.\d+, 'audio': 0\.\d+\}$", run.stdout, re.M)


def test_the_shell_example_runs(app_page: str) -> None:
    run = subprocess.run(["bash", "-c", example("bash", app_page)], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "event: complete" in run.stdout and '"label": "7"' in run.stdout


def close(answer: dict, prediction: Prediction) -> None:
    """Every number of an answer is that of the prediction."""
    assert answer["label"] == prediction.label and answer["confidence"] == pytest.approx(prediction.confidence, abs=1e-6)
    for field in ("probs", "contributions", "weights", "votes", "auxiliary"):
        wanted = getattr(prediction, field)
        if wanted is None:
            assert answer[field] is None
            continue
        for name, value in wanted.items():
            assert answer[field][name] == pytest.approx(value, abs=1e-6), field
        assert set(answer[field]) == set(wanted)


def test_predict_and_compare_answer_like_the_lab(client: Client, lab: Lab) -> None:
    encoded = lab.encode(GIVEN, SEVERITY)
    given = {"text": GIVEN["text"], "audio": handle_file(GIVEN["audio"]), "severity": SEVERITY}
    one = client.predict(strategy="late", **given, api_name="/predict")
    close(one, lab.predict(encoded, "late"))
    wanted = lab.compare(encoded)
    compared = client.predict(**given, api_name="/compare")
    assert [answer["strategy"] for answer in compared["answers"]] == [*wanted] and compared["notes"] == list(encoded.notes)
    for answer in compared["answers"]:
        close(answer, wanted[answer["strategy"]])


@pytest.mark.parametrize("method", [*TOKEN_EXPLAINERS])
def test_tokens_are_explained_like_in_python(client: Client, lab: Lab, method: str) -> None:
    encoded = lab.encode(GIVEN)
    given = {"text": GIVEN["text"], "audio": handle_file(GIVEN["audio"]), "method": method}
    found = client.predict(strategy="cross_attention", label="7", **given, api_name="/explain")
    wanted = TOKEN_EXPLAINERS[method](lab, encoded, "cross_attention", "7")
    assert set(found["tokens"]) == set(wanted) and found["modalities"] is None
    for m, scores in wanted.items():
        np.testing.assert_allclose(found["tokens"][m]["scores"], scores, atol=1e-4)
        np.testing.assert_allclose(found["tokens"][m]["places"], encoded.prepared[m].layout.places, atol=1e-4)


def test_modalities_are_explained_like_in_python(client: Client, lab: Lab) -> None:
    prediction = lab.predict(lab.encode(GIVEN), "late")
    given = {"text": GIVEN["text"], "audio": handle_file(GIVEN["audio"]), "method": "shapley"}
    found = client.predict(strategy="late", **given, api_name="/explain")
    assert found["modalities"] == pytest.approx(shapley_values(value_of(prediction), ["text", "audio"]), abs=1e-6)


def test_other_encoders_and_damaged_files(client: Client, tmp_path: Path) -> None:
    listed = client.predict(task="digits", api_name="/encoders")
    names = {m: [e["name"] for e in encoders] for m, encoders in listed["modalities"].items()}
    assert listed["choice"] and "text_bow" in names["text"]
    said = fusion.load("digits", device="cpu", encoders="classical").predict({"text": "number seven"}, "late")
    chosen = dict(zip(names, ("image_lbp", "text_bow", "audio_mfcc", "video_flow"), strict=True))
    close(client.predict(text="number seven", strategy="late", encoders=chosen, api_name="/predict"), said)
    broken = tmp_path / "broken.wav"
    broken.write_bytes(SOUND.read_bytes()[:30])
    with pytest.raises(Exception, match=r"^broken\.wav [^/]*\.$"):
        client.predict(audio=handle_file(str(broken)), api_name="/predict")
