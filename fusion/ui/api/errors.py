"""Answers calls of unknown endpoints, and uploads for which there is no room: gradio would answer "Internal Server Error"."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable

from gradio.route_utils import API_PREFIX, FnIndexInferError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from fusion.messages import Message, message
from fusion.ui.api.body import language_of
from fusion.ui.i18n import say

Handler = Callable[[Request, Exception], Awaitable[Response]]
INFO = f"{API_PREFIX}/info"
NO_PARAMETER = message("The endpoint has no such parameter; {address} lists its parameters.", address=INFO)
NO_ENDPOINT = message("There is no endpoint with this name; {address} lists all of them.", address=INFO)
FULL = message("The server has no space left for the file.")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # a full disk, a used-up quota, a disk that is read only


def answer(request: Request, sentence: Message, status: int) -> JSONResponse:
    """A sentence in the language of the request."""
    return JSONResponse({"detail": say(sentence, language_of(request.scope))}, status)


async def wrong_call(request: Request, error: Exception) -> Response:
    """404 for a name that is no endpoint, 422 for a parameter that the endpoint does not have; all other errors are passed on."""
    if not request.url.path.startswith(f"{API_PREFIX}/call/"):
        raise error
    if isinstance(error, TypeError):
        return answer(request, NO_PARAMETER, 422)
    return answer(request, NO_ENDPOINT, 404)


async def no_room(request: Request, error: Exception) -> Response:
    """507 where the server cannot write a file; all other errors are passed on."""
    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        raise error
    return answer(request, FULL, 507)


EXCEPTION_HANDLERS: dict[type[Exception], Handler] = {
    **dict.fromkeys((TypeError, KeyError, FnIndexInferError), wrong_call),
    OSError: no_room,
}
