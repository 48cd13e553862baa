"""Fusion Lab's page: `python app.py`, then open the address it prints.

python app.py [--device auto|cpu|cuda|mps] [--host 127.0.0.1] [--port 7860] [--share]
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: nothing is sent anywhere


def build_app(lab: Any = None, device: str = "auto") -> gr.Blocks:
    """The page around a lab; without one, around every task that has weights, each loaded when it is first chosen."""
    from functools import partial

    import fusion
    from fusion.tasks import DEFAULT
    from fusion.ui.desk import shipped_tasks
    from fusion.ui.page import build_page

    if lab is not None:
        return build_page({lab.task.name: lambda: lab})
    return build_page({task: partial(fusion.load, task, device=device) for task in shipped_tasks() or [DEFAULT]})


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto takes cuda, then mps, then cpu")
    parser.add_argument("--host", default=None, help="0.0.0.0 lets other machines in; camera and microphone then need https")
    parser.add_argument("--port", type=int, default=None, help="the first free one from 7860 on, if not given")
    parser.add_argument("--share", action="store_true", help="also make a public address through Gradio's servers")
    options = parser.parse_args(arguments)

    from fusion.types import FusionError
    from fusion.ui.cores import leave_one_core
    from fusion.ui.page import launch_options

    leave_one_core()
    try:
        app = build_app(device=options.device)
    except FusionError as error:  # no such device, no weights: one sentence, not a traceback
        sys.exit(str(error))
    app.launch(**launch_options(options.host, options.port, options.share))


if __name__ == "__main__":
    main()
