"""Answers calls of unknown endpoints: gradio would answer "Internal Server Error" and log a traceback."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from gradio.route_utils import API_PREFIX, FnIndexInferError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Handler = Callable[[Request, Exception], Awaitable[Response]]
INFO = f"{API_PREFIX}/info"


async def wrong_call(request: Request, error: Exception) -> Response:
    """404 for a name that is no endpoint, 422 for a parameter that the endpoint does not have; all other errors are passed on."""
    if not request.url.path.startswith(f"{API_PREFIX}/call/"):
        raise error
    if isinstance(error, TypeError):
        return JSONResponse({"detail": f"The endpoint has no such parameter; {INFO} lists them."}, 422)
    return JSONResponse({"detail": f"There is no endpoint of this name; {INFO} lists them."}, 404)


EXCEPTION_HANDLERS: dict[type[Exception], Handler] = dict.fromkeys((TypeError, KeyError, FnIndexInferError), wrong_call)
