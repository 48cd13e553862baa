"""The whole page: a lab behind it, its layout, its events, and how it is served.

    from fusion.ui.page import build_page, launch_options
    build_page(lab).launch(**launch_options())
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from fusion.ui import fuse, theme
from fusion.ui.desk import Desk

TITLE = "Fusion Lab"
LARGEST_UPLOAD = "100mb"
KEEP_UPLOADS = 3600  # seconds


def build_page(lab: Any) -> gr.Blocks:
    """All components and events around a lab (see `fusion.load`)."""
    from fusion.tasks.digits.examples import EXAMPLES, make_example

    warm_up(lab, EXAMPLES, make_example)
    handlers = fuse.Handlers(Desk(lab, EXAMPLES, make_example, Path(get_upload_folder())))
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(KEEP_UPLOADS, KEEP_UPLOADS), fill_width=True) as blocks:
        page = fuse.layout(handlers)
        fuse.wire(page, handlers, blocks)
    return blocks


def warm_up(lab: Any, examples: Any, make_example: Any) -> None:
    """One answer that nobody sees: the very first is several times slower, and the page shows milliseconds."""
    for name in list(examples)[:1]:
        lab.compare(lab.encode(make_example(name), severity={}))


def launch_options(host: str | None = None, port: int | None = None, share: bool = False) -> dict[str, Any]:
    """Arguments of `Blocks.launch`. On a Space the host is set by the environment."""
    return {
        "server_name": host or os.environ.get("GRADIO_SERVER_NAME"),
        "server_port": port,
        "share": share,
        "theme": theme.build_theme(),
        "head": theme.build_head(),
        "max_file_size": LARGEST_UPLOAD,
        "enable_monitoring": False,
        "run_history": False,
        "pwa": False,
        "ssr_mode": False,
        "footer_links": [],
        "show_error": False,
    }
