"""Fusion Lab's page: `python app.py`, then open the address it prints.

python app.py [--device auto|cpu|cuda|mps] [--host 127.0.0.1] [--port 7860] [--share] [--backbones none] [--mcp] [--lab LAB]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import gradio as gr

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # before gradio is imported: nothing is sent anywhere


def build_app(lab: Any = None, device: str = "auto", backbones: str = "none", folders: Sequence[str] = ()) -> gr.Blocks:
    """The page around a lab; without one, around every task, each loaded when it is first chosen.

    `folders` are labs of your own data, offered beside the tasks.
    `backbones` says which pretrained encoders visitors may load: "all", "none", or hub ids and folders with commas.

    Raises:
        FusionError: there is no such device, or no task that could be used, in one sentence.
    """
    from functools import partial

    import fusion
    from fusion.loading import lacks_weights
    from fusion.tasks import TASKS
    from fusion.ui.page import build_page
    from fusion.ui.security import BackbonePolicy

    policy = BackbonePolicy(backbones)
    if lab is not None:
        return build_page({lab.task.name: lambda: lab}, backbones=policy)
    own = own_tasks(folders)
    labs = {name: partial(fusion.load, own.get(name, name), device=device) for name, task in TASKS.items() if task.on_page}
    lacking = {name: lacks_weights(TASKS[name]) for name in labs if name not in own}
    unavailable = {name: sentence for name, sentence in lacking.items() if sentence}
    return build_page(labs, unavailable=unavailable, backbones=policy)


def own_tasks(folders: Sequence[str]) -> dict[str, str]:
    """{name: folder} of labs of one's own data, which become tasks of the page.

    Raises:
        FusionError: a folder is no lab, is called like a task, or has inputs that the page cannot take, in one sentence.
    """
    from fusion.own_data.own_task import OwnTask
    from fusion.tasks import TASKS
    from fusion.types import MODALITIES, FusionError

    found = {}
    for folder in folders:
        task = OwnTask.read(Path(folder))
        if task.name in TASKS and task.name not in found:
            raise FusionError("The lab {folder} is called like another task, {name}.", folder=folder, name=task.name)
        if strange := [m for m, kind in task.kinds.items() if kind not in MODALITIES]:
            raise FusionError("The page cannot take {modality} of the lab {folder} yet; `predict` can.", modality=strange[0], folder=folder)
        TASKS[task.name] = task
        found[task.name] = os.path.join(os.path.abspath(folder), "")
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto", help="auto takes cuda, then mps, then cpu")
    parser.add_argument("--host", default=None, help="0.0.0.0 lets other machines in; camera and microphone then need https")
    parser.add_argument("--port", type=port_number, default=None, help="the first free one from 7860 on, if not given")
    parser.add_argument("--share", action="store_true", help="also make a public address through Gradio's servers")
    parser.add_argument(
        "--backbones",
        default=None,
        help="pretrained encoders that visitors may load: all, none, or hub ids and folders with commas; "
        "by default all where only this machine reaches the page, else none",
    )
    parser.add_argument("--mcp", action="store_true", help="also offer the endpoints as tools of an MCP server; needs requirements-mcp.txt")
    parser.add_argument("--lab", action="append", default=[], metavar="FOLDER", help="also offer a lab that `python -m fusion fit` wrote")
    options = parser.parse_args(arguments)

    from fusion.types import FusionError

    try:
        serve(options)
    except FusionError as error:  # no such device, no weights, a taken port: one sentence, not a traceback
        print(error, file=sys.stderr)
        sys.exit(2)


def serve(options: argparse.Namespace) -> None:
    """Builds the page and serves it until it is stopped.

    Raises:
        FusionError: what keeps it from being built or served, in one sentence.
    """
    from fusion.types import FusionError
    from fusion.ui.cores import leave_one_core
    from fusion.ui.memory import keep_returning_memory, limit_arenas
    from fusion.ui.serving import check_address, check_uploads, upload_folder

    limit_arenas()
    keep_returning_memory()
    check_address(options.host, options.port)
    check_uploads(upload_folder())
    if options.mcp:
        from fusion.ui.api import mcp_server

        mcp_server.prepare()
    from fusion.ui.page import launch_options
    from fusion.ui.security import is_local

    leave_one_core()
    local = is_local(options.host or os.environ.get("GRADIO_SERVER_NAME"), options.share or "GRADIO_SHARE" in os.environ)
    app = build_app(device=options.device, backbones=options.backbones or ("all" if local else "none"), folders=options.lab)
    try:
        app.launch(**launch_options(options.host, options.port, options.share, options.mcp))
    except OSError as error:  # somebody else was faster, or no port is free
        raise FusionError(f"The page cannot be served: {error.strerror or str(error).splitlines()[0]}.") from error


def port_number(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f'"{text}" is not a port, which is a number from 1 to 65535')
    return int(text)


if __name__ == "__main__":
    main()
