"""Leave-one-speaker-out without its six trainings: figures, report and cards are written, whatever else the report holds."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from fusion.config import TrainConfig
from fusion.evaluation import leave_out
from fusion.files import load_json, save_json


@pytest.mark.parametrize("measured", [True, False])
def test_it_writes_its_figures_into_the_report(tmp_path: Path, measured: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    written, trained = [], []
    monkeypatch.setattr(leave_out, "CHECKPOINTS", tmp_path)
    monkeypatch.setattr(leave_out, "train_encoder", lambda *given: trained.append(given[-1].leave_out) or iter(()))
    monkeypatch.setattr(leave_out, "measure", lambda task, modality, folder, media: media)
    accuracy = {"theo": 0.5} | dict.fromkeys("abcde", 0.9)
    task = SimpleNamespace(name="digits", encoders={"audio": "audio_cnn"}, groups=lambda data: {"audio": accuracy})
    monkeypatch.setattr(leave_out, "find_task", lambda name: task)
    monkeypatch.setattr(leave_out, "encoder_recipe", lambda *given: TrainConfig())
    monkeypatch.setattr(leave_out, "write_task", lambda task, described: written.append(task))
    if measured:
        save_json(tmp_path / "digits" / "report.json", {"seed": 3, "leave_one_speaker_out": None})
    leave_out.run("digits", tmp_path, epochs=1)
    found = load_json(tmp_path / "digits" / "leave_one_speaker_out.json")
    assert found["speakers"]["theo"] == 0.5 and found["mean"] == pytest.approx(5.0 / 6, abs=1e-4) and len(trained) == 6
    assert written == (["digits"] if measured else []), "cards are named by their task"
    if measured:
        assert load_json(tmp_path / "digits" / "report.json") == {"seed": 3, "leave_one_speaker_out": found}
