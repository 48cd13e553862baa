"""The section "outside" of a report, and its table on the encoder's card."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from fusion.cards.task_encoders import outside_lines
from fusion.evaluation import evaluate
from fusion.tasks import TASKS
from fusion.tasks.base import CardText


def test_each_set_is_measured_and_says_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    task = SimpleNamespace(
        outside_sets=lambda data, seed: {"audio_far": ("audio", [("sound", 3)])}, card=CardText(outside_sets={"audio_far": "far"})
    )
    monkeypatch.setattr(evaluate, "measure_single", lambda lab, modality, media: {"accuracy": 0.5, "samples": len(media)})
    found = evaluate.measure_outside(SimpleNamespace(task=task), Path(), 0)
    assert found == {"outside": {"audio_far": {"accuracy": 0.5, "samples": 1, "source": "far"}}}


def test_a_task_without_such_sets_has_no_section() -> None:
    assert evaluate.measure_outside(SimpleNamespace(task=TASKS["digits-add"]), Path(), 0) == {}


def test_the_card_lists_the_sets_of_its_modality() -> None:
    row = {"source": "far away", "accuracy": 0.875, "calibration_error": 0.0312, "samples": 40}
    none = {"source": "music", "confidence": 0.2, "samples": 9}
    report = {"outside": {"audio_far": row, "audio_none": none, "image_far": row}}
    lines = outside_lines("audio", report)
    assert [line for line in lines if "far away" in line] == ["| far away | 87.5 % | 0.031 | 40 |"]
    assert not any("music" in line for line in lines)
    assert outside_lines("audio", {}) == []
