"""Words and scripts of the page: both languages complete, every key used exists, no value can reach a template."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from fusion.describe import trained_on
from fusion.messages import bare
from fusion.tasks import TASKS
from fusion.ui.i18n import DEFAULT_LANGUAGE, page_text
from fusion.ui.settings import settings
from fusion.ui.theme import as_script, assets, build_head
from tests.browser import ROOT

TEXT = page_text()  # without the words of tasks, see tests/tasks/test_texts.py
PANELS = sorted(
    {
        title
        for path in (ROOT / "fusion" / "encoders").rglob("*.py")
        for title in re.findall(r'Panel\("\w+", "([\w.]+)"', path.read_text("utf-8"))
    }
)
CODE = {f"{path.parent.name}/{path.name}": path.read_text("utf-8") for path in assets(".js")}
STYLES = {f"{path.parent.name}/{path.name}": path.read_text("utf-8") for path in assets(".css")}


OVERRIDING = ("strategy.", "encoder.", "said.", "language.tag", "sentence.clauses")  # of what English has no key for


def test_every_english_text_has_a_chinese_one() -> None:
    missing = set(TEXT["en"]) - set(TEXT["zh"])
    extra = {k for k in set(TEXT["zh"]) - set(TEXT["en"]) if not k.startswith(OVERRIDING)}
    assert not missing and not extra


TEXT_FILES = sorted([*ROOT.glob("fusion/tasks/**/text.*.json"), *ROOT.glob("fusion/ui/i18n/*.json")])


@pytest.mark.parametrize("path", TEXT_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_key_stands_twice(path: Path) -> None:
    def unique(pairs: list[tuple[str, str]]) -> dict[str, str]:
        assert len({key for key, _ in pairs}) == len(pairs), [key for key, _ in pairs]
        return dict(pairs)

    json.loads(path.read_text("utf-8"), object_pairs_hook=unique)


MAKERS = {"message", "FusionError", "MediaError", "OverBudget"}
SHELL = (  # sentences of these are for programmers and the command line
    *(
        "__main__.py",
        "benchmark/",
        "cards/",
        "cli/",
        "distill/",
        "evaluation/",
        "explain/",
        "tasks/",
        "ui/api/mcp_server.py",
        "ui/serving.py",
    ),
    *(
        "training/encoder.py",
        "training/features.py",
        "training/heads.py",
        "training/joint.py",
        "training/loop.py",
        "training/references.py",
        "training/train.py",
    ),
)
WORDS = ("image", "text", "audio", "video", "Image", "Text", "Audio", "Video")


def made() -> list[tuple[str, ast.Call]]:
    """Every call that makes a message, with the file it is in."""
    root, found = ROOT / "fusion", []
    for path in root.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call) and node.args]
        name = path.relative_to(root).as_posix()
        found += [(name, call) for call in calls if isinstance(call.func, ast.Name) and call.func.id in MAKERS]
    return found


def templates() -> set[str]:
    """The English templates of all sentences that the page may show."""
    found = set()
    for file, call in made():
        if not file.startswith(SHELL) and isinstance(first := call.args[0], ast.Constant) and first.value:
            found.add(bare(first.value) if call.keywords else first.value)
    return found


def test_no_message_is_made_of_a_finished_sentence() -> None:
    assert not [(file, call.lineno) for file, call in made() if isinstance(call.args[0], ast.JoinedStr) and not file.startswith(SHELL)]


def test_every_sentence_of_the_server_has_a_chinese_one() -> None:
    data = {str(sentence.values["data"]) for task in TASKS.values() for m in task.card.data if (sentence := trained_on(task, m, True))}
    shown = templates() | set(WORDS) | data
    assert len(shown) > 150 and not {sentence for sentence in shown if "said." + sentence not in TEXT["zh"]}


@pytest.mark.parametrize("language", TEXT)
def test_a_translated_sentence_has_the_same_fields(language: str) -> None:
    for key in (key for key in TEXT[language] if key.startswith("said.")):
        assert set(re.findall(r"\{(\w+)\}", key)) == set(re.findall(r"\{(\w+)\}", TEXT[language][key])), key


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_of_an_encoder_has_a_caption(title: str) -> None:
    assert "panel." + title in TEXT["en"]


@pytest.mark.parametrize("language", TEXT)
def test_every_language_fills_in_the_same_values(language: str) -> None:
    for key in set(TEXT["en"]) & set(TEXT[language]):
        assert set(re.findall(r"\{(\w+)\}", TEXT["en"][key])) == set(re.findall(r"\{(\w+)\}", TEXT[language][key])), key


def test_every_text_a_script_asks_for_exists() -> None:
    asked = {key for code in CODE.values() for key in re.findall(r'\bt\("([\w.]+?)"[,)]', code)}
    assert len(asked) > 60 and asked <= set(TEXT["en"]), asked - set(TEXT["en"])


def test_every_shared_constant_is_used_by_its_name() -> None:
    """What stands in Python is sent to the scripts; it stands there by no number of its own."""
    asked = {name for code in CODE.values() for name in re.findall(r"SETTINGS\.(\w+)", code)}
    assert asked == set(settings())
    assert f'"{settings()["backbone"]}"' not in "".join(CODE.values())


@pytest.mark.parametrize("name", CODE)
def test_scripts_never_build_markup_from_text(name: str) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", CODE[name])


@pytest.mark.parametrize("name", (*CODE, *STYLES))
def test_nothing_is_fetched_from_elsewhere(name: str) -> None:
    text = (CODE | STYLES)[name].replace("http://www.w3.org/2000/svg", "")
    assert "http://" not in text and "https://" not in text and "@import" not in text


def test_every_script_and_style_is_sent_once_and_the_head_closes_once() -> None:
    ui = ROOT / "fusion" / "ui"
    for ending in (".js", ".css"):
        sent = list(assets(ending))
        assert sorted(sent) == sorted(path for path in ui.rglob(f"*{ending}")) and len(sent) > 3
    assert next(assets(".js")).name == "core.js"
    assert build_head().count("</script>") == 1 and "</script>" not in as_script("</script>")


def test_every_key_that_a_task_may_replace_is_neutral() -> None:
    """`FL.fit("pad.hint")` is `task.<name>.pad.hint` where the open task has one, else "pad.hint", which fits any task."""
    fitted = {key for code in CODE.values() for key in re.findall(r'FL\.fit\("([\w.]+?)"\)', code)}
    assert fitted >= {"pad.hint", "pad.label", "text.hint", "audio.hint", "video.hint"} and fitted <= set(TEXT[DEFAULT_LANGUAGE])
    for key in fitted:
        assert "digit" not in TEXT["en"][key] and "数字" not in TEXT["zh"][key] and "photo" not in TEXT["en"][key]
