"""The Fuse page: inputs left, flow in the middle, prediction right, and below it what happened inside.

`layout` places the components, `wire` connects them to the `Handlers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from fusion.messages import message
from fusion.ui.component import view
from fusion.ui.pages.fuse import strategy_rows
from fusion.ui.pages.fuse.handlers import Handlers, _json, as_fill, as_reply, extended, numbers_of
from fusion.ui.service import AT_ONCE


@dataclass(frozen=True)
class FusePage:
    """The components that take part in events."""

    slots: dict[str, gr.HTML]
    task: gr.HTML
    examples: gr.HTML
    strategy: gr.HTML
    language: gr.HTML
    result: gr.HTML
    export: gr.HTML
    tabs: gr.HTML
    encoder_choice: gr.HTML
    held: gr.HTML
    details: gr.HTML
    training: gr.HTML

    @property
    def values(self) -> list[gr.HTML]:
        """What a visitor has set, in the order that `PageState.read` takes."""
        return [*self.slots.values(), self.task, self.strategy, self.language, self.tabs, self.encoder_choice]


def layout(handlers: Handlers) -> FusePage:
    """Places all components; an example is computed and shown before anyone clicks."""
    services, (state, result) = handlers.services, handlers.first()
    bus = view("result", result, strategy=state.strategy, slots=len(state.slots))
    held, details = view("held"), view("details")
    language = view("header", state.language)
    tabs = view("tabs", state.view())
    unavailable = {name: message(reason).to_json() for name, reason in services.unavailable.items()}
    task = view("tasks", state.task, tasks=_json({"tasks": strategy_rows.describe_tasks(services), "unavailable": unavailable}))
    examples = view("examples", next((slot.example for slot in state.slots.values() if slot.example), ""))
    view("status")
    with gr.Column(elem_id="fl-page-fuse"):
        with gr.Row(elem_id="fl-columns"):
            with gr.Column():
                slots = {m: view("slot", slot.json(), modality=m) for m, slot in state.slots.items()}
                reading = view("encoder-choice", _json({"choice": state.encoder_choice}))
                training = view("training")
            with gr.Column():
                strategy = view("strategies", state.strategy)
                view("diagram", frame=True)
                view("shares", frame=True)
            with gr.Column():
                view("outcome", frame=True)
                view("table", frame=True)
        view("encoder-views", frame=True)
        view("attention", frame=True)
        pack = view("export", handlers.pack(state, touched=False), frame=True)
    return FusePage(slots, task, examples, strategy, language, bus, pack, tabs, reading, held, details, training)


def wire(page: FusePage, handlers: Handlers, blocks: gr.Blocks) -> None:
    """Connects events. Everything that runs a model waits in one line; what only formats does not wait."""

    slots = list(page.slots.values())
    values = page.values
    heavy: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": AT_ONCE}
    heavy |= {"show_progress": "hidden", "api_visibility": "private"}
    light = {**heavy, "concurrency_id": "format", "concurrency_limit": None, "trigger_mode": "always_last"}

    def edited(*all_values: Any) -> str:
        *given, held = all_values
        result, pack = handlers.edited(*given, held=held)
        return as_reply(given, result, pack)

    def example(name: Any, *all_values: Any) -> str:
        *given, held = all_values
        *found, result, pack = handlers.example(name, *given, held=held)
        return as_reply(given, result, pack, as_fill(handlers.modalities, found))

    def task(*all_values: Any) -> str:
        *given, held = all_values
        *found, example, result, pack = handlers.switched(*given, held=held)
        return as_reply(given, result, pack, as_fill(handlers.modalities, found, example=example))

    edits = [*(slot.input for slot in slots), page.encoder_choice.input]
    gr.on(edits, edited, [*values, page.held], page.result, trigger_mode="always_last", **heavy)
    page.examples.input(example, [page.examples, *values, page.held], page.result, trigger_mode="always_last", **heavy)
    page.task.input(task, [*values, page.held], page.result, trigger_mode="always_last", **heavy)
    page.details.input(handlers.details, [page.details, *values], page.details, trigger_mode="multiple", **heavy)

    def looked(*given: Any) -> str:
        return extended(handlers.looked(*given), numbers_of(given))

    for chooser in (page.strategy, page.language, page.tabs):
        chooser.input(looked, values, page.export, **light)

    def opened(request: gr.Request, *current: Any) -> str:
        return handlers.arrived(request.query_params.get("s"), request.headers.get("accept-language", ""), *current)

    blocks.load(opened, values, page.result, **heavy)
