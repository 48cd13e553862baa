"""`python -m fusion bench --visitors 50 --minutes 10`: many visitors at once on the page, over HTTP.

Each visitor keeps a session for some acts (words, a drawing, a photo, a sound, a clip), one after another without a pause, leaves, and
comes anew. What every act must be answered is known beforehand (see load_inputs.py). Reported are answers per second, the time from the
act to its answer (p50, p95), and how many answers were wrong, failed or were refused; of a server on this machine also how its memory
grows in MB a minute, after the first fifth of the time: what it holds at least in each minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from fusion.benchmark.load_inputs import MAKERS, STRATEGY, Act, Session, sessions, stamped
from fusion.benchmark.load_visitor import Failed, PageDescription, Refused, Visitor, plain
from fusion.benchmark.machine import describe_machine
from fusion.lab import Lab
from fusion.types import FusionError

ROOT = Path(__file__).resolve().parents[2]
TASKS = tuple(MAKERS)
WARM_UP = 0.2  # share of the time that the memory's slope leaves out
CLOSE = 1e-3  # largest difference of a probability: the page rounds nothing, but may compute in a batch
START, PATIENCE = 180, 120  # seconds until the page answers, and for one answer


@dataclass
class Tally:
    """What happened so far."""

    began: float = field(default_factory=time.perf_counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)  # of each kind of act
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)  # the first few things that went wrong
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds since the beginning, MB
    processor: list[float] = field(default_factory=list)  # seconds that the server has computed, likewise

    def note(self, kind: str, what: str) -> None:
        self.counts[kind] += 1
        if len(self.examples) < 10:
            self.examples.append(f"{kind}: {what}")


def run(
    visitors: int = 50, minutes: float = 10.0, url: str | None = None, pid: int | None = None, out: str | None = None, seed: int = 0
) -> dict[str, Any]:
    """Measures and returns the report.

    Args:
        url: of a page that is served already; without it one is started here.
        pid: process of that page on this machine, whose memory is to be watched.
        out: file that the report goes to as JSON.
    """
    labs = {task: Lab(task, "cpu") for task in TASKS}
    plans = list(islice(sessions(labs, seed), max(60, 2 * visitors)))
    with server(url) as (address, process):
        tally = asyncio.run(visit(address, plans, visitors, minutes * 60, pid or process))
    found = report(tally, visitors, minutes)
    if out:
        Path(out).write_text(json.dumps(found, indent=1) + "\n")
    return found


@contextmanager
def server(url: str | None) -> Iterator[tuple[str, int | None]]:
    """Address and process of a page: the one at `url`, or one that is started for the time of the test."""
    if url:
        yield url.rstrip("/"), None
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, str(ROOT / "app.py"), "--device", "cpu", "--host", "127.0.0.1", "--port", str(port)]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}  # the page chooses its threads itself
    with tempfile.TemporaryFile() as log, subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(START * 4):
        if process.poll() is not None:
            raise FusionError("The app stopped before it could be visited; `python app.py` says why.")
        try:
            httpx.get(f"{address}/config", timeout=5).raise_for_status()
            return
        except httpx.HTTPError:
            time.sleep(0.25)
    raise FusionError(f"The page did not answer within {START} seconds.")


async def visit(address: str, plans: list[Session], visitors: int, seconds: float, pid: int | None) -> Tally:
    """All visitors at once for so many seconds."""
    # The server closes a connection that was idle for 5 s; one that is used again at that moment would be an error.
    limits = httpx.Limits(max_connections=2 * visitors + 4, max_keepalive_connections=2 * visitors, keepalive_expiry=2)
    async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, limits=limits) as client:
        try:
            page = PageDescription((await client.get("/config")).raise_for_status().json())
        except (httpx.HTTPError, KeyError, ValueError) as error:
            raise FusionError(f"There is no page of Fusion Lab at {address}.") from error
        await open_tasks(client, page)
        tally = Tally()
        end = tally.began + seconds
        workers = [keep_visiting(client, page, plans, start, visitors, end, tally) for start in range(visitors)]
        watch = asyncio.create_task(watch_memory(pid, tally))
        await asyncio.gather(*workers)
        watch.cancel()
    return tally


async def open_tasks(client: httpx.AsyncClient, page: PageDescription) -> None:
    """Each task is loaded before the clock starts."""
    for task in TASKS:
        visitor = Visitor(client, page)
        visitor.values["fl-tasks"] = task
        await visitor.act("fl-tasks")


async def keep_visiting(
    client: httpx.AsyncClient, page: PageDescription, plans: list[Session], start: int, step: int, end: float, tally: Tally
) -> None:
    """One visitor after another until the end."""
    turn = start
    while time.perf_counter() < end:
        await one_visit(Visitor(client, page), plans[turn % len(plans)], turn, end, tally)
        turn += step


async def one_visit(visitor: Visitor, session: Session, turn: int, end: float, tally: Tally) -> None:
    visitor.values |= {"fl-tasks": session.task, "fl-strategies": STRATEGY}
    for modality in ("image", "text", "audio", "video"):
        visitor.set_slot(modality)
    for act in session.acts:
        if time.perf_counter() >= end:
            return
        start = time.perf_counter()
        try:
            await do(visitor, act, turn)
            outputs = await visitor.act(f"fl-slot-{act.modality}")
        except Refused as error:
            tally.note("refused", str(error))
            return
        except (Failed, httpx.HTTPError, KeyError, ValueError) as error:
            tally.note("errors", f"{type(error).__name__} {error}")
            return
        judge(outputs, act, time.perf_counter() - start, tally)


async def do(visitor: Visitor, act: Act, turn: int) -> None:
    """Sets the slot, with an upload where it holds a file."""
    slot = act.given.slot | {"severity": act.severity}
    if act.given.upload:
        name, data = act.given.upload
        slot |= {"path": await visitor.upload(name, stamped(name, data, f"visit {turn}"))}
    visitor.set_slot(act.modality, **slot)


def judge(outputs: dict[str, Any], act: Act, seconds: float, tally: Tally) -> None:
    """Counts an answer, and whether it is the one that belongs to this visitor's input."""
    result = plain(outputs["fl-result"]) or {}
    row = next((r for r in result.get("strategies", []) if r["name"] == STRATEGY), None)
    if row is None:
        tally.note("errors", str(result.get("status")))
        return
    tally.counts["answers"] += 1
    tally.seconds.setdefault(act.modality, []).append(seconds)
    far = float(np.abs(np.subtract(row["probs"], act.probs)).max())
    if row["label"] != act.label or far > CLOSE:
        tally.note("wrong", f"{act.modality}: {row['label']} instead of {act.label}, a probability differs by {far:.4f}")


async def watch_memory(pid: int | None, tally: Tally) -> None:
    """Notes the server's resident memory and processor time once a second; the time includes that of its finished children."""
    if pid is None:
        return
    with contextlib.suppress(psutil.Error):  # it has ended
        process = psutil.Process(pid)
        while True:
            with process.oneshot():
                tally.memory.append((time.perf_counter() - tally.began, process.memory_info().rss / 1e6))
                tally.processor.append(sum(process.cpu_times()[:4]))
            await asyncio.sleep(1)


def slope(memory: list[tuple[float, float]]) -> float | None:
    """MB a minute by least squares through the least memory of each whole minute after the warm-up; None for less than three of them.

    What an answer needs while it is computed comes and goes by hundreds of MB. The least of a minute is what stays.
    """
    if not memory:
        return None
    end = memory[-1][0]
    begin = WARM_UP * end
    whole = round(end - begin) // 60
    least = [min(size for seconds, size in memory if 60 * m <= seconds - begin < 60 * (m + 1)) for m in range(whole)]
    return float(np.polyfit(range(whole), least, 1)[0]) if whole >= 3 else None


def percentiles(seconds: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95]) if seconds else (float("nan"),) * 2
    return {"answers": len(seconds), "p50_ms": float(p50), "p95_ms": float(p95)}


def report(tally: Tally, visitors: int, minutes: float) -> dict[str, Any]:
    everything = [s for several in tally.seconds.values() for s in several]
    took = time.perf_counter() - tally.began
    computed = tally.processor[-1] - tally.processor[0] if tally.processor else 0.0
    return {
        "command": f"python -m fusion bench --visitors {visitors} --minutes {minutes:g}",
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": describe_machine(),
        "seconds": took,
        "answers_per_second": tally.counts["answers"] / took,
        **percentiles(everything),
        "wrong": tally.counts["wrong"],
        "errors": tally.counts["errors"],
        "refused": tally.counts["refused"],
        "by_input": {m: percentiles(several) for m, several in sorted(tally.seconds.items())},
        "server_ms_per_answer": computed * 1000 / max(1, tally.counts["answers"]) if tally.processor else None,
        "memory_mb": [round(tally.memory[0][1]), round(tally.memory[-1][1])] if tally.memory else None,
        "memory_mb_per_minute": slope(tally.memory),
        "examples": tally.examples,
    }


def tables(report: dict[str, Any]) -> list[tuple[str, list[list[str]]]]:
    """For the shell: a sentence and rows of cells."""
    rows = [["input", "answers", "p50 ms", "p95 ms"]]
    for name, part in [*report["by_input"].items(), ("all", report)]:
        rows.append([name, str(part["answers"]), f"{part['p50_ms']:.0f}", f"{part['p95_ms']:.0f}"])
    counts = ", ".join(f"{report[kind]} {kind}" for kind in ("wrong", "errors", "refused"))
    slope = report["memory_mb_per_minute"]
    memory = "" if slope is None else f" The server's memory grows by {slope:+.1f} MB a minute."
    found = [(f"{report['answers_per_second']:.1f} answers a second; {counts}.{memory}", rows)]
    return found + [("What went wrong first:", [[example] for example in report["examples"]])] * bool(report["examples"])
