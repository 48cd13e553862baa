"""The Fuse page: inputs left, flow in the middle, prediction right, and below it what happened inside.

`layout` places the components, `wire` connects them to `Handlers`, which are plain functions of component values.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from fusion.types import FusionError
from fusion.ui import readers
from fusion.ui.desk import FIRST_STRATEGY, Answer, Desk, Desks
from fusion.ui.state import PageState
from fusion.ui.views import export, media, seen, strategies
from fusion.ui.views.component import view

logger = logging.getLogger(__name__)
SKIP = object()  # an output that stays as it is; a plain value, so that handlers can be tested without a page


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
    readers: gr.HTML
    training: gr.HTML

    @property
    def values(self) -> list[gr.HTML]:
        """What a visitor has set, in the order that `PageState.read` takes."""
        return [*self.slots.values(), self.task, self.strategy, self.language, self.tabs, self.readers]


class Handlers:
    """What happens on each event; every method takes and returns plain values in the order `wire` names."""

    def __init__(self, desks: Desks) -> None:
        self.desks, self.modalities = desks, desks.modalities
        self._count = itertools.count(1)

    def first(self) -> tuple[PageState, str]:
        """The worked example a visitor finds, and its result."""
        state = PageState.read(self.modalities, [*("" for _ in self.modalities), "", FIRST_STRATEGY, "en", "", ""])
        state, _ = self._at_task(state)
        return state, self.result(state)

    def edited(self, *values: Any) -> tuple[str, str]:
        """An input or an encoder changed: result, export."""
        state = PageState.read(self.modalities, values)
        return self.result(state), self.pack(state)

    def example(self, name: Any, *values: Any) -> tuple[Any, ...]:
        """An example was chosen: the slots, result, export."""
        try:
            state = self._with_example(PageState.read(self.modalities, values), str(name))
        except FusionError as error:
            return *(SKIP for _ in self.modalities), self._failed({"text": str(error)}), SKIP
        return *(state.slots[m].json() for m in self.modalities), self.result(state), self.pack(state)

    def switched(self, *values: Any) -> tuple[Any, ...]:
        """Another task was chosen; its first example is shown: the slots, example, result, export."""
        try:
            state, example = self._at_task(PageState.read(self.modalities, values))
        except FusionError as error:
            return *(SKIP for _ in self.modalities), SKIP, self._failed({"text": str(error)}), SKIP
        except Exception:
            logger.exception("The task %s cannot be opened", values[len(self.modalities)])
            return *(SKIP for _ in self.modalities), SKIP, self._failed({"key": "status.unexpected"}), SKIP
        return *(state.slots[m].json() for m in self.modalities), example, self.result(state), self.pack(state)

    def looked(self, *values: Any) -> str:
        """Strategy, language, tab or an encoder that is looked into changed, which the browser draws by itself: export."""
        return self.pack(PageState.read(self.modalities, values))

    def opened(self, query: str | None, languages: str, *values: Any) -> tuple[Any, ...]:
        """The page was opened, perhaps by a link: slots, task, strategy, language, tabs, readers, example, result, export."""
        state = PageState.from_query(self.modalities, query) if query else None
        if state is None:
            if not languages.strip().lower().startswith("zh"):
                return (SKIP,) * (len(self.modalities) + 8)
            state = replace(PageState.read(self.modalities, values), language="zh")
            return *(SKIP for _ in self.modalities), SKIP, SKIP, state.language, SKIP, SKIP, SKIP, SKIP, self.pack(state, touched=False)
        state = replace(state, task=self.desks.task(state.task))
        result = self.result(state)  # says why, should its lab not load
        if self.desks.loaded(state.task):
            state = replace(state, strategy=self.desks[state.task].strategy(state.strategy))
        reading = _json({"choice": state.readers})
        slots = (state.slots[m].json() for m in self.modalities)
        return *slots, state.task, state.strategy, state.language, state.view(), reading, "", result, self.pack(state)

    def result(self, state: PageState) -> str:
        """JSON for all views; where there is no result, only the status that says why."""
        desk = None
        try:
            desk = self.desks.open(self.desks.task(state.task), state.readers)
            answer = desk.answer(state)
            if answer is None:
                return self._failed({"key": "status.empty"}, desk, "empty")
            payload = result_payload(desk.lab, answer) | {"soundtrack": state.slots["audio"].source == "clip" and "audio" in answer.media}
            if not desk.lab.strategies:
                payload["status"] = {"kind": "untrained", "key": "status.untrained"}
            return _json({"id": next(self._count), "lab": about(desk)} | payload)
        except FusionError as error:
            return self._failed({"text": str(error)}, desk)
        except Exception:
            logger.exception("An input of %s could not be answered", {m: s.source for m, s in state.slots.items()})
            return self._failed({"key": "status.unexpected"}, desk)

    def pack(self, state: PageState, touched: bool = True) -> str:
        """JSON for the export view; `touched` puts the link into the address bar."""
        task = self.desks.task(state.task)
        desk = self.desks[task] if self.desks.loaded(task) else None
        code = export.snippet(replace(state, task=task), desk.lab.modalities, desk.pen) if desk else ""
        return _json({"query": state.query(), "snippet": code, "touched": touched})

    def _failed(self, said: dict[str, str], desk: Desk | None = None, kind: str = "error") -> str:
        """Only a status; its number makes two equal ones differ, so that the browser notices the second."""
        where = {"lab": about(desk)} if desk else {}
        return _json({"id": next(self._count), "status": {"kind": kind} | said} | where)

    def _at_task(self, state: PageState) -> tuple[PageState, str]:
        """The state's task with its first example in the slots, and that example's name."""
        task = self.desks.task(state.task)
        desk = self.desks[task]
        state, example = replace(state, task=task, strategy=desk.strategy(state.strategy)), next(iter(desk.examples), "")
        try:
            return self._with_example(state, example), example
        except FusionError:
            logger.exception("The first example of %s cannot be made", task)
            return state, ""

    def _with_example(self, state: PageState, name: str) -> PageState:
        desk = self.desks[self.desks.task(state.task)]
        if name not in desk.examples:
            return state
        return state.with_example(name, desk.example(name), desk.examples[name].severity)


def about(desk: Desk) -> dict[str, Any]:
    """The task, its lab, its examples, and the encoders that could be chosen instead, for all views."""
    return strategies.describe_lab(desk.lab, desk.examples, desk.pen) | {"first": desk.strategy(""), "readers": readers.offers(desk)}


def result_payload(lab: Any, answer: Answer) -> dict[str, Any]:
    """All views' data of one answer."""
    rows = strategies.rows(lab, answer.predictions)
    return {
        "status": {"kind": "ok", "notes": list(answer.notes)},
        "labels": list(lab.labels),
        "strategies": rows,
        "tally": strategies.tally(rows),
        "strangers": strategies.strangers(rows),
        "modalities": strategies.modalities(lab, answer.seen),
        "encode_seconds": sum(s.seconds for s in answer.seen.values()),
        "media": media.previews(answer.media),
        "seen": seen.panels(answer.seen, answer.media, colour=not strategies.draws(lab.task)),
        "attention": seen.attention(answer.predictions),
        "export": export.files(lab, answer.predictions),
    }


def _json(value: dict[str, Any]) -> str:
    """Compact JSON without `<`: nothing in it can look like markup to anyone on the way."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=float).replace("<", "\\u003c")


def layout(handlers: Handlers) -> FusePage:
    """Places all components; an example is computed and shown before anyone clicks."""
    desks, (state, result) = handlers.desks, handlers.first()
    bus = view("result", result, strategy=state.strategy, slots=len(state.slots))
    language = view("header", state.language)
    tabs = view("tabs", state.view())
    task = view("tasks", state.task, tasks=_json({"tasks": strategies.describe_tasks(desks)}))
    examples = view("examples", next(iter(desks[state.task].examples), ""))
    view("status")
    with gr.Column(elem_id="fl-page-fuse"):
        with gr.Row(elem_id="fl-columns"):
            with gr.Column():
                slots = {m: view("slot", slot.json(), modality=m) for m, slot in state.slots.items()}
                reading = view("readers", _json({"choice": state.readers}))
                training = view("training")
            with gr.Column():
                strategy = view("strategies", state.strategy)
                view("diagram", frame=True)
                view("shares", frame=True)
            with gr.Column():
                view("outcome", frame=True)
                view("table", frame=True)
        view("seen", frame=True)
        view("attention", frame=True)
        pack = view("export", handlers.pack(state, touched=False), frame=True)
    return FusePage(slots, task, examples, strategy, language, bus, pack, tabs, reading, training)


def wire(page: FusePage, handlers: Handlers, blocks: gr.Blocks) -> None:
    """Connects events. Everything that runs a model waits in one line; what only formats does not wait."""

    def outputs(found: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(gr.skip() if value is SKIP else value for value in found)

    slots = list(page.slots.values())
    values = page.values
    heavy: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": 1, "show_progress": "hidden", "api_visibility": "private"}
    light: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private", "trigger_mode": "always_last"}
    for slot in slots:
        slot.input(handlers.edited, values, [page.result, page.export], trigger_mode="always_last", **heavy)
    shown = [*slots, page.result, page.export]
    page.examples.input(
        lambda *given: outputs(handlers.example(*given)), [page.examples, *values], shown, trigger_mode="always_last", **heavy
    )
    switched = [*slots, page.examples, page.result, page.export]
    page.task.input(lambda *given: outputs(handlers.switched(*given)), values, switched, trigger_mode="always_last", **heavy)

    page.readers.input(handlers.edited, values, [page.result, page.export], trigger_mode="always_last", **heavy)
    for chooser in (page.strategy, page.language, page.tabs):
        chooser.input(handlers.looked, values, page.export, **light)

    def opened(request: gr.Request, *current: Any) -> tuple[Any, ...]:
        found = handlers.opened(request.query_params.get("s"), request.headers.get("accept-language", ""), *current)
        *front, result, pack = outputs(found)
        if found[len(slots)] is not SKIP:  # the receiver of results tells all views the strategy
            result = gr.update(value=result, strategy=found[len(slots) + 1])
        return *front, result, pack

    blocks.load(opened, values, [*values, page.examples, page.result, page.export], **heavy)
