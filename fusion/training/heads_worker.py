"""The process in which the page trains strategies: `python -m fusion.training.heads_worker '{"task": ..., "choice": {...}}'`.

It writes the lines that `fusion.training.jobs` reads.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any, TextIO

from fusion.training.jobs import prepare_worker
from fusion.types import FusionError

PAUSE = 0.3  # seconds between two lines


def command_for(task: str, choice: Mapping[str, str]) -> list[str]:
    """The command line that trains on a choice of encoders."""
    return [sys.executable, "-m", "fusion.training.heads_worker", json.dumps({"task": task, "choice": dict(choice)})]


def train(asked: Mapping[str, Any], out: TextIO) -> None:
    """Trains and writes progress to `out`, at most one line every `PAUSE` seconds."""
    import torch

    from fusion.tasks import TASKS
    from fusion.training.heads import Progress, train_heads

    torch.set_num_threads(1)
    last = 0.0

    def tell(progress: Progress) -> None:
        nonlocal last
        if time.monotonic() - last > PAUSE:
            last = time.monotonic()
            write(out, {"what": progress.what, "share": round(progress.share, 4)})

    train_heads(TASKS[asked["task"]], asked["choice"], on_progress=tell)


def write(out: TextIO, said: dict[str, Any]) -> None:
    out.write(json.dumps(said) + "\n")
    out.flush()


def main() -> int:
    prepare_worker()
    out = sys.stdout
    with redirect_stdout(sys.stderr):  # libraries may print; stdout is for our lines alone
        try:
            train(json.loads(sys.argv[1]), out)
        except FusionError as error:
            write(out, {"error": error.message.to_json()})
            return 1
        except Exception:
            traceback.print_exc()
            return 1
    write(out, {"done": True})
    return 0


if __name__ == "__main__":
    try:
        code = main()
    except SystemExit:
        code = 1
    sys.stderr.flush()
    os._exit(code)  # at the lowest priority an orderly end of the interpreter takes seconds
