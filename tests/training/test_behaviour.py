"""The digest of what modules do: words for people leave it alone, code and constants change it, also those of a module that is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from fusion.training.behaviour import PACKAGE, digest_of

MAIN = '''"""What it is."""

from fusion.types import Features
from fusion.tasks.helper import scale

SIZE = 64  # pixels


class Reader:
    """Reads."""

    title = "A reader"

    def read(self, x: int, y: float = 1.5) -> int:
        """One number."""
        if x < 0:
            raise ValueError(f"{x} is below zero.")
        return scale(x) + SIZE  # in pixels
'''
HELPER = '''"""Help."""


def scale(x):
    return 2 * x
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    package = tmp_path / "fusion"
    (package / "tasks").mkdir(parents=True)
    (package / "tasks" / "main.py").write_text(MAIN)
    (package / "tasks" / "helper.py").write_text(HELPER)
    return package


def digest(package: Path) -> str:
    return digest_of([package / "tasks" / "main.py"], package)


SAME = [
    ("# pixels", "# along a side, in pixels"),
    ('"""What it is."""', '"""What it is, said better."""'),
    ('    """Reads."""\n', ""),
    ('"""One number."""', '"""Another sentence."""'),
    ("{x} is below zero.", "{x} must not be below zero."),
    ("A reader", "The reader"),
    ("x: int, y: float = 1.5) -> int", "x, y: int = 1.5)"),
    ("  # in pixels", ""),
    ("\n\n\nclass", "\n\nclass"),
    ("from fusion.types import Features\n", ""),
]
OTHER = [
    ("SIZE = 64", "SIZE = 65"),
    ("x < 0", "x <= 0"),
    ("= 1.5", "= 1.6"),
    ("+ SIZE", "- SIZE"),
    ("def read", "def see"),
    ("scale(x)", "x"),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_words_do_not_count(package: Path, old: str, new: str) -> None:
    before, file = digest(package), package / "tasks" / "main.py"
    assert old in MAIN
    file.write_text(MAIN.replace(old, new))
    assert digest(package) == before


@pytest.mark.parametrize(("old", "new"), OTHER)
def test_code_and_constants_count(package: Path, old: str, new: str) -> None:
    before, file = digest(package), package / "tasks" / "main.py"
    assert old in MAIN
    file.write_text(MAIN.replace(old, new))
    assert digest(package) != before


def test_what_is_imported_counts(package: Path) -> None:
    before = digest(package)
    (package / "tasks" / "helper.py").write_text(HELPER.replace('"""Help."""', '"""Helps."""'))
    assert digest(package) == before
    (package / "tasks" / "helper.py").write_text(HELPER.replace("2 * x", "3 * x"))
    assert digest(package) != before


@pytest.mark.parametrize("start", ["encoders/image_cnn.py", "tasks/scenes/samples.py", "tasks/digits_find/samples.py", "media/__init__.py"])
def test_every_module_can_be_digested(start: str) -> None:
    assert digest_of([PACKAGE / start]) == digest_of([PACKAGE / start]) != digest_of([])
