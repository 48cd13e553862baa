"""The words that a task brings: complete in every language it has, found beside its class, English where a language lacks one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from fusion.messages import DEFAULT_LANGUAGE
from fusion.tasks import TASKS, Task
from fusion.tasks.base import Sample
from fusion.tasks.texts import over, read_text, read_texts, text_of
from fusion.types import FusionError

WORDED = [task for task in TASKS.values() if task.texts]
OPTIONAL = ("label.", "reply.", "question.")  # English shows these as they stand in the code


class Bare(Task):
    """A task without texts."""

    name = "bare"
    interaction = "redundancy"
    labels = ("no", "yes")
    modalities = ("image",)
    encoders = {"image": "image_cnn"}

    def samples(self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None) -> Sample:
        raise NotImplementedError


class Titled(Bare):
    title = "Titled"
    question = "Yes?"


@pytest.mark.parametrize("task", WORDED, ids=str)
def test_a_task_says_everything_in_every_language_it_has(task: Task) -> None:
    english = task.texts[DEFAULT_LANGUAGE]
    assert task.title == english["title"] and task.question == english["question"] and task.question.endswith("?")
    examples = {f"example.{name}{part}" for name in task.examples for part in ("", ".hint")}
    assert {"title", "question", "note", *examples} <= set(english)
    for language, texts in task.texts.items():
        if language == DEFAULT_LANGUAGE:
            continue
        assert set(english) <= set(texts), language
        assert all(key.startswith(OPTIONAL) for key in set(texts) - set(english)), language
        words = set() if task.open_labels else {f"label.{label}" for label in task.labels if not label.isdigit()}
        words |= {f"question.{question}" for question in task.heads.questions}
        words |= {f"reply.{reply}" for replies in task.heads.questions.values() for reply in replies if not reply.isdigit()}
        assert words <= set(texts), language
        for key, text in english.items():
            assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", texts[key])), key


@pytest.mark.parametrize("task", WORDED, ids=str)
def test_a_task_has_a_hint_for_each_example_and_a_role_for_its_modalities_only(task: Task) -> None:
    for texts in task.texts.values():
        assert {key.removeprefix("role.") for key in texts if key.startswith("role.")} <= set(task.modalities)
        labels = {key.removeprefix("label.") for key in texts if key.startswith("label.")}
        assert labels <= set(task.labels)


def test_a_task_without_texts_is_called_by_its_name() -> None:
    assert Bare().texts == {} and (Bare().title, Bare().question) == ("bare", "")
    assert (Titled().title, Titled().question) == ("Titled", "Yes?")


def test_english_fills_in_for_another_language() -> None:
    texts = over({"en": {"a": "first", "b": "second"}}, {"en": {"b": "own"}, "eo": {"a": "unua"}})
    assert [text_of(texts, key, "eo") for key in "ab"] == ["unua", "own"]
    assert text_of(texts, "c", "eo", "c") == "c" and text_of(texts, "a", "xx") == "first"


def test_all_files_of_a_folder_are_read(tmp_path: Path) -> None:
    for language, title in (("en", "Moods"), ("pt-BR", "Humores")):
        (tmp_path / f"text.{language}.json").write_text(json.dumps({"title": title}), "utf-8")
    assert read_texts(tmp_path) == {"en": {"title": "Moods"}, "pt-BR": {"title": "Humores"}}


@pytest.mark.parametrize("content", ["{", "[]", '{"title": 1}'])
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "text.en.json").write_text(content, "utf-8")
    with pytest.raises(FusionError, match=r"^text\.en\.json .*\.$"):
        read_text(tmp_path / "text.en.json")
