"""Files are written whole or not at all, whoever else writes, and are told from damaged ones by their checksum."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from fusion import files
from fusion.cli.app import main
from fusion.files import (
    SUMS,
    check,
    differences,
    load_json,
    load_tensors,
    read_checksums,
    require_folder,
    save_json,
    save_tensors,
    save_text,
    write_checksums,
)
from fusion.types import FusionError

MANY = {"x": torch.arange(5000.0)}


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """No file of this process may grow beyond `most` bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    save_tensors(tmp_path / "new" / "x.safetensors", MANY)
    save_json(tmp_path / "new" / "x.json", {"a": [1, "\u00e9"]})
    assert torch.equal(load_tensors(tmp_path / "new" / "x.safetensors")["x"], MANY["x"])
    assert load_json(tmp_path / "new" / "x.json") == {"a": [1, "\u00e9"]}
    assert check(tmp_path / "new" / "x.json") and sorted(p.name for p in (tmp_path / "new").iterdir()) == [SUMS, "x.json", "x.safetensors"]


@pytest.mark.parametrize(
    "write",
    [lambda path: save_tensors(path, MANY), lambda path: save_json(path, list(range(5000))), lambda path: save_text(path, "x" * 9999)],
)
def test_a_full_disk_leaves_what_was_there(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "kept"
    path.write_text("before")
    with small_files(1000), pytest.raises(FusionError, match="kept cannot be written: file too large.") as caught:
        write(path)
    assert "\n" not in str(caught.value) and path.read_text() == "before" and [p.name for p in tmp_path.iterdir()] == ["kept"]
    write(path)
    assert path.read_text("latin-1") != "before"


def test_a_disk_that_is_full_at_the_very_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/secret/path")

    monkeypatch.setattr(files.os, "replace", refuse)
    with pytest.raises(FusionError) as caught:
        save_json(tmp_path / "a.json", 1)
    assert str(caught.value) == f"{'/'.join((tmp_path / 'a.json').parts[-3:])} cannot be written: no space left on device."
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    for path in (tmp_path / "cache" / "a.json", tmp_path / "cache" / "deep" / "a.json"):
        with pytest.raises(FusionError, match="cannot be written: there is a file where its folder should be."):
            save_json(path, 1)
        with pytest.raises(FusionError, match="is missing."):
            load_json(path)


def test_a_folder_is_tried_before_work_begins(tmp_path: Path) -> None:
    require_folder(tmp_path / "new" / "deep")
    assert list((tmp_path / "new" / "deep").iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(FusionError, match="Nothing can be written to .*file/deep: there is a file where its folder should be."):
        require_folder(tmp_path / "file" / "deep")


def test_many_may_write_the_same_file(tmp_path: Path) -> None:
    """Everybody who reads meanwhile finds one version or another, and always a whole one."""
    path, stop, seen = tmp_path / "a.safetensors", threading.Event(), set()

    def write(value: int) -> None:
        while not stop.is_set():
            save_tensors(path, {"x": torch.full((3000,), float(value))}, checksum=False)

    save_tensors(path, {"x": torch.zeros(3000)}, checksum=False)
    threads = [threading.Thread(target=write, args=(i,)) for i in range(1, 4)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        seen.add(tuple(load_tensors(path)["x"].unique().tolist()))
    stop.set()
    for thread in threads:
        thread.join()
    assert seen <= {(float(i),) for i in range(4)} and len(seen) > 1 and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_killed_processes_left_goes_after_a_day(tmp_path: Path) -> None:
    old, new = tmp_path / ".a.json.0123.part", tmp_path / ".a.json.4567.part"
    for part in (old, new):
        part.write_text("half")
    os.utime(old, (time.time() - files.STALE - 60,) * 2)
    save_json(tmp_path / "a.json", 1, checksum=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == [new.name, "a.json"]


def test_an_interrupted_write_is_not_taken_for_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the file and its checksum: the new file is there, and no checksum speaks against it."""
    path = tmp_path / "a.json"
    save_json(path, 1)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "keep_checksum", killed)
    with pytest.raises(KeyboardInterrupt):
        save_json(path, 2)
    assert load_json(path) == 2 and not check(path)


def test_lists_are_those_of_sha256sum(tmp_path: Path) -> None:
    for name in ("a.json", "b c.json"):
        save_json(tmp_path / name, name)
    assert read_checksums(tmp_path) == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in tmp_path.glob("*.json")}
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", SUMS], cwd=tmp_path, check=True)


@pytest.mark.parametrize("text", ["", "\0\xff", "x" * 64 + "  a.json", "\n\n", "0" * 64 + " a.json", "0" * 63 + "  a.json"])
def test_a_list_that_cannot_be_read_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text("1")
    (tmp_path / SUMS).write_text(text)
    assert not check(tmp_path / "a.json") and load_json(tmp_path / "a.json") == 1


def test_the_command_writes_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one/a.json", "one/b.safetensors", "two/deep/c.wav", "two/README.md", "two/.training/d.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert main(["checksums", str(tmp_path)]) == 0 and capsys.readouterr().out == "3 checksums are written.\n"
    assert main(["checksums", "--check", str(tmp_path)]) == 0 and differences(tmp_path) == []
    (tmp_path / "one" / "a.json").write_text("other")
    (tmp_path / "one" / "b.safetensors").unlink()
    (tmp_path / "two" / "deep" / "e.json").write_text("new")
    capsys.readouterr()
    assert main(["checksums", "--check", str(tmp_path)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[1] for line in said] == [
        f"is damaged: it differs from its checksum in {SUMS}.", "is missing.", "has no checksum."
    ]  # fmt: skip
    assert write_checksums(tmp_path) == 3 and differences(tmp_path) == []
    assert main(["checksums", str(tmp_path / "nothing")]) == 2 and capsys.readouterr().err.startswith("There is no folder")
