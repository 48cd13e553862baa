"""What a public page must not do: response headers, which values events accept, and which pretrained backbones visitors may load."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components.api_component import Api

from fusion.paths import BACKBONE
from fusion.types import FusionError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio's page needs inline scripts and `new Function`. Nothing comes from another host; any site may embed the page in a frame.
CONTENT_POLICY = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-inline' 'unsafe-eval' blob:",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "media-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'self'",
    "form-action": "'self'",
}
OPTIONAL = {"fl-held"}  # elements whose values may be left out at the end: a client without a memory holds nothing
FRAME_SIZER = "https://cdnjs.cloudflare.com"  # a Space's page loads the script that tells the surrounding page how tall it is


def response_headers(on_space: bool | None = None) -> dict[str, str]:
    """Security headers of every response; `on_space` by default where the variable SPACE_ID is set."""
    on_space = bool(os.environ.get("SPACE_ID")) if on_space is None else on_space
    policy = dict(CONTENT_POLICY)
    if on_space:
        policy["script-src"] += f" {FRAME_SIZER}"
    return {
        "Content-Security-Policy": "; ".join(f"{name} {sources}" for name, sources in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",  # a link holds what a visitor typed
    }


class SecurityHeaders:
    """ASGI middleware that adds `response_headers` where a response does not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {name.lower().encode(): value.encode() for name, value in response_headers().items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                names = {name.lower() for name, _ in given}
                added = [(name, value) for name, value in self.headers.items() if name not in names]
                message = {**message, "headers": given + added}
            await send(message)

        await self.app(scope, receive, send_with_headers)


class SafeBlocks(gr.Blocks):
    """Blocks whose HTML components take text only, whose endpoints get their JSON as it came, and whose events count their values.

    The page's scripts send text. Gradio would look for files in anything else, and answer a wrong path with an error without words.
    """

    async def preprocess_data(self, block_fn: Any, inputs: list[Any], state: Any, explicit_call: bool = False) -> list[Any]:
        checked = list(inputs)
        while len(checked) < len(block_fn.inputs) and block_fn.inputs[len(checked)].elem_id in OPTIONAL:
            checked.append("")
        if len(checked) != len(block_fn.inputs):
            raise gr.Error(f"This event takes {len(block_fn.inputs)} values, not {len(inputs)}.", print_exception=False)
        if block_fn.inputs and all(isinstance(block, Api) for block in block_fn.inputs):
            return checked  # an endpoint reads its JSON by itself; gradio would fetch the addresses and copy the files that it names
        for index, (block, value) in enumerate(zip(block_fn.inputs, checked, strict=True)):
            if isinstance(block, gr.HTML) and not isinstance(value, str):
                checked[index] = ""
        values: list[Any] = await super().preprocess_data(block_fn, checked, state, explicit_call)  # gradio does not say what it returns
        return values


class BackbonePolicy:
    """Which pretrained backbones visitors may load, by hub id or folder.

    A folder's name lets a visitor probe the server's disk, and an id lets it download gigabytes. So a page that other machines can
    reach allows none unless its owner lists them.
    """

    def __init__(self, allowed: str | Iterable[str] = "all") -> None:
        """`allowed`: "all", "none", or the ids and folders themselves, as text with commas or one by one."""
        if isinstance(allowed, str):
            allowed = [name.strip() for name in allowed.split(",") if name.strip()]
        names = set(allowed)
        self.all = names == {"all"}
        self.names = frozenset() if names == {"none"} else frozenset(names)

    def check(self, encoders: Mapping[str, str] | Iterable[str]) -> None:
        """Raises a FusionError for the first backbone that may not be loaded."""
        names = encoders.values() if isinstance(encoders, Mapping) else encoders
        for name in names:
            if name.startswith(BACKBONE) and not self.all and name.removeprefix(BACKBONE) not in self.names:
                raise FusionError("This server does not load this pretrained backbone; its owner can allow it with --backbones.")


def is_local(host: str | None, share: bool = False) -> bool:
    """Whether only this machine's own browsers reach the page: a loopback address, no Space, no shared address."""
    if share or os.environ.get("SPACE_ID"):
        return False
    if not host or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
