"""The API: public, named, typed endpoints beside the page, with the page's labs and limits.

functions.py has the endpoints as plain functions, parameters.py what they take; inputs.py and answers.py have the types.
endpoints.py registers them with gradio, blocks.py keeps their schemas apart from the page, errors.py answers calls that reach none of
them, body.py limits what a request may send, mcp_server.py offers them as tools.
"""

from fusion.ui.api.blocks import PublicBlocks
from fusion.ui.api.body import LimitedBody
from fusion.ui.api.endpoints import register
from fusion.ui.api.errors import EXCEPTION_HANDLERS

__all__ = ["EXCEPTION_HANDLERS", "LimitedBody", "PublicBlocks", "register"]
