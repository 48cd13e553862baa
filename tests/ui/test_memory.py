"""Memory of a page that runs long: settings of the allocator, and what Gradio keeps of events."""

import asyncio
import ctypes
import sys

import gradio as gr
import pytest
from gradio.queueing import Queue

from fusion.ui import memory


class FakeLibrary:
    """A C library that notes what is set."""

    def __init__(self) -> None:
        self.said: list[tuple[int, int]] = []

    def mallopt(self, parameter: int, value: int) -> int:
        self.said.append((parameter, value))
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
