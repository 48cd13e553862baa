"""A child process that decodes: what goes in comes out, and no function can cost more time or memory than it is given."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from fusion.media.bounded import OverBudget, run_bounded
from fusion.media.source import MediaError
from tests.media.checks import check_sentence

ROOT = Path(__file__).resolve().parents[2]


def same(*values):
    return list(values)


def read_all(file):
    file.seek(0)
    return file.read()


def count_forever():
    while True:
        pass


def fill_memory(megabytes):
    return len(b"x" * (megabytes * 1_000_000))


def fail(kind):
    if kind == "sentence":
        raise MediaError("a.png is green.")
    if kind == "exit":
        os._exit(3)
    if kind == "abort":
        os.abort()
    raise RuntimeError("x")


def print_much():
    os.write(1, b"noise" * 10_000)
    print("more noise", flush=True)
    return 7


def write_file(path):
    with open(path, "w") as file:
        file.write("x")


def modules():
    return sorted(sys.modules)


def test_values_come_back_as_they_went():
    values = [None, True, 3, 2.5, "h\u00e9 \ud83d", b"\x00\xff", [1, [2, "x"]], np.float32(0.5).item()]
    assert run_bounded(same, *values) == values
    arrays = [np.arange(24, dtype=np.uint8).reshape(2, 3, 4), np.zeros((0, 3), np.float32), np.array([1.5, np.nan]), np.array(True)]
    for given, got in zip(arrays, run_bounded(same, *arrays), strict=True):
        np.testing.assert_array_equal(got, given)
        assert got.dtype == given.dtype
        assert got.flags["WRITEABLE"]


def test_files_are_handed_on(tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789" * 1000)
    with (tmp_path / "a").open("rb") as file:
        file.read(5)
        assert run_bounded(read_all, file) == b"0123456789" * 1000
    assert run_bounded(read_all, io.BytesIO(b"abc")) == b"abc"


def test_objects_are_not():
    for value in (object(), {1}, np.array([None])):
        with pytest.raises(TypeError):
            run_bounded(same, value)


def test_time_is_bounded():
    begin = time.monotonic()
    with pytest.raises(OverBudget) as caught:
        run_bounded(count_forever, name="a.png", seconds=0.5)
    check_sentence(str(caught.value))
    assert str(caught.value) == "a.png needs more than 0.5 seconds to decode, which is too long."
    assert time.monotonic() - begin < 6


def test_memory_is_bounded():
    peak, done = [0], threading.Event()
    others = set(psutil.Process().children())  # of other tests

    def watch():
        while not done.wait(0.002):
            for child in set(psutil.Process().children()) - others:
                try:
                    peak[0] = max(peak[0], child.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    with pytest.raises(OverBudget) as caught:
        run_bounded(fill_memory, 3000, name="a.png", megabytes=300)
    done.set()
    watcher.join()
    assert str(caught.value) == "a.png needs more than 300 MB of memory to decode, which is too much."
    assert 0 < peak[0] < 300e6
    assert run_bounded(fill_memory, 30, megabytes=300) == 30_000_000


@pytest.mark.parametrize(("kind", "said"), [("sentence", "a.png is green."), ("exit", "damaged"), ("abort", "damaged"), ("x", "damaged")])
def test_errors(kind, said):
    with pytest.raises(MediaError, match=said) as caught:
        run_bounded(fail, kind, name="a.png")
    assert str(caught.value).startswith("a.png")
    assert not isinstance(caught.value, OverBudget)


def test_what_it_prints_is_not_the_answer(capfd):
    assert run_bounded(print_much) == 7
    assert capfd.readouterr() == ("", "")


def test_it_writes_no_file(tmp_path):
    with pytest.raises(MediaError):
        run_bounded(write_file, str(tmp_path / "a"))
    assert not (tmp_path / "a").exists() or (tmp_path / "a").stat().st_size == 0


def test_it_starts_small():
    """A child that imported torch would spend the budget before it begins."""
    assert not {"torch", "gradio", "scipy"} & {name.split(".")[0] for name in run_bounded(modules)}


def test_many_threads_and_no_handle_or_process_is_left():
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    others = set(psutil.Process().children())  # of other tests
    got = {}

    def work(i):
        got[i] = run_bounded(same, i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == {i: [i] for i in range(4)}
    assert not set(psutil.Process().children()) - others
    assert not before or set(os.listdir("/proc/self/fd")) == before


def test_a_script_without_a_main_guard_may_use_it(tmp_path):
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom fusion.media import bounded\nprint(bounded.run_bounded(abs, -3))\n"
    (tmp_path / "script.py").write_text(code)
    done = subprocess.run([sys.executable, str(tmp_path / "script.py")], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (done.stdout, done.stderr) == ("3\n", "")
