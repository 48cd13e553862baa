"""What every task answers, and that nothing outside `fusion/tasks/` names one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from fusion.encoders import ENCODERS
from fusion.loading import lacks_weights
from fusion.tasks import DEFAULT, TASKS, Task, find_task
from fusion.types import MODALITIES, FusionError

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [task for task in TASKS.values() if lacks_weights(task) is None]
WORDS = {"open"}  # also ordinary words: only what is compared or given to a call counts
NAMES = set(TASKS) | {name.replace("-", "_") for name in TASKS}


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """The string nodes that document a module, a class or a function."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(tree) if isinstance(node, kinds)]
    return {body[0].value for body in bodies if body and isinstance(body[0], ast.Expr)}


def operands(node: ast.AST) -> list[ast.expr]:
    """What is compared, or given to a call."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    return [*node.args, *(keyword.value for keyword in node.keywords)] if isinstance(node, ast.Call) else []


def quoted_names(path: str, text: str) -> Iterator[str]:
    """Places where a task's name stands in quotes, as "path:line: name"."""
    if not path.endswith(".py"):
        for number, line in enumerate(text.splitlines(), 1):
            yield from (f"{path}:{number}: {name}" for name in re.findall(r"""["'`]([\w-]+)["'`]""", line) if name in NAMES)
        return
    tree = ast.parse(text)
    told = docstrings(tree)
    asked = {value for node in ast.walk(tree) for value in operands(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or node.value not in NAMES or node in told:
            continue
        if node.value not in WORDS or node in asked:
            yield f"{path}:{node.lineno}: {node.value}"


def test_no_task_is_named_outside_its_folder() -> None:
    files = [ROOT / "app.py", *(p for p in (ROOT / "fusion").rglob("*") if p.suffix in (".py", ".js", ".css"))]
    outside = [p for p in files if (ROOT / "fusion" / "tasks") not in p.parents]
    assert len(outside) > 50
    assert [found for p in outside for found in quoted_names(p.relative_to(ROOT).as_posix(), p.read_text("utf-8"))] == []


def test_the_check_finds_a_name() -> None:
    planted = 'def f(task):\n    """Not "digits"."""\n    return task == "digits"\n'
    assert [*quoted_names("fusion/lab.py", planted)] == ["fusion/lab.py:3: digits"]
    assert [*quoted_names("fusion/ui/a.js", "if (task === 'digits-add') {}")] == ["fusion/ui/a.js:1: digits-add"]
    assert [*quoted_names("fusion/lab.py", 'label = "digit"')] == []
    assert [*quoted_names("fusion/lab.py", 'lab = Lab("open") if task == "open" else None')] == ["fusion/lab.py:1: open"] * 2
    assert [*quoted_names("fusion/lab.py", 'paths = {"open": 1, "cut": 2}["open"]')] == []


def test_an_unknown_task_is_an_error() -> None:
    with pytest.raises(FusionError, match="Unknown task 'letters'. Available: digits"):
        find_task("letters")
    assert find_task() is TASKS[DEFAULT] and find_task(TASKS["scenes"]) is TASKS["scenes"]


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_a_task_answers_what_the_protocol_asks(task: Task) -> None:
    assert task is TASKS[task.name] and task.title and task.question.endswith("?")
    assert task.interaction in ("redundancy", "synergy", "alignment") and len(set(task.labels)) == len(task.labels) > 1
    assert set(task.kinds) == set(task.encoders) == set(task.encoder_tasks) == set(task.modalities)
    assert set(task.kinds.values()) <= set(MODALITIES) and set(task.encoder_tasks.values()) <= set(TASKS)
    assert all(ENCODERS[name].modality == task.kinds[m] for m, name in task.encoders.items())
    assert set(task.anchors) <= set(task.modalities)
    assert all((ROOT / "fusion" / "tasks" / folder).is_dir() for folder in task.sample_code)
    content = np.full((3, len(task.modalities)), -1)
    content[1:] = [[1], [2]]
    label = task.decide(content)
    answers = task.answers(label, content)
    assert label[0] == -1 and set(answers) == set(task.heads.questions)
    for question, names in task.heads.questions.items():
        assert answers[question][0] == -1 and all(0 <= k < len(names) for k in answers[question][1:])


@pytest.mark.parametrize("task", TASKS.values(), ids=str)
def test_an_example_has_media_of_the_task(task: Task) -> None:
    for name in list(task.examples)[:1]:
        assert set(task.make_example(name)) <= set(task.modalities)
    with pytest.raises(FusionError, match="no example named 'none'"):
        task.make_example("none")


@pytest.mark.parametrize("task", SHIPPED, ids=str)
def test_a_card_has_words_for_every_modality(task: Task) -> None:
    assert task.card.about and task.card.licence and set(task.card.data) == set(task.modalities)
    assert task.card.columns or task.open_labels
