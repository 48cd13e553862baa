"""The data check: each planted fault is found, with its count and an example; clean data gives no warning."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fusion
from tests.own_data.make import CLASSES, picture, pictures_and_sounds, vectors, write_csv

Rows = list[dict[str, str]]
COUNT = 60
WORDS = ("a quiet street in the morning", "two people talk about the weather", "the shop opens at nine", "rain on the roof all night")


def clean(root: Path) -> Rows:
    """Rows of photos, words and speakers, with given splits and nothing wrong."""
    pictures_and_sounds(root, COUNT, sounds=False)
    rng = np.random.default_rng(1)
    with (root / "metadata.csv").open() as file:
        rows = list(csv.DictReader(file))
    for i, row in enumerate(rows):
        row["words"] = f"{WORDS[int(rng.integers(4))]} {i + 10}"
        row["split"] = "test" if i >= 42 else "train"
        row["speaker"] = f"s{i // 6}"
    return rows


def copy_bytes(root: Path, rows: Rows) -> None:
    for i in range(3):
        (root / rows[50 + i]["photo_file_name"]).write_bytes((root / rows[i]["photo_file_name"]).read_bytes())


def save_again(root: Path, rows: Rows) -> None:
    for i in range(4):
        small = Image.open(root / rows[i]["photo_file_name"]).resize((60, 60)).convert("RGB")
        name = f"photos/again{i}.jpg"
        small.save(root / name, quality=90)
        rows[50 + i]["photo_file_name"] = name


def say_the_label(root: Path, rows: Rows) -> None:
    for row in rows[::2]:
        row["words"] += f", {row['label'].upper()}!"


def name_files_by_label(root: Path, rows: Rows) -> None:
    for row in rows:
        old = root / row["photo_file_name"]
        new = old.with_name(f"{row['label']}_{old.name}")
        old.rename(new)
        row["photo_file_name"] = f"photos/{new.name}"


def mix_groups(root: Path, rows: Rows) -> None:
    for row in rows[50:53]:
        row["speaker"] = "s0"


def rare_class(root: Path, rows: Rows) -> None:
    for row in rows[:2]:
        row["label"] = "violet"


def lose_words(root: Path, rows: Rows) -> None:
    for row in rows:
        if row["label"] == "blue":
            row["words"] = ""


def other_size(root: Path, rows: Rows) -> None:
    rng = np.random.default_rng(2)
    for row in rows:
        if row["label"] == "green":
            picture(rng, 1, 48).save(root / row["photo_file_name"])


def day_of_class(root: Path, rows: Rows) -> None:
    for row in rows:
        row["day"] = "2" if row["label"] == "red" else "1"


PLANTED: dict[str, tuple[Callable[[Path, Rows], None], str, int]] = {
    "equal": (copy_bytes, "equal media", 3),
    "nearly equal": (save_again, "nearly equal media", 4),
    "word in text": (say_the_label, "label in words", 30),
    "word in name": (name_files_by_label, "label in words", 60),
    "group": (mix_groups, "group leak", 1),
    "rare": (rare_class, "few samples", 1),
    "missing": (lose_words, "missing by class", 20),
    "size": (other_size, "shortcut", 18),
    "day": (day_of_class, "giveaway", 60),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    plant, kind, count = PLANTED[fault]
    rows = clean(tmp_path)
    plant(tmp_path, rows)
    write_csv(tmp_path / "metadata.csv", rows)
    found = {finding.kind: finding for finding in fusion.inspect(tmp_path).findings}
    assert kind in found and found[kind].count == count and found[kind].examples
    assert found.keys() <= {kind, "shortcut"}, "nothing else is wrong"


def test_clean_data_gives_no_warning(tmp_path: Path) -> None:
    write_csv(tmp_path / "photos" / "metadata.csv", clean(tmp_path / "photos"))
    inspection = fusion.inspect(tmp_path / "photos")
    assert inspection.findings == () and inspection.split == "given" and inspection.classes == dict.fromkeys(sorted(CLASSES), 20)
    assert fusion.inspect(pictures_and_sounds(tmp_path / "sounds", 45)).findings == ()
    assert fusion.inspect(vectors(tmp_path / "vectors")).findings == ()


def test_the_report_is_plain(tmp_path: Path) -> None:
    found = fusion.inspect(vectors(tmp_path)).to_json()
    assert found["rows"] == 120 and found["modalities"] == {"a": "vector", "b": "vector"}
    assert {c["name"]: c["kind"] for c in found["columns"]} == {"a": "vector", "b": "vector", "label": "label"}
    assert found["splits"]["test"] == 24
