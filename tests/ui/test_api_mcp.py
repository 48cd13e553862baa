"""The endpoints as tools: tried with a client of the Model Context Protocol where the package is installed."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import app
from fusion.types import FusionError
from fusion.ui.api.mcp_server import LARGEST_DATA, MISSING, with_files
from tests.browser import running
from tests.ui.test_api import NAMES, png

MARK = {"meta": {"_type": "gradio.FileData"}}

SERVE = """
import sys
from fusion.ui.api import mcp_server
from fusion.ui.page import build_page, launch_options
from tests.ui.fake_lab import FakeLab
from tests.ui.fake_registry import FakeRegistry
mcp_server.prepare()
build_page({"digits": FakeLab}, FakeRegistry).launch(**launch_options("127.0.0.1", int(sys.argv[1]), mcp=True))
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("mcp", reason="requirements-mcp.txt is not installed")
    yield from running([sys.executable, "-c", SERVE], tmp_path_factory.mktemp("mcp") / "log.txt")


def session(served: str, use: Callable[[Any], Any]) -> Any:
    """What `use` gives of a session with the server."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def run() -> Any:
        async with streamable_http_client(f"{served}/gradio_api/mcp/") as (read, write, _), ClientSession(read, write) as client:
            await client.initialize()
            return await use(client)

    return asyncio.run(run())


def tool(served: str, name: str, **values: Any) -> tuple[bool, str]:
    """Whether a tool failed, and its text."""
    result = session(served, lambda client: client.call_tool(name, values))
    return result.isError, "".join(content.text for content in result.content)


def test_the_tools_are_the_endpoints(served: str) -> None:
    tools = {tool.name: tool for tool in session(served, lambda client: client.list_tools()).tools}
    assert set(tools) == set(NAMES)
    for tool_ in tools.values():
        assert tool_.description.endswith(".")
        assert all(about["description"].endswith(".") for about in tool_.inputSchema["properties"].values())
    assert tools["predict"].inputSchema["properties"]["image"]["type"] == "string"
    assert "data URL" in tools["predict"].inputSchema["properties"]["image"]["description"]


def test_a_tool_answers_in_json(served: str) -> None:
    failed, text = tool(served, "predict", text="seven", strategy="late", image="data:image/png;base64," + base64.b64encode(png()).decode())
    answer = json.loads(text)
    assert not failed and answer["label"] == "7" and set(answer["weights"]) == {"image", "text"}
    path = httpx.post(f"{served}/gradio_api/upload", files={"files": ("a.png", png())}).json()[0]
    for address in (path, f"{served}/gradio_api/file={path}"):
        assert json.loads(tool(served, "predict", image=address)[1])["label"] == "7"


def test_a_tool_opens_no_file_of_the_server(served: str, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    secret = str(tmp_path / "a.png")
    for values in (
        {"image": secret},
        {"image": f"{served}/gradio_api/file={secret}"},
        {"image": {"path": secret} | MARK},
        {"inputs": {"image": {"path": secret} | MARK}},
        {"inputs": {"image": {"path": secret, "pixels": []} | MARK}},
        {"image": "data:image/png;base64,!"},
        {"text": "bad"},
        {"smell": "a"},
    ):
        failed, text = tool(served, "predict", **values)
        assert failed and "label" not in text


def test_nothing_that_a_tool_is_given_is_marked_as_a_file() -> None:
    given = {"image": "/a", "audio": "data:audio/wav;base64,AAAA", "text": "data:", "video": {"path": "/c"} | MARK}
    wanted = {"image": {"path": "/a"}, "audio": {"path": "/saved"}, "text": "data:", "video": {"path": "/c"}}
    assert with_files(given, {"image", "audio", "video"}, lambda data: "/saved") == wanted
    nested = {"inputs": {"x": [{"path": "/b"} | MARK]}}
    assert with_files(nested, {"image"}, lambda data: "") == {"inputs": {"x": [{"path": "/b"}]}}
    for wrong in ("data:image/png,AAAA", "data:", "data:" + "A" * LARGEST_DATA):
        with pytest.raises(FusionError, match=r"^image is (not a data URL in base64|too long for a data URL; .*)\.$"):
            with_files({"image": wrong}, {"image"}, lambda data: "")


def test_without_the_package_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(SystemExit) as ended:
        app.main(["--mcp"])
    assert ended.value.code == 2 and capsys.readouterr().err == f"{MISSING}\n"
