"""Cards are written from figures: nothing of them needs torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
IMPORT_ALL = """
import importlib, pkgutil, sys
import fusion.cards
for module in pkgutil.iter_modules(fusion.cards.__path__):
    importlib.import_module(f"fusion.cards.{module.name}")
print("torch" in sys.modules)
"""
WRITE_ALL = """
import sys
from fusion.cards.write import Described, load_reports, write_task
write_task
from fusion.cards import tables
from fusion.describe import About
strategies = {"late": About("Late", "A", "An idea.", "A story.", "late.py", fuses="logits")}
assert "late" in tables.results_table(load_reports(), strategies)
print("torch" in sys.modules)
"""


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_importing_every_card_writer_leaves_torch_alone() -> None:
    assert run(IMPORT_ALL) == "False"


def test_a_table_is_drawn_without_torch() -> None:
    assert run(WRITE_ALL) == "False"
