"""How much a request may send: uploads have the limit of the page, everything else is JSON that is held in memory at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradio.route_utils import API_PREFIX
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 10_000_000  # bytes; as Python objects up to twenty times as much
TOO_LARGE = f"The request is larger than {LARGEST_BODY // 1_000_000} MB; send files to {API_PREFIX}/upload."


class LimitedBody:
    """ASGI middleware that refuses larger bodies than `LARGEST_BODY`, but of uploads."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/").endswith(f"{API_PREFIX}/upload"):
            await self.app(scope, receive, send)
            return
        said = dict(scope["headers"]).get(b"content-length", b"0")
        if said.isdigit() and int(said) > LARGEST_BODY:
            await JSONResponse({"detail": TOO_LARGE}, 413)(scope, receive, send)
            return
        count = 0

        async def limited() -> Message:
            nonlocal count
            message = await receive()
            count += len(message.get("body", b""))
            if count > LARGEST_BODY:  # of a body that comes in chunks, without its size
                raise ValueError(TOO_LARGE)
            return message

        await self.app(scope, limited, send)
