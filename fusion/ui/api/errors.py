"""Answers calls of unknown endpoints, and uploads for which there is no room: gradio would answer "Internal Server Error"."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable

from gradio.route_utils import API_PREFIX, FnIndexInferError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Handler = Callable[[Request, Exception], Awaitable[Response]]
INFO = f"{API_PREFIX}/info"
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # a full disk, a used-up quota, a disk that is read only


async def wrong_call(request: Request, error: Exception) -> Response:
    """404 for a name that is no endpoint, 422 for a parameter that the endpoint does not have; all other errors are passed on."""
    if not request.url.path.startswith(f"{API_PREFIX}/call/"):
        raise error
    if isinstance(error, TypeError):
        return JSONResponse({"detail": f"The endpoint has no such parameter; {INFO} lists them."}, 422)
    return JSONResponse({"detail": f"There is no endpoint of this name; {INFO} lists them."}, 404)


async def no_room(request: Request, error: Exception) -> Response:
    """507 where the server cannot write a file; all other errors are passed on."""
    if not isinstance(error, OSError) or error.errno not in NO_ROOM:
        raise error
    return JSONResponse({"detail": "The server has no room for the file."}, 507)


EXCEPTION_HANDLERS: dict[type[Exception], Handler] = {
    **dict.fromkeys((TypeError, KeyError, FnIndexInferError), wrong_call),
    OSError: no_room,
}
