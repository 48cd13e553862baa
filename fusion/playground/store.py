"""The trainings of all visitors: on one thread of low priority, a short time for each request, at most `MOST_SESSIONS` of them kept.

A training goes on only when its visitor asks, so that it stops when the visitor leaves. One that is no longer kept starts anew.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import torch

from fusion.playground.session import Session
from fusion.playground.setup import Setup

MOST_SESSIONS = 32
SECONDS = 0.11  # of computing for each request, most of it training; at least one step is made
NICENESS = 10  # of the thread, where the system has a priority for each
Shown = TypeVar("Shown")


@dataclass
class Kept:
    """A session, and how many seconds it took to show it the last time."""

    session: Session
    showing: float = 0.0


class Store:
    """Sessions by the names of their owners."""

    def __init__(self, most: int = MOST_SESSIONS, seconds: float = SECONDS) -> None:
        """Keeps `most` sessions, each of which computes for `seconds` for each request."""
        self._most = most
        self._seconds = seconds
        self._sessions: OrderedDict[str, Kept] = OrderedDict()  # the longest unused one first
        self._thread = ThreadPoolExecutor(1, "playground", initializer=be_unobtrusive)

    def advance(self, owner: str, setup: Setup, restart: bool, steps: int, show: Callable[[Session], Shown]) -> Shown:
        """Trains the owner's session for up to `steps` steps, and returns what `show` makes of it, both within about `seconds`.

        It begins anew if the setup is another one, with `restart`, and if it is no longer kept. Waits for the requests before it.
        """

        def work() -> Shown:
            kept = self._sessions.pop(owner, None)
            if kept is None or restart or kept.session.setup != setup:
                kept = Kept(Session(setup))
            self._sessions[owner] = kept
            while len(self._sessions) > self._most:
                self._sessions.popitem(last=False)
            kept.session.train(max(0.01, self._seconds - kept.showing), steps)
            begin = time.monotonic()
            shown = show(kept.session)
            kept.showing = time.monotonic() - begin
            return shown

        return self._thread.submit(work).result()

    def __len__(self) -> int:
        return len(self._sessions)


def be_unobtrusive() -> None:
    """Makes the calling thread compute alone and behind all others."""
    torch.set_num_threads(1)
    if sys.platform == "linux":  # where every thread has a priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
