"""The page's JSON has the shapes that its scripts are typed with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fusion.types import Audio, Clip
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.pages.fuse.shapes import Details, Result
from fusion.ui.service import TaskServices
from fusion.ui.typescript import FILE, declarations, type_of
from tests.ui.fake_lab import FUSES, FakeLab

SOUND = Audio(8000, np.sin(np.arange(4000, dtype=np.float32) / 9))
MEDIA: dict[str, Any] = {
    "image": np.arange(64 * 48 * 3, dtype=np.uint8).reshape(64, 48, 3),
    "text": "nine four",
    "audio": SOUND,
    "video": Clip(np.zeros((5, 32, 32, 3), np.uint8), np.arange(5) / 10, SOUND),
}
LABS = {
    "digits": FakeLab,
    "digits-find": lambda: FakeLab({"image": 9, "text": 9}, task="digits-find", dissent={"shared_space": "3"}),
    "scenes": lambda: FakeLab({"image": 0, "text": 3, "audio": 1}, task="scenes", strange=("video",)),
}
ALL = {"source": "example", "example": "all"}


@pytest.fixture
def handlers(tmp_path: Path) -> Handlers:
    examples = SimpleNamespace(EXAMPLES={"all": SimpleNamespace(title="All", story="All.", severity={})}, make_example=lambda name: MEDIA)
    return Handlers(TaskServices(LABS, dict.fromkeys(LABS, examples), tmp_path))


def values(task: str, strategy: str, **slots: dict[str, str]) -> list[str]:
    return [*(json.dumps(slots.get(m, {})) for m in MEDIA), task, strategy, "en", "", ""]


@pytest.mark.parametrize("strategy", [*FUSES, "image_only"])
@pytest.mark.parametrize("task", LABS)
def test_every_answer_has_its_shape(handlers: Handlers, task: str, strategy: str) -> None:
    given = values(task, strategy, image=ALL, text={"source": "text", "text": "nine"}, audio=ALL, video=ALL)
    text = handlers.edited(*given).result
    result = Result.model_validate_json(text)
    assert result.status.kind == "ok" and set(json.loads(text)) == set(Result.model_fields)
    assert result.media is not None and set(result.media) == set(MEDIA)
    said = json.loads(handlers.details(json.dumps({"number": 1, "strategy": strategy}), *given))
    Details.model_validate_json(json.dumps(said["details"]))


def test_what_is_no_answer_has_the_shape_too(handlers: Handlers) -> None:
    for given in (values("digits", "late"), values("digits", "late", text={"source": "text", "text": "bad"}), values("none", "late")):
        assert Result.model_validate_json(handlers.edited(*given).result).status.kind in ("empty", "error")
    with pytest.raises(ValidationError):
        Result.model_validate_json('{"id": 1, "status": {"kind": "ok"}, "smell": 3}')


def test_the_declarations_of_the_scripts_are_up_to_date() -> None:
    assert FILE.read_text("utf-8") == declarations(), "run: python -m fusion declarations"
    assert "unknown" not in re.sub(r"Record<string, unknown>", "", declarations())


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "integer"}, "number"),
        ({"$ref": "#/$defs/Mask"}, "Mask"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"const": "a"}, '"a"'),
        ({"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "(string | null)[]"),
        ({"type": "object", "additionalProperties": {"type": "boolean"}}, "Record<string, boolean>"),
        ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}]}, "[string, number]"),
        ({}, "unknown"),
    ],
)
def test_a_schema_becomes_a_type(schema: dict[str, Any], wanted: str) -> None:
    assert type_of(schema) == wanted
