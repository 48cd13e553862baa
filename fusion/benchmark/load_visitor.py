"""A visitor without a browser: reads the page's description, uploads files, and speaks Gradio's queue protocol over HTTP."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

EMPTY = {"on": True, "severity": 0, "source": "none", "example": "", "text": "", "path": "", "name": "", "strokes": []}


@dataclass(frozen=True)
class Event:
    """One event of the page: which function it calls, and the components that it reads and writes, by element id."""

    index: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class PageDescription:
    """What /config says of a page: its events, and the values that its components start with."""

    def __init__(self, config: dict[str, Any]) -> None:
        components = {c["id"]: c["props"] for c in config["components"]}
        names = {i: props.get("elem_id") or str(i) for i, props in components.items()}
        self.values = {names[i]: props.get("value") for i, props in components.items()}
        self._events: dict[tuple[str, str], Event] = {}
        for dependency in config["dependencies"]:
            inputs = tuple(names.get(i, str(i)) for i in dependency["inputs"])
            outputs = tuple(names.get(i, str(i)) for i in dependency["outputs"])
            for target, kind in dependency["targets"]:
                self._events.setdefault((names.get(target, ""), kind), Event(dependency["id"], inputs, outputs))

    def event(self, element: str, kind: str = "input") -> Event:
        """The event of a component; KeyError where the page has none."""
        return self._events[element, kind]


class Refused(Exception):
    """The server did not take the request: the queue is full, or the page is closed for it."""


class Failed(Exception):
    """The request ended without a result; the message says how."""


class Visitor:
    """One session on the page."""

    def __init__(self, client: httpx.AsyncClient, page: PageDescription) -> None:
        self.client, self.page, self.session = client, page, uuid.uuid4().hex[:10]
        self.values = dict(page.values)

    async def upload(self, name: str, data: bytes) -> str:
        """The server's path of an uploaded file."""
        reply = await self.client.post("/gradio_api/upload", files={"files": (name, data)})
        if reply.status_code != 200:
            raise Refused(f"upload: {reply.status_code}")
        path: str = reply.json()[0]
        return path

    def set_slot(self, modality: str, **settings: Any) -> None:
        self.values[f"fl-slot-{modality}"] = json.dumps(EMPTY | settings)

    async def act(self, element: str, kind: str = "input") -> dict[str, Any]:
        """Triggers an event with all values; {element id: new value} of its outputs."""
        event = self.page.event(element, kind)
        body = {
            "data": [self.values.get(name) for name in event.inputs],
            "fn_index": event.index,
            "session_hash": self.session,
            "event_data": None,
            "trigger_id": None,
        }
        reply = await self.client.post("/gradio_api/queue/join", json=body)
        if reply.status_code != 200:
            raise Refused(f"join: {reply.status_code} {reply.text[:200]}")
        data = await self._finished(reply.json()["event_id"])
        return dict(zip(event.outputs, data, strict=False))

    async def _finished(self, event_id: str) -> list[Any]:
        async with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data:"):
                    continue
                message = json.loads(line[5:])
                if message["msg"] == "process_completed" and message.get("event_id") == event_id:
                    if not message.get("success"):
                        raise Failed(str(message.get("output"))[:200])
                    values: list[Any] = message["output"]["data"]
                    return values
                if message["msg"] in ("close_stream", "unexpected_error"):
                    raise Failed(message["msg"])
        raise Failed("the stream ended")


def plain(value: Any) -> Any:
    """A component's new value, with or without the wrapping of an update, read from JSON."""
    if isinstance(value, dict) and "__type__" in value:
        value = value.get("value")
    return json.loads(value) if isinstance(value, str) else value
