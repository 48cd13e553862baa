"""The layers of the design, read from the source: an import goes down only, or stays in its folder.

    level 10  fusion/__main__.py
    level 9   app.py, fusion/cli/
    level 8   fusion/ui/, and only here (and in app.py) gradio
    level 7   fusion/evaluation/, fusion/benchmark/
    level 6   fusion/distill/, fusion/own_data/, fusion/playground/
    level 5   fusion/training/
    level 4   fusion/explain/, fusion/cards/, fusion/conversion/
    level 3   fusion/model.py, lab.py and the other files of fusion/; fusion/__init__.py, which reaches lab and own_data late
    level 2   fusion/encoders/, fusion/strategies/, fusion/tasks/
    level 1   fusion/heads/
    level 0   fusion/messages.py, types.py, fusion/tables.py, files.py, system_errors.py, fusion/config.py, fusion/media/

Folders of one level know nothing of each other. Beside it, what holds for every file: nothing that runs foreign code or names a machine.
How long and how complex a function may be is checked by ruff, see pyproject.toml.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEVELS = {
    "types": 0,
    "messages": 0,
    "files": 0,
    "system_errors": 0,
    "tables": 0,
    "config": 0,
    "media": 0,
    "encoders": 2,
    "strategies": 2,
    "heads": 1,
    "tasks": 2,
    "model": 3,
    "lab": 3,
    "encoder_choice": 3,
    "encoder_registry": 3,
    "encoder_metrics": 3,
    "reference_vectors": 3,
    "paths": 3,
    "describe": 3,
    "cut_paths": 3,
    "loading": 3,
    "compact_weights": 3,
    "label_space": 3,
    "open_labels": 3,
    "own_memory": 0,
    "encoded_cache": 3,
    "inputs": 3,
    "__init__": 3,
    "explain": 4,
    "conversion": 4,
    "cards": 4,
    "training": 5,
    "distill": 6,
    "own_data": 6,
    "playground": 6,
    "evaluation": 7,
    "benchmark": 7,
    "ui": 8,
    "cli": 9,
    "app": 9,
    "__main__": 10,
}
FOLDERS = {
    "encoders",
    "strategies",
    "heads",
    "tasks",
    "training",
    "distill",
    "own_data",
    "playground",
    "evaluation",
    "benchmark",
    "cards",
    "explain",
    "conversion",
    "ui",
    "cli",
}  # each on its own; other files of a level are one group
UNPICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
MACHINE_PATH = re.compile(
    r"(?<![\w.:/\]}])/(home|root|Users|tmp|opt|mnt|usr|var|srv|work|workspace)/\w|\b[A-Z]:\\{1,2}(Users|Program|Windows)"
)


def sources(root: Path) -> dict[str, str]:
    """{path relative to root: text} of every Python file of the project, tests left out."""
    paths = [*root.glob("*.py"), *(root / "fusion").rglob("*.py")]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(paths)}


def place(path: str) -> str:
    """The name in `LEVELS` that a file belongs to: a folder of fusion/, or the file itself."""
    parts = Path(path).with_suffix("").parts
    name = parts[1] if parts[0] == "fusion" else parts[0]
    return name


def imported(node: ast.AST, path: str, files: dict[str, str]) -> Iterator[str]:
    """The modules that one statement imports, as dotted names from the root; `from fusion import x` is fusion.x where that is a file."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    if not isinstance(node, ast.ImportFrom):
        return
    base = node.module or ""
    if node.level:
        package = Path(path).parts[: -node.level]
        base = ".".join([*package, *([base] if base else [])])
    for alias in node.names:
        inner = f"{base}.{alias.name}".replace(".", "/")
        known = any(name == f"{inner}.py" or name.startswith(f"{inner}/") for name in files)
        yield f"{base}.{alias.name}" if known else base


def runs_later(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)


def top_level(tree: ast.Module) -> set[ast.AST]:
    """What runs when the module is imported: all but what is inside functions or for a type checker's eyes only."""
    found: set[ast.AST] = set()
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        found.add(node)
        todo += [child for child in ast.iter_child_nodes(node) if not runs_later(child)]
    return found


def import_violations(path: str, tree: ast.Module, files: dict[str, str]) -> Iterator[str]:
    own = place(path)
    if own not in LEVELS:
        yield f"{path}: has no level; name it in tests/test_layers.py"
        return
    at_import = top_level(tree)
    for node in ast.walk(tree):
        for module in imported(node, path, files):
            where = f"{path}:{node.lineno}"
            first = module.split(".")[0]
            if first == "torch" and own == "cards":
                yield f"{where}: cards are written from figures and import no torch"
            if first == "gradio" and own not in ("ui", "app"):
                yield f"{where}: imports gradio outside of fusion/ui and app.py"
            if first not in ("fusion", "app"):
                continue
            target = place(module.replace(".", "/")) if module not in ("fusion", "app") else {"fusion": "__init__", "app": "app"}[module]
            if path == "fusion/__init__.py":
                level = LEVELS.get(target, 9)
                if level > 0 and node in at_import or level > LEVELS["lab"] and target != "own_data":
                    yield f"{where}: fusion itself imports {module}; only lab and own_data, and only inside a function"
                continue
            if target not in LEVELS:
                yield f"{where}: {module} has no level"
            elif not (
                LEVELS[target] < LEVELS[own]
                or target == own
                or LEVELS[target] == LEVELS[own]
                and not {own, target} & FOLDERS
                and own != "app"
            ):
                yield f"{where}: {own} (level {LEVELS[own]}) imports {module} (level {LEVELS[target]})"


def safety_violations(path: str, tree: ast.Module, files: dict[str, str]) -> Iterator[str]:
    """Whatever would run code that came with data: unpickling in any form, and code from a model hub."""
    for node in ast.walk(tree):
        where = f"{path}:{getattr(node, 'lineno', 0)}"
        for module in imported(node, path, files):
            if module.split(".")[0] in UNPICKLERS:
                yield f"{where}: imports {module}"
        if (
            isinstance(node, ast.ImportFrom)
            and node.module in ("torch", "torch.serialization")
            and any(a.name == "load" for a in node.names)
        ):
            yield f"{where}: imports torch.load"
        if isinstance(node, ast.Attribute) and node.attr == "load" and ast.unparse(node.value) in ("torch", "torch.serialization"):
            yield f"{where}: uses torch.load"
        if isinstance(node, ast.keyword) and node.arg in ("trust_remote_code", "allow_pickle") and ast.unparse(node.value) != "False":
            yield f"{where}: passes {node.arg}={ast.unparse(node.value)}"


def path_violations(path: str, text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if found := MACHINE_PATH.search(line):
            yield f"{path}:{number}: names a path of one machine: {found[0]}..."


def violations(files: dict[str, str]) -> dict[str, list[str]]:
    """Everything that is wrong with a set of files, by rule."""
    found: dict[str, list[str]] = {"imports": [], "safety": [], "paths": []}
    for path, text in files.items():
        tree = ast.parse(text, path)
        found["imports"] += import_violations(path, tree, files)
        found["safety"] += safety_violations(path, tree, files)
        found["paths"] += path_violations(path, text)
    return found


@pytest.mark.parametrize("rule", ["imports", "safety", "paths"])
def test_the_project_keeps(rule: str) -> None:
    files = sources(ROOT)
    assert "fusion/types.py" in files
    assert violations(files)[rule] == []


def test_the_tests_unpickle_nothing() -> None:
    files = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")}
    assert [found for path, text in files.items() for found in safety_violations(path, ast.parse(text), files)] == []


CLEAN = {
    "app.py": '"""A."""\nimport gradio\nfrom fusion.ui.page import build_app\n',
    "fusion/__init__.py": '"""A."""\nif TYPE_CHECKING:\n    from .lab import Lab\ndef load():\n    from fusion.lab import Lab\n',
    "fusion/__main__.py": '"""A."""\nfrom fusion.cli.app import main\n',
    "fusion/cli/app.py": '"""A."""\nimport fusion\ndef train():\n    from fusion.training import train\n',
    "fusion/types.py": '"""A."""\nimport numpy\n',
    "fusion/media/video.py": '"""A."""\nfrom fusion.types import X\n',
    "fusion/media/__init__.py": '"""A."""\nfrom . import video\n',
    "fusion/encoders/__init__.py": '"""A."""\nfrom fusion.encoders.base import B\n',
    "fusion/encoders/base.py": '"""A."""\nfrom ..types import X\n',
    "fusion/strategies/late.py": '"""A."""\nfrom fusion.types import X\n',
    "fusion/model.py": '"""A."""\nfrom fusion import encoders, strategies\n',
    "fusion/lab.py": '"""A."""\nfrom fusion.model import M\n',
    "fusion/training/train.py": '"""A."""\nfrom fusion import load\nfrom fusion.lab import Lab\n',
    "fusion/explain/shapley.py": '"""A."""\nurl = "https://a.org/home/x"\n',
    "fusion/ui/page.py": '"""A."""\nimport gradio as gr\nfrom fusion.explain.shapley import s\nfrom fusion import lab\n',
}


def test_the_checker_passes_clean_files() -> None:
    assert violations(CLEAN) == {"imports": [], "safety": [], "paths": []}


# in parts, so that a plain search of the tree for what is forbidden finds nothing
HOME, UNPICKLE, REMOTE_CODE = "/".join(("", "home", "me", "data")), "torch." + "load", "trust_remote" + "_code"
PLANTED = [
    ("imports", "fusion/types.py", "from fusion.encoders import base"),
    ("imports", "fusion/types.py", "import fusion"),
    ("imports", "fusion/media/image.py", "def f():\n    import fusion.lab"),
    ("imports", "fusion/encoders/base.py", "from fusion.strategies.late import Late"),
    ("imports", "fusion/encoders/base.py", "from ..strategies import late"),
    ("imports", "fusion/encoders/base.py", "from .. import strategies"),
    ("imports", "fusion/encoders/base.py", "def f():\n    from fusion import strategies"),
    ("imports", "fusion/strategies/late.py", "if True:\n    from fusion.model import M"),
    ("imports", "fusion/model.py", "from fusion.training.train import run"),
    ("imports", "fusion/explain/shapley.py", "from fusion.training import train"),
    ("imports", "fusion/lab.py", "import gradio.themes"),
    ("imports", "fusion/__main__.py", "def f():\n    from gradio import Blocks"),
    ("imports", "fusion/ui/page.py", "import app"),
    ("imports", "fusion/ui/page.py", "from fusion.__main__ import main"),
    ("imports", "app.py", "from fusion.__main__ import main"),
    ("imports", "app.py", "from fusion.cli.app import main"),
    ("imports", "fusion/ui/page.py", "from fusion.cli.app import main"),
    ("imports", "fusion/cli/app.py", "from fusion.ui import page\nimport gradio"),
    ("imports", "fusion/__init__.py", "from fusion.lab import Lab"),
    ("imports", "fusion/__init__.py", "if TYPE_CHECKING:\n    from fusion.ui import page"),
    ("imports", "fusion/__init__.py", "if True:\n    from fusion.lab import Lab"),
    ("imports", "fusion/__init__.py", "class A:\n    from . import model"),
    ("imports", "fusion/__init__.py", "def f():\n    from fusion.ui import page"),
    ("imports", "fusion/helpers.py", "x = 1"),
    ("imports", "fusion/cards/write.py", "import torch"),
    ("safety", "fusion/model.py", f"import torch\n{UNPICKLE}('a')"),
    ("safety", "fusion/model.py", f"import torch\n{UNPICKLE}('a', weights_only=True)"),
    ("safety", "fusion/model.py", "from torch import load"),
    ("safety", "fusion/model.py", "import pickle"),
    ("safety", "fusion/model.py", "def f():\n    from joblib import load"),
    ("safety", "fusion/model.py", f"AutoModel.from_pretrained(a, {REMOTE_CODE}=True)"),
    ("safety", "fusion/model.py", "np.load(a, allow_pickle=flag)"),
    ("paths", "app.py", f"x = '{HOME}'"),
    ("paths", "app.py", "x = 1  # see /opt/data"),
    ("paths", "app.py", "x = 'C:\\\\Users'"),
]


@pytest.mark.parametrize(("rule", "path", "code"), PLANTED)
def test_the_checker_finds(rule: str, path: str, code: str) -> None:
    planted = CLEAN.get(path, '"""A."""\n') + code + "\n"
    found = violations(CLEAN | {path: planted})
    assert [name for name, lines in found.items() if lines] == [rule]
