"""Keeps the memory of a page that runs for weeks level.

The page drops what it no longer needs, but glibc returns little of it. Each thread that computes gets an arena of its own, and small
values that are kept for other visitors lie between large ones that were freed. With few arenas, what is freed is used again. A network's
activations come from the arenas, too: blocks that are mapped one by one are filled with zeros by the system each time, and all threads
wait for one another meanwhile (with a threshold of 1 MB, two processors gave no more answers than one).

What lies between values that stay is returned to the system by `malloc_trim`, which is called now and then: an arena gives back by itself
only what lies at its end.

Gradio keeps a record of each event for its monitoring page, which is switched off here, and sums all records up after each event.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading

ARENAS = 2
LARGE = 32 << 20  # bytes; larger blocks are mapped one by one, and returned when they are freed
TRIM_EVERY = 20.0  # seconds
FREE = 64 << 20  # bytes at an arena's end that stay for what comes next; the rest is returned
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # of malloc.h
SETTINGS = {  # parameter: the variable by which a person may set it, and what it is otherwise
    M_ARENA_MAX: ("MALLOC_ARENA_MAX", ARENAS),
    M_MMAP_THRESHOLD: ("MALLOC_MMAP_THRESHOLD_", LARGE),
    M_TRIM_THRESHOLD: ("MALLOC_TRIM_THRESHOLD_", FREE),
}
RECORDS = {"GRADIO_ANALYTICS_MAX_EVENTS": "1", "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000"}  # records kept, events between two sums


def limit_arenas() -> bool:
    """Sets glibc's allocator for a process of many threads, before they are started; False where there is no glibc.

    What the environment sets stays.
    """
    if not sys.platform.startswith("linux"):
        return False
    set_parameter = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_parameter is None:  # musl has another allocator
        return False
    wanted = {parameter: value for parameter, (variable, value) in SETTINGS.items() if variable not in os.environ}
    done = [set_parameter(parameter, value) == 1 for parameter, value in wanted.items()]
    return all(done)


def return_freed_memory() -> bool:
    """Gives pages that hold nothing back to the system; False where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        return False
    trim(0)
    return True


def keep_returning_memory(every: float = TRIM_EVERY, stopped: threading.Event | None = None) -> threading.Thread:
    """Calls `return_freed_memory` every so many seconds in a thread of its own, until `stopped` is set or the process ends."""
    stop = stopped or threading.Event()

    def run() -> None:
        while not stop.wait(every) and return_freed_memory():
            pass

    thread = threading.Thread(target=run, name="memory", daemon=True)
    thread.start()
    return thread


def limit_records() -> None:
    """Tells Gradio to keep no records of events; what the environment says stays. Gradio reads it when a page is built."""
    for variable, value in RECORDS.items():
        os.environ.setdefault(variable, value)
