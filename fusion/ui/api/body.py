"""How much a request may send: uploads have the limit of the page, everything else is JSON that is held in memory at once.

Also the language in which a request wants its errors: that of its body, as of every endpoint, else that of its header `Accept-Language`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gradio.route_utils import API_PREFIX
from starlette.responses import JSONResponse

from fusion.messages import message
from fusion.ui.i18n import LANGUAGES, pick_language, say

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 10_000_000  # bytes; as Python objects up to twenty times as much
LARGEST_KEPT = 100_000  # bytes of a body that is kept until the request is answered, to read the language from
KEPT = "fusion.body"  # its place in the scope of the request
TOO_LARGE = message(
    "The request is larger than {count} MB; send files to {address}.", count=LARGEST_BODY // 1_000_000, address=f"{API_PREFIX}/upload"
)


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
            await JSONResponse({"detail": say(TOO_LARGE, language_of(scope))}, 413)(scope, receive, send)
            return
        count = 0
        kept = scope[KEPT] = bytearray()

        async def limited() -> Message:
            nonlocal count
            message = await receive()
            body = message.get("body", b"")
            count += len(body)
            if count > LARGEST_BODY:  # of a body that comes in chunks, without its size
                raise ValueError(str(TOO_LARGE))
            if count <= LARGEST_KEPT:
                kept.extend(body)
            return message

        await self.app(scope, limited, send)


def language_of(scope: Scope) -> str:
    """The language in which a request wants its errors, see above; English where it names none that the page has."""
    try:
        asked = json.loads(scope.get(KEPT) or b"{}")
    except (ValueError, RecursionError):  # no JSON, or only the beginning of it
        asked = {}
    language = asked.get("language") if isinstance(asked, dict) else None
    if language in LANGUAGES:
        return str(language)
    return pick_language(dict(scope["headers"]).get(b"accept-language", b"").decode("latin-1"))
