"""The six forms of input, and what is wrong with data, in one sentence each."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fusion.own_data import archives
from fusion.own_data.reading import read_samples
from fusion.types import FusionError
from tests.own_data.make import CLASSES, picture, pictures_and_sounds, series, sound, vectors, write_csv, write_lines

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSION_CACHE", str(tmp_path / "cache"))


def test_metadata_beside_media(tmp_path: Path) -> None:
    samples = read_samples(pictures_and_sounds(tmp_path / "d", 6))
    assert samples.kinds == {"photo": "image", "sound": "audio"} and samples.classes == ("blue", "green", "red")
    assert samples.splits is None and len(samples) == 6 and samples.media["photo"][2].name == "002.bmp"


def test_one_table_per_split_folder(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        pictures_and_sounds(tmp_path / split, 3, sounds=False)
    samples = read_samples(tmp_path)
    assert (
        samples.splits == ["train"] * 3 + ["val"] * 3 + ["test"] * 3
        or sorted(samples.splits or []) == ["test"] * 3 + ["train"] * 3 + ["val"] * 3
    )
    assert samples.kinds == {"photo": "image"}


def test_lines_per_split_leave_other_files_out(tmp_path: Path) -> None:
    rows = [{"id": str(i), "words": f"these are {i} words of text", "label": "ab"[i % 2]} for i in range(8)]
    for name in ("train", "dev", "test", "conflict"):
        write_lines(tmp_path / f"{name}.jsonl", rows)
    samples = read_samples(tmp_path)
    assert len(samples) == 24 and set(samples.splits or ()) == {"train", "val", "test"} and samples.kinds == {"words": "text"}
    assert "conflict.jsonl" in str(samples.notes[0])
    assert len(read_samples(tmp_path / "conflict.jsonl")) == 8


def test_class_folders_with_files_of_one_stem(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for k, name in enumerate(CLASSES):
            home = tmp_path / split / name
            home.mkdir(parents=True)
            for i in range(2):
                picture(RNG, k).save(home / f"{i}.png")
                sound(home / f"{i}.wav", RNG, k)
                (home / f"{i}.txt").write_text("some words")
    samples = read_samples(tmp_path)
    assert len(samples) == 12 and samples.kinds == {"image": "image", "audio": "audio", "text": "text"}
    assert samples.labels.count("red") == 4 and (samples.splits or []).count("test") == 6


def test_parallel_folders(tmp_path: Path) -> None:
    for k, name in enumerate(CLASSES):
        for i in range(3):
            sound(tmp_path / "sounds" / name / f"{i}.wav", RNG, k)
            (tmp_path / "photos" / name).mkdir(parents=True, exist_ok=True)
            picture(RNG, k).save(tmp_path / "photos" / name / f"{i}.png")
    samples = read_samples(tmp_path)
    assert samples.kinds == {"photos": "image", "sounds": "audio"} and len(samples) == 9 and samples.classes == ("blue", "green", "red")


def test_webdataset_shards(tmp_path: Path) -> None:
    root = tmp_path / "shards"
    root.mkdir()
    for shard in range(2):
        with tarfile.open(root / f"{shard:04}.tar", "w") as tar:
            for i in range(3):
                content = io.BytesIO()
                picture(RNG, i).save(content, "PNG")
                for ending, data in (
                    ("png", content.getvalue()),
                    ("cls", str(i).encode()),
                    ("json", json.dumps({"place": "a b"}).encode()),
                ):
                    member = tarfile.TarInfo(f"{shard}{i}.{ending}")
                    member.size = len(data)
                    tar.addfile(member, io.BytesIO(data))
    samples = read_samples(root)
    assert samples.kinds == {"image": "image"} and sorted(samples.labels) == ["0", "0", "1", "1", "2", "2"] and samples.label == "cls"


def test_arrays(tmp_path: Path) -> None:
    samples = read_samples(vectors(tmp_path / "one"))
    assert samples.kinds == {"a": "vector", "b": "vector"} and samples.classes == ("0", "1", "2", "3")
    (tmp_path / "many").mkdir()
    np.save(tmp_path / "many" / "move.npy", RNG.normal(size=(9, 20, 3)))
    np.save(tmp_path / "many" / "label.npy", np.arange(9) % 3)
    assert read_samples(tmp_path / "many").kinds == {"move": "series"}


def test_arrays_per_split_beside_a_table(tmp_path: Path) -> None:
    for split in ("train", "test"):
        np.savez(tmp_path / f"{split}.npz", text=RNG.normal(size=(6, 4)), video=RNG.normal(size=(6, 4)), label=np.arange(6) % 2)
        rows = [{"row": i, "video": f"v{i // 2}", "transcript": "some words", "label": i % 2} for i in range(6)]
        write_csv(tmp_path / f"{split}.csv", rows)
    samples = read_samples(tmp_path)
    assert samples.kinds == {"text": "vector", "video": "vector"} and len(set(samples.groups or [])) == 3
    assert (samples.splits or []).count("test") == 6
    asked = read_samples(tmp_path, columns={"transcript": "text"})
    assert asked.kinds == {"text": "vector", "video": "vector", "transcript": "text"}


def test_series_and_a_table(tmp_path: Path) -> None:
    samples = read_samples(series(tmp_path / "s", 10))
    assert samples.kinds == {"move": "series", "table": "table"} and samples.media["table"][0] is not None
    assert samples.table_columns == {"weight": "number"}


def test_a_zip_is_unpacked_once(tmp_path: Path) -> None:
    root = pictures_and_sounds(tmp_path / "d", 6, sounds=False)
    with zipfile.ZipFile(tmp_path / "d.zip", "w") as whole:
        for path in root.rglob("*"):
            whole.write(path, f"d/{path.relative_to(root)}")
    assert len(read_samples(tmp_path / "d.zip")) == 6


def test_two_columns_of_one_kind_and_an_empty_cell(tmp_path: Path) -> None:
    root = pictures_and_sounds(tmp_path, 6, sounds=False)
    rows = [{"left_path": f"photos/{i:03}.bmp", "right_path": "" if i == 1 else f"photos/{5 - i:03}.bmp", "y": i % 2} for i in range(6)]
    write_csv(root / "metadata.csv", rows)
    samples = read_samples(root)
    assert samples.kinds == {"left": "image", "right": "image"} and samples.media["right"][1] is None


def test_excel_writes_semicolons_and_commas(tmp_path: Path) -> None:
    rows = [{"Größe": f"{i},5", "Farbe": "rot blau".split()[i % 2], "label": "ja nein".split()[i % 2 ^ (i > 5)]} for i in range(12)]
    for encoding in ("utf-8-sig", "utf-16", "cp1252"):
        path = write_csv(tmp_path / f"{encoding}.csv", rows, ";", encoding)
        samples = read_samples(path)
        assert samples.table_columns == {"Größe": "number", "Farbe": "category"} and samples.media["table"][1]["Größe"] == 1.5


def table(*rows: dict[str, object]) -> list[dict[str, object]]:
    return list(rows)


BAD = {
    "two columns": ("a.csv", b"x,x,label\n1,2,a\n", "two columns named 'x'"),
    "no rows": ("a.csv", b"x,label\n", "holds no rows"),
    "no label": ("a.csv", b"x,z\n1,2\n3,4\n", "name it with --label"),
    "one class": ("a.csv", b"x,label\n" + b"1,a\n" * 9, "All samples have the same label"),
    "not text": ("a.csv", b"\x00\x01\x02" * 50, "not a text file"),
    "not JSON": ("a.jsonl", b'{"x": 1}\n{"x":\n', "line 2"),
    "more cells": ("a.csv", b"x,label\n1,2,3\n", "more cells than the heading"),
    "every label different": ("a.csv", b"x,label\n" + b"".join(b"%d,w%d\n" % (i, i) for i in range(30)), "too many to tell apart"),
    "only a label": ("a.csv", b"label\n" + b"a\nb\n" * 9, "No column is an input"),
    "empty labels": ("a.csv", b"x,label\n1,\n2,\n", "No sample has a label"),
    "no array": ("a.npz", b"PK\x03\x04 no zip", "not a whole file of arrays"),
    "broken zip": ("a.zip", b"PK\x03\x04 no zip", "damaged or encrypted"),
    "many columns": ("a.csv", b",".join(b"c%d" % i for i in range(10_000)) + b"\n" + b",".join([b"1"] * 10_000) + b"\n", "10,000 columns"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence(tmp_path: Path, case: str) -> None:
    name, content, said = BAD[case]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FusionError, match=r"^[^\n]+[.:]?") as error:
        read_samples(tmp_path / name)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="is empty"):
        read_samples(tmp_path)
    with pytest.raises(FusionError, match="There is no folder or file"):
        read_samples(tmp_path / "nowhere")
    root = pictures_and_sounds(tmp_path / "d", 9, sounds=False)
    for i in range(4):
        (root / "photos" / f"{i:03}.bmp").unlink()
    with pytest.raises(FusionError, match="4 of 9 files of photo are not there"):
        read_samples(root)


def zipped(path: Path, name: str, content: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["../out.csv", "/out.csv", "a/../../out.csv", "..\\out.csv", "C:\\out.csv"])
def test_a_zip_writes_nothing_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(FusionError, match="outside of itself"):
        read_samples(zipped(tmp_path / "a.zip", name, b"x"))
    assert not list(tmp_path.rglob("out.csv"))


def test_a_zip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_BYTES", 1 << 20)
    with pytest.raises(FusionError, match="unpacks to far more"):
        read_samples(zipped(tmp_path / "a.zip", "a.csv", b"0" * (3 << 20)))


def test_an_archive_reads_only_its_own_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("words of somebody else")
    rows = "\n".join(f"{secret},a\n{secret},b" for _ in range(5))
    with pytest.raises(FusionError, match="are not there"):
        read_samples(zipped(tmp_path / "a.zip", "metadata.csv", f"note_path,label\n{rows}\n".encode()))
