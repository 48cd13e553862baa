"""The whole page: the labs behind it, its layout, its events, and how it is served.

from fusion.ui.page import build_page, launch_options
build_page({"digits": lambda: fusion.load("digits")}).launch(**launch_options())
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.utils import get_upload_folder
from starlette.middleware import Middleware

from fusion.ui import api, theme
from fusion.ui.frame import Frame
from fusion.ui.memory import limit_records
from fusion.ui.pages.base import tabs
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.security import BackbonePolicy, SecurityHeaders
from fusion.ui.service import OpenRegistry, TaskServices

if TYPE_CHECKING:
    from fusion.lab import Lab

TITLE = "Fusion Lab"
LARGEST_UPLOAD = "100mb"
KEEP_UPLOADS = 3600  # seconds
LONGEST_QUEUE = 200  # waiting events; more are told that the queue is full
SESSIONS = 150  # whose settings Gradio keeps, about 140 kB each; the page sends all it needs with each event


def build_page(
    labs: Mapping[str, Callable[..., Lab]],
    registry: OpenRegistry | None = None,
    unavailable: Mapping[str, str] | None = None,
    backbones: BackbonePolicy | None = None,
) -> gr.Blocks:
    """All components and events around {task: what loads its lab}; the first task is loaded at once, others when they are chosen.

    `registry` makes a lab's encoder registry, by default that of the lab's task; `unavailable` {task: why it cannot be used};
    `backbones` says which pretrained encoders visitors may load, by default none.
    """
    from fusion.tasks.examples import EXAMPLES_OF

    limit_records()
    services = TaskServices(labs, EXAMPLES_OF, Path(get_upload_folder()), registry, unavailable, backbones)
    handlers, found = Handlers(services), tabs()
    blocks = api.PublicBlocks(title=TITLE, analytics_enabled=False, delete_cache=(KEEP_UPLOADS, KEEP_UPLOADS), fill_width=True)
    with blocks:
        frame = Frame(handlers, found)
        pages = {name: tab(services, frame) for name, tab in found.items()}
        for name, page in pages.items():
            with gr.Column(elem_id=f"fl-page-{name}"):
                page.layout()
        for page in pages.values():
            page.wire()
        frame.wire(blocks)
        api.register(blocks, services)
    blocks.queue(api_open=False, max_size=LONGEST_QUEUE)
    return blocks


def launch_options(host: str | None = None, port: int | None = None, share: bool = False, mcp: bool = False) -> dict[str, Any]:
    """Arguments of `Blocks.launch`; `mcp` needs `mcp_server.prepare`. On a Space the host is set by the environment."""
    return {
        "server_name": host or os.environ.get("GRADIO_SERVER_NAME"),
        "server_port": port,
        "share": share,
        "mcp_server": mcp,  # False, not None: else a variable of the environment could start gradio's own
        "theme": theme.build_theme(),
        "head": theme.build_head(),
        "max_file_size": LARGEST_UPLOAD,
        "state_session_capacity": SESSIONS,
        "app_kwargs": {
            "middleware": [Middleware(SecurityHeaders), Middleware(api.LimitedBody)],
            "exception_handlers": dict(api.EXCEPTION_HANDLERS),
        },
        "enable_monitoring": False,
        "run_history": False,
        "pwa": False,
        "ssr_mode": False,
        "footer_links": [],
        "show_error": False,
    }
