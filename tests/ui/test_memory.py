"""Memory of a page that runs long: settings of the allocator, and what Gradio keeps of events."""

import asyncio
import ctypes
import sys
import threading
import time

import gradio as gr
import psutil
import pytest
from gradio.queueing import Queue

from fusion.ui import memory


class FakeLibrary:
    """A C library that notes what is set."""

    def __init__(self) -> None:
        self.said: list[tuple[int, int]] = []
        self.trimmed = 0

    def mallopt(self, parameter: int, value: int) -> int:
        self.said.append((parameter, value))
        return 1

    def malloc_trim(self, pad: int) -> int:
        self.trimmed += 1
        return 1


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> FakeLibrary:
    fake = FakeLibrary()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: fake)
    monkeypatch.setattr(sys, "platform", "linux")
    for variable, _ in memory.SETTINGS.values():
        monkeypatch.delenv(variable, raising=False)
    return fake


def test_the_allocator_has_few_arenas(library: FakeLibrary) -> None:
    assert memory.limit_arenas()
    assert dict(library.said) == {memory.M_ARENA_MAX: 2, memory.M_MMAP_THRESHOLD: 32 << 20, memory.M_TRIM_THRESHOLD: 64 << 20}


def test_the_environment_is_stronger(library: FakeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "4")
    assert memory.limit_arenas()
    assert memory.M_ARENA_MAX not in dict(library.said)


def test_other_systems_are_left_alone(library: FakeLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not memory.limit_arenas()
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.limit_arenas()
    assert library.said == []


def test_freed_memory_is_returned_until_it_is_stopped(library: FakeLibrary) -> None:
    stopped = threading.Event()
    thread = memory.keep_returning_memory(0.01, stopped)
    deadline = time.monotonic() + 5
    while library.trimmed < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    stopped.set()
    thread.join(5)
    assert library.trimmed >= 3 and not thread.is_alive()


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None) if sys.platform == "linux" else object(), "malloc_trim"), reason="there is no glibc")
def test_pages_between_values_that_stay_are_returned() -> None:
    """Half of many blocks is freed, every second one: an arena's end gives nothing back."""
    block = 64 << 10
    blocks: list[bytes | None] = [bytes([1]) * block for _ in range(2000)]
    for i in range(0, len(blocks), 2):
        blocks[i] = None
    before = psutil.Process().memory_info().rss
    assert memory.return_freed_memory()
    assert before - psutil.Process().memory_info().rss > 0.5 * block * len(blocks) / 2


def test_gradio_keeps_no_records_of_events(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in memory.RECORDS:
        monkeypatch.delenv(variable, raising=False)
    memory.limit_records()

    async def build() -> Queue:  # Gradio's locks belong to a running loop
        with gr.Blocks(analytics_enabled=False) as blocks:
            gr.HTML()
        return blocks.queue()._queue

    queue = asyncio.run(build())
    assert queue.ANALYTICS_MAX_EVENTS == 1
    queue.events_recorded = 1000
    queue.compute_analytics_summary([{"function": "f", "status": "success", "process_time": 1.0}])
    assert queue.event_count_at_last_cache == 0  # nothing was summed up
