"""What browser tests share: a page served by a process of its own, and the sign that it is drawn."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
READY = "document.documentElement.classList.contains('fl-ready')"
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
