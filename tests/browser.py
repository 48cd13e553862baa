"""What browser tests share: a page served by a process of its own, and the sign that it is drawn."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
READY = "document.documentElement.classList.contains('fl-ready')"
WIDE, PHONE = {"width": 1400, "height": 1000}, {"width": 390, "height": 844}
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]


def running(
    command: list[str], log: Path, seconds: int = 120, folder: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Address of the page that `command PORT` serves from `folder`; at the end it must not have logged a traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options: dict[str, Any] = {"cwd": folder, "env": os.environ | dict(environment or {}), "stderr": subprocess.STDOUT}
    with log.open("w") as output, subprocess.Popen([*command, str(port)], stdout=output, **options) as process:
        for _ in range(seconds * 4):
            if process.poll() is not None:
                pytest.fail(f"{' '.join(command)} ended:\n{log.read_text()[-2000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
        process.terminate()
    assert "Traceback" not in log.read_text()


@contextmanager
def visiting(
    chromium: Any,
    address: str,
    viewport: Mapping[str, int] = WIDE,
    watch: Callable[[Any], None] = lambda page: None,
    locale: str = "en-US",
) -> Iterator[Any]:
    """A page that is drawn; at the end the browser must have nothing to complain of. `watch` gets the page before it is loaded."""
    context = chromium.new_context(viewport=viewport, locale=locale, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(30000)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    watch(page)
    page.goto(address)
    page.wait_for_function(READY)
    try:
        yield page
    finally:
        found = list(complaints)  # what is cut off by closing is no fault of the page
        context.close()
    assert not found, found
