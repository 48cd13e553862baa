"""The endpoints as tools of an MCP server (Model Context Protocol): `python app.py --mcp`, with requirements-mcp.txt installed.

Gradio makes a tool of each public endpoint, and calls it through a client of its own, which runs in this process: it would open every
local path that a caller marks as a file. So the marks are taken away, and the endpoint judges the bare path as it does for others.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import Any

from gradio.processing_utils import save_base64_to_cache
from gradio.utils import get_upload_folder

from fusion.types import FusionError
from fusion.ui.api.inputs import UPLOAD_ROUTE
from fusion.ui.i18n import say

DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(;[\w.+-]+=[\w.+-]+)*;base64,", re.ASCII)
LARGEST_DATA = 8_000_000  # characters
HOW = f" Give the address of an upload to {UPLOAD_ROUTE} of this server, or a data URL."
MISSING = "The option --mcp needs one more package: pip install -r requirements-mcp.txt."


def prepare() -> None:
    """Makes gradio start a `CheckedServer` instead of its own server, wherever it is asked for one.

    Raises:
        FusionError: the package `mcp` is not installed.
    """
    try:
        import gradio.mcp
        import mcp  # noqa: F401
    except ImportError as error:
        raise FusionError(MISSING) from error
    if gradio.mcp.GradioMCPServer.__name__ == "CheckedServer":  # prepared before
        return

    class CheckedServer(gradio.mcp.GradioMCPServer):
        """Files are addresses of uploads or data URLs, never paths that are opened here; answers are JSON."""

        def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
            files = {str(position[0]) for position in filedata_positions if len(position) == 1}
            try:
                return with_files(value, files, self._save)
            except FusionError as error:
                raise FusionError(say(error.message, value.get("language"))) from error

        def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
            return [self.types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False)) for answer in data]

        def get_input_schema(self, tool_name: str, parameters: dict[str, str] | None = None) -> tuple[dict[str, Any], list[Any]]:
            schema, positions = super().get_input_schema(tool_name, parameters)
            for described in schema["properties"].values():
                described.pop("additional_description", None)  # the description once more
                if described.pop("format", None):
                    del described["required"]
                    described["description"] += HOW
            return schema | {"additionalProperties": False}, positions

        @property
        def _file_data_tool_description(self) -> str:
            return ""  # every file says how it is given

        def _save(self, data: str) -> str:
            path = save_base64_to_cache(data, get_upload_folder())
            self.blocks.upload_file_set.add(path)  # is deleted like every upload
            return path

    gradio.mcp.GradioMCPServer = CheckedServer  # type: ignore[misc]


def with_files(arguments: dict[str, Any], files: set[str], save: Callable[[str], str]) -> dict[str, Any]:
    """The arguments of a tool as an endpoint takes them: a file is {"path"}, and nothing carries a mark that makes a client open it.

    Args:
        files: names of the arguments that are files.
        save: stores a data URL among the uploads, and returns its path.

    Raises:
        FusionError: a data URL is damaged or too long, in one sentence.
    """
    bare = {name: _without_marks(value) for name, value in arguments.items()}
    for name in files & bare.keys():
        if isinstance(bare[name], str):
            bare[name] = {"path": _path(name, bare[name], save)}
    return bare


def _path(name: str, address: str, save: Callable[[str], str]) -> str:
    if not address.startswith("data:"):
        return address
    if len(address) > LARGEST_DATA:
        raise FusionError("{name} is too long for a data URL; send it to {address}.", name=name, address=UPLOAD_ROUTE)
    try:
        front = DATA_URL.match(address)
        if not front or not base64.b64decode(address[front.end() :], validate=True):
            raise ValueError("no data in base64")
        return save(address)
    except ValueError as error:
        raise FusionError("{name} is not a data URL in base64.", name=name) from error


def _without_marks(value: Any) -> Any:
    """The same JSON without any `meta`, which is how a client tells a file."""
    if isinstance(value, dict):
        return {key: _without_marks(item) for key, item in value.items() if key != "meta"}
    return [_without_marks(item) for item in value] if isinstance(value, list) else value
