"""Long work in a process of its own: one job at a time, the others wait in a queue.

    jobs = JobQueue()
    ticket = jobs.join(owner="a session", key="what is made", command=[sys.executable, "-m", ...])
    jobs.poll(ticket)       Standing(state="running", what="late", share=0.4, left=12.0)
    jobs.leave(ticket)      the job ends when nobody has a ticket for it any more

The process writes one JSON object per line to stdout: {"what", "share"} while it works, and {"done": true} or {"error": message} at the
end. Its stdin is a pipe that closes when this process ends, however it ends; `prepare_worker` makes it end then, too.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusion.messages import Message, message
from fusion.types import FusionError

logger = logging.getLogger(__name__)
MOST_WAITING = 10  # jobs, beside the one that runs
PATIENCE = 15.0  # seconds without a poll, after which an owner counts as gone
TICK = 0.2  # seconds between two looks at a running process
GRACE = 3.0  # seconds that a process has to end by itself
NOTHING = message("")
CRASHED = message("The training stopped unexpectedly; please try again.")
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Standing:
    """How an owner's job stands.

    state: "waiting", "running", "done", "failed", or "gone" for an owner who left or was replaced.
    position: jobs that come before it; 0 for one that is about to start. share: of the work, in [0, 1]. left: seconds, None while unknown.
    """

    state: str
    position: int = 0
    what: str = ""
    share: float = 0.0
    left: float | None = None
    error: Message = NOTHING


@dataclass(eq=False)
class Job:
    """One piece of work; `done` is called once, before anybody is told that it has succeeded."""

    key: str
    command: Sequence[str]
    done: Callable[[], None]
    state: str = "waiting"
    what: str = ""
    share: float = 0.0
    error: Message = NOTHING
    finished: bool = False  # the process said so itself
    began: tuple[float, float] | None = None  # time and share of the first progress

    def read(self, line: str) -> None:
        """Takes one line of the process; what is no JSON object is none of ours."""
        with suppress(ValueError, TypeError):
            said: Any = json.loads(line)
            if not isinstance(said, dict):
                return
            self.error = Message.from_json(said.get("error", ""))
            self.finished = said.get("done") is True
            if "share" in said:
                self.what, self.share = str(said.get("what", "")), min(1.0, max(0.0, float(said["share"])))
                self.began = self.began or (time.monotonic(), self.share)

    def left(self) -> float | None:
        """Seconds it will still take at the rate so far; None before a hundredth is done."""
        if self.began is None or self.share - self.began[1] < 0.01:
            return None
        return (time.monotonic() - self.began[0]) / (self.share - self.began[1]) * (1 - self.share)


@dataclass(eq=False)
class Ticket:
    """An owner's right to a job; `seen` is when the owner last asked."""

    owner: str
    job: Job
    seen: float = field(default_factory=time.monotonic)


class JobQueue:
    """Runs jobs one after another; owners who ask for the same key share one job."""

    def __init__(self, most_waiting: int = MOST_WAITING, patience: float = PATIENCE) -> None:
        self._most_waiting, self._patience = most_waiting, patience
        self._lock = threading.Lock()
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._process: subprocess.Popen[str] | None = None
        self._tickets: dict[str, Ticket] = {}
        self._thread: threading.Thread | None = None
        self._closed = False
        atexit.register(self.close)

    def join(self, owner: str, key: str, command: Sequence[str], done: Callable[[], None] = lambda: None) -> Ticket:
        """Queues a job, or joins the one with the same key; a job that the owner had before is left.

        Raises:
            FusionError: too many jobs are waiting.
        """
        with self._lock:
            self._drop_absent()
            pending = [*self._waiting, *([self._running] if self._running else [])]
            same = [job for job in pending if job.key == key and self._wanted(job)]
            if not same and len(pending) > self._most_waiting:
                raise FusionError("Too many trainings are waiting already; please try again later.")
            job = same[0] if same else Job(key, command, done)
            if not same:
                self._waiting.append(job)
            self._tickets[owner] = Ticket(owner, job)
            self._drop_absent()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
            return self._tickets[owner]

    def poll(self, ticket: Ticket) -> Standing:
        """How the job stands; asking also says that the owner is still there."""
        with self._lock:
            ticket.seen = time.monotonic()
            job = ticket.job
            if self._tickets.get(ticket.owner) is not ticket:
                return Standing("gone")
            if job.state == "waiting":
                position = self._waiting.index(job) + (self._running is not None) if job in self._waiting else 0
                return Standing("waiting", position)
            return Standing(job.state, 0, job.what, job.share, job.left(), job.error if job.state == "failed" else NOTHING)

    def leave(self, ticket: Ticket) -> None:
        """The owner no longer wants the job; nothing happens where the owner has another ticket by now."""
        with self._lock:
            if self._tickets.get(ticket.owner) is ticket:
                del self._tickets[ticket.owner]
                self._drop_absent()

    def cancel(self, owner: str, unless: str | None = None) -> None:
        """Leaves whatever job the owner has, except the one with the key `unless`."""
        with self._lock:
            ticket = self._tickets.get(owner)
            if ticket is not None and ticket.job.key != unless:
                del self._tickets[owner]
                self._drop_absent()

    def close(self) -> None:
        """Ends the running process; nothing is started after that."""
        with self._lock:
            self._closed = True
            self._tickets.clear()
            self._waiting.clear()
            process = self._process
        if process is not None:
            end_process(process, grace=0.5)

    def _wanted(self, job: Job) -> bool:
        return any(ticket.job is job for ticket in self._tickets.values())

    def _drop_absent(self) -> None:
        """Forgets owners who have not asked for a while, and waiting jobs that nobody wants. Called with the lock held."""
        oldest = time.monotonic() - self._patience
        self._tickets = {owner: ticket for owner, ticket in self._tickets.items() if ticket.seen >= oldest}
        self._waiting = [job for job in self._waiting if self._wanted(job)]

    def _run(self) -> None:
        """What the thread does: job after job, until none is left."""
        while True:
            with self._lock:
                self._running = None
                self._drop_absent()
                if self._closed or not self._waiting:
                    self._thread = None
                    return
                job = self._running = self._waiting.pop(0)
                job.state = "running"
            try:
                outcome = self._work(job)
            except Exception:
                logger.exception("The job %s could not be run", job.key)
                outcome = "failed"
            with self._lock:
                job.error = job.error or CRASHED
                job.state = outcome

    def _work(self, job: Job) -> str:
        """Runs a job's process until it ends or nobody wants it; returns the job's state."""
        process = start_process(job.command)
        with self._lock:
            self._process = process
        reader = threading.Thread(target=self._listen, args=(job, process), daemon=True)
        reader.start()
        try:
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(TICK)
                with self._lock:
                    self._drop_absent()
                    if self._closed or not self._wanted(job):
                        return "gone"
        finally:
            end_process(process)
            reader.join(GRACE)  # what it wrote last
            for pipe in (process.stdin, process.stdout):
                if pipe is not None and not reader.is_alive():
                    pipe.close()
            with self._lock:
                self._process = None
        if process.returncode != 0 or not job.finished:
            return "failed"
        job.done()
        return "done"

    def _listen(self, job: Job, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            with self._lock:
                job.read(line)


def start_process(command: Sequence[str]) -> subprocess.Popen[str]:
    """A process in a group of its own, on one thread, that finds this package; its stderr is ours."""
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
        env=os.environ | ONE_THREAD | {"PYTHONPATH": path}, start_new_session=True,
    )  # fmt: skip


def end_process(process: subprocess.Popen[str], grace: float = GRACE) -> None:
    """Asks the process and all its children to end, and after `grace` seconds makes them."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))  # children may have outlived the process
    process.wait()


def _signal(process: subprocess.Popen[str], number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)


def prepare_worker() -> None:
    """Called first in a worker: gives way to every other process, ends on SIGTERM with cleaning up, and when the server is gone."""
    if hasattr(os, "nice"):
        os.nice(19)
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    threading.Thread(target=_end_with_server, daemon=True).start()


def _end_with_server() -> None:
    with suppress(OSError):
        while os.read(0, 1024):  # nothing is ever written; it returns when the server's end of the pipe is closed
            pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE)
    os._exit(1)
