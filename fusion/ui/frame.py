"""What stands around the tabs: header, tabs, tasks, examples, status, and what carries questions and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from fusion.messages import message
from fusion.ui.component import view
from fusion.ui.events import MODEL
from fusion.ui.pages.base import Page
from fusion.ui.pages.fuse.handlers import Handlers
from fusion.ui.pages.fuse.strategy_rows import describe_tasks
from fusion.ui.serialize import to_json


class Frame:
    """The components that all tabs share; made inside of `gr.Blocks`.

    `result` gets the JSON of all views. `values` are the components of what a visitor has set, in the order that `PageState.read` takes;
    the Fuse page, which has most of them, fills the list.
    """

    values: list[gr.HTML]

    def __init__(self, handlers: Handlers, tabs: Mapping[str, type[Page]]) -> None:
        self.handlers = handlers
        self.state, result = handlers.first()  # an example is computed and shown before anyone clicks
        services, slots = handlers.services, self.state.slots
        unavailable = {name: message(reason).to_json() for name, reason in services.unavailable.items()}
        titles = [{"name": name, "title": tab.title} for name, tab in tabs.items()]
        tasks = to_json({"tasks": describe_tasks(services), "unavailable": unavailable})
        self.result = view("result", result, strategy=self.state.strategy, slots=len(slots))
        self.held, self.details = view("held"), view("details")
        self.language = view("header", self.state.language)
        self.tabs = view("tabs", self.state.view(), tabs=to_json({"tabs": titles}))
        self.task = view("tasks", self.state.task, tasks=tasks)
        self.examples = view("examples", next((slot.example for slot in slots.values() if slot.example), ""))
        view("status")

    def wire(self, blocks: gr.Blocks) -> None:
        """Connects events. Everything that runs a model waits in one line; what only formats does not wait."""
        handlers, values = self.handlers, self.values

        def example(name: Any, *given: Any) -> str:
            *values, held = given
            return handlers.example(name, *values, held=held).reply(values, filling=True)

        def task(*given: Any) -> str:
            *values, held = given
            return handlers.switched(*values, held=held).reply(values, filling=True)

        def opened(request: gr.Request, *values: Any) -> str:
            languages = request.headers.get("accept-language", "")
            return handlers.opened(request.query_params.get("s"), languages, *values).reply(values, filling=True)

        last: dict[str, Any] = {"trigger_mode": "always_last"}
        self.examples.input(example, [self.examples, *values, self.held], self.result, **last, **MODEL)
        self.task.input(task, [*values, self.held], self.result, **last, **MODEL)
        self.details.input(handlers.details, [self.details, *values], self.details, trigger_mode="multiple", **MODEL)
        blocks.load(opened, values, self.result, **MODEL)
