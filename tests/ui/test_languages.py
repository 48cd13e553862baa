"""A language is one file: what it lacks is English, its button and the browser's preference follow from the file."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fusion.tasks import TASKS
from fusion.ui import i18n
from fusion.ui.i18n import DEFAULT_LANGUAGE, LANGUAGES, load_text, page_text, pick_language
from tests.browser import ROOT

UI = ROOT / "fusion" / "ui"


def test_every_file_is_a_language_with_a_name_of_its_own() -> None:
    assert set(LANGUAGES) == {path.stem for path in (UI / "i18n").glob("*.json")} and LANGUAGES[0] == DEFAULT_LANGUAGE == "en"
    names = [page_text()[language]["language.name"] for language in LANGUAGES]
    assert len(set(names)) == len(names)
    for language in LANGUAGES:  # the browser formats lists by it, and takes nothing else
        assert re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", page_text()[language].get("language.tag", language))


def test_no_language_is_named_in_quotes() -> None:
    files = [path for path in (ROOT / "fusion").rglob("*") if path.suffix in (".py", ".js") and (ROOT / "fusion/tasks") not in path.parents]
    named = [(path.name, found) for path in files for found in re.findall(r"""["'](en|zh|zh-CN)["']""", path.read_text("utf-8"))]
    assert named == [("messages.py", "en")]  # the default


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("en-US,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("zh-TW", "zh"),
        ("ZH", "zh"),
        ("fr,zh;q=0.8,en;q=0.5", "zh"),
        ("en;q=0.4,zh;q=0.8", "zh"),
        ("de-CH, fr;q=0.9, *;q=0.1", "en"),
        ("zh;q=0, en", "en"),
        ("zh;q=x", "en"),
        (",;,;;q=1", "en"),
    ],
)
def test_the_browser_gets_what_it_wants_most(header: str, language: str) -> None:
    assert pick_language(header) == language


def test_a_region_finds_its_language_and_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "LANGUAGES", ("en", "pt", "pt-BR"))
    assert [pick_language(header) for header in ("pt-BR", "pt-PT", "pt", "en-GB")] == ["pt-BR", "pt", "pt", "en"]
    monkeypatch.setattr(i18n, "LANGUAGES", ("en", "pt-BR"))
    assert pick_language("pt") == "pt-BR"


def test_words_of_tasks_stand_beside_those_of_the_page() -> None:
    for language in ("en", "zh"):
        for task in TASKS.values():
            assert load_text()[language][f"task.{task.name}.title"] == task.texts[language]["title"]
        assert set(page_text()[language]) <= set(load_text()[language])
    assert "task.digits.title" not in load_text([])["en"]


def test_a_language_may_hold_words_of_tasks_but_the_task_knows_better(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"task.scenes.label.dog": "perro", "task.digits.title": "Cifras"}
    monkeypatch.setattr(i18n, "page_text", lambda: {"en": {}, "zh": own})
    found = load_text()["zh"]
    assert found["task.scenes.label.dog"] == TASKS["scenes"].texts["zh"]["label.dog"] != "perro"
    monkeypatch.setattr(i18n, "LANGUAGES", ("en", "es"))
    monkeypatch.setattr(i18n, "page_text", lambda: {"en": {}, "es": own})
    assert load_text()["es"] == own


def test_texts_of_a_damaged_file_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "en.json").write_text(json.dumps({"language.name": 7}), "utf-8")
    monkeypatch.setattr(i18n, "FOLDER", tmp_path)
    with pytest.raises(ValueError, match=r"en\.json must be a JSON object of texts\."):
        page_text.__wrapped__()
