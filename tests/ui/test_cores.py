"""Threads of the page: the container's limit, and one processor left for all else."""

import os
from pathlib import Path

import pytest
import torch

from fusion.ui import cores


@pytest.mark.parametrize(
    ("quota", "found"),
    [
        ("max 100000", 8),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("6400000 100000", 8),
        ("", 8),
        ("a b", 8),
        ("1 0", 8),
    ],
)
def test_a_container_may_use_fewer_than_it_sees(quota: str, found: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(quota)
    assert cores.count_cores(tmp_path / "cpu.max") == found
    assert cores.count_cores(tmp_path / "nowhere") == 8


@pytest.mark.parametrize(("there", "threads"), [(1, 1), (2, 1), (4, 3)])
def test_one_core_is_left_unless_told_otherwise(there: int, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    monkeypatch.setattr(torch, "set_num_threads", said.append)
    monkeypatch.setattr(cores, "count_cores", lambda: there)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    cores.leave_one_core()
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    cores.leave_one_core()
    assert said == [threads]
