"""The Fuse page: inputs left, flow in the middle, prediction right, and below it what happened inside.

`layout` places the components, `wire` connects them to `Handlers`, which are plain functions of component values.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from fusion.encoder_choice import is_compact
from fusion.messages import message
from fusion.types import FusionError
from fusion.ui import readers
from fusion.ui.desk import AT_ONCE, FIRST_STRATEGY, Desk, Desks
from fusion.ui.links import read_link
from fusion.ui.state import MAX_NAME, PageState, from_browser, plain
from fusion.ui.views import export, payload, strategies
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
    held: gr.HTML
    details: gr.HTML
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

    def edited(self, *values: Any, held: Any = "") -> tuple[str, str]:
        """An input or an encoder changed: result, export.

        `held` is a JSON list of the marks of media that the browser holds (see `views.payload`).
        """
        state = PageState.read(self.modalities, values)
        return self.result(state, held), self.pack(state)

    def details(self, ask: Any, *values: Any) -> str:
        """What was not sent with the result, now that somebody looks at it.

        Args:
            ask: JSON {"number", "strategy": whose attention and place, or "export": "json" or "csv"}.

        Returns:
            JSON {"number", "answer": which answer it is of, "details" or "export"}; without the last two where there is no answer.
        """
        ask = from_browser(ask)
        said: dict[str, Any] = {"number": ask["number"] if isinstance(ask.get("number"), int) else 0}
        try:
            state = PageState.read(self.modalities, values)
            desk = self.desks.open(self.desks.task(state.task), state.readers)
            answer = desk.answer(state)
            if answer is not None:
                said["answer"] = answer.mark
                if ask.get("export") in payload.EXPORTS:
                    said["export"] = payload.EXPORTS[ask["export"]](desk.lab, answer.predictions)
                elif ask.get("strategy") in answer.predictions:
                    said |= {"strategy": ask["strategy"], "details": payload.details(answer.predictions[ask["strategy"]])}
        except FusionError:
            pass  # the result says what is wrong with the input
        except Exception:
            logger.exception("The details of an answer could not be given")
        return _json(said)

    def example(self, name: Any, *values: Any, held: Any = "") -> tuple[Any, ...]:
        """An example was chosen: the slots, result, export."""
        try:
            state = self._with_example(PageState.read(self.modalities, values), plain(name, MAX_NAME))
        except FusionError as error:
            return *(SKIP for _ in self.modalities), self._failed({"text": error.message.to_json()}), SKIP
        return *(state.slots[m].json() for m in self.modalities), self.result(state, held), self.pack(state)

    def switched(self, *values: Any, held: Any = "") -> tuple[Any, ...]:
        """Another task was chosen; its first example is shown: the slots, example, result, export."""
        try:
            state, example = self._at_task(PageState.read(self.modalities, values))
        except FusionError as error:
            return *(SKIP for _ in self.modalities), SKIP, self._failed({"text": error.message.to_json()}), SKIP
        except Exception:
            logger.exception("The task %s cannot be opened", values[len(self.modalities)])
            return *(SKIP for _ in self.modalities), SKIP, self._failed({"key": "status.unexpected"}), SKIP
        return *(state.slots[m].json() for m in self.modalities), example, self.result(state, held), self.pack(state)

    def looked(self, *values: Any) -> str:
        """Strategy, language, tab or an encoder that is looked into changed, which the browser draws by itself: export."""
        return self.pack(PageState.read(self.modalities, values))

    def opened(self, query: str | None, languages: str, *values: Any) -> tuple[Any, ...]:
        """The page was opened, perhaps by a link: slots, task, strategy, language, tabs, readers, example, result, export."""
        state = read_link(self.desks, query)[0] if query else None
        if state is None:
            if not languages.strip().lower().startswith("zh"):
                return (SKIP,) * (len(self.modalities) + 8)
            state = replace(PageState.read(self.modalities, values), language="zh")
            return *(SKIP for _ in self.modalities), SKIP, SKIP, state.language, SKIP, SKIP, SKIP, SKIP, self.pack(state, touched=False)
        try:
            state = replace(state, task=self.desks.task(state.task))
        except FusionError as error:  # of another version, or misspelt: what is shown stays, with a word
            return *(SKIP for _ in range(len(self.modalities) + 6)), self._failed({"text": error.message.to_json()}), SKIP
        result = self.result(state)  # says why, should its lab not load
        if self.desks.loaded(state.task):
            state = replace(state, strategy=self.desks[state.task].strategy(state.strategy))
        reading = _json({"choice": state.readers})
        slots = (state.slots[m].json() for m in self.modalities)
        return *slots, state.task, state.strategy, state.language, state.view(), reading, "", result, self.pack(state)

    def arrived(self, query: str | None, languages: str, *values: Any) -> str:
        """What `opened` finds as one reply, with a notice for each thing that a link asks for in vain."""
        *slots, task, strategy, language, view, reading, example, result, pack = self.opened(query, languages, *values)
        named = {"task": task, "strategy": strategy, "language": language, "view": view, "readers": reading, "example": example}
        fill = as_fill(self.modalities, slots, **named) or {}
        state, notices = read_link(self.desks, query) if query else (None, [])
        if state is not None:  # language and page hold even where there is no such task
            fill = {"language": state.language, "view": state.view()} | fill
        reply = as_reply(values, result, pack, fill)
        return extended(reply, {"notices": notices}) if notices else reply

    def result(self, state: PageState, held: Any = "") -> str:
        """JSON for all views; where there is no result, only the status that says why."""
        desk = None
        try:
            desk = self.desks.open(self.desks.task(state.task), state.readers)
            answer = desk.answer(state)
            if answer is None:
                return self._failed({"key": "status.empty"}, desk, "empty")
            shown = payload.result(desk, answer, state.strategy, marks_of(held))
            shown["soundtrack"] = state.slots["audio"].source == "clip" and "audio" in answer.media
            if desk.lab.untrained and not is_compact(desk.lab.task, desk.lab.choice):  # others are trained with a data folder only
                shown["status"] = {"kind": "untrained", "key": "status.untrained_some" if desk.lab.models else "status.untrained"}
            return _json({"id": next(self._count), "lab": about(desk)} | shown)
        except FusionError as error:
            return self._failed({"text": error.message.to_json()}, desk)
        except Exception:
            logger.exception("An input of %s could not be answered", {m: s.source for m, s in state.slots.items()})
            return self._failed({"key": "status.unexpected"}, desk)

    def pack(self, state: PageState, touched: bool = True) -> str:
        """JSON for the export view; `touched` puts the link into the address bar."""
        try:
            task = self.desks.task(state.task)
        except FusionError:
            return _json({"query": state.query(), "snippet": "", "touched": touched})
        desk = self.desks[task] if self.desks.loaded(task) else None
        code = export.snippet(replace(state, task=task), desk.lab.modalities, desk.pen) if desk else ""
        return _json({"query": state.query(), "snippet": code, "touched": touched})

    def _failed(self, said: dict[str, Any], desk: Desk | None = None, kind: str = "error") -> str:
        """Only a status; its number makes two equal ones differ, so that the browser notices the second."""
        where = {"lab": about(desk)} if desk else {}
        return _json({"id": next(self._count), "status": {"kind": kind} | said} | where)

    def _at_task(self, state: PageState) -> tuple[PageState, str]:
        """The state's task with its first example in the slots, and that example's name."""
        task = self.desks.task(state.task)
        desk = self.desks[task]
        state = replace(state, task=task, strategy=desk.strategy(state.strategy))
        for example in desk.examples:
            try:
                return self._with_example(state, example), example
            except FusionError as error:  # said to whoever chooses it
                logger.warning("The example %s of %s cannot be made: %s", example, task, error)
        return state, ""

    def _with_example(self, state: PageState, name: str) -> PageState:
        desk = self.desks[self.desks.task(state.task)]
        if name not in desk.examples:
            return state
        return state.with_example(name, desk.example(name), desk.examples[name].severity)


def about(desk: Desk) -> dict[str, Any]:
    """The task, its lab, its examples, and the encoders that could be chosen instead, for all views."""
    return strategies.describe_lab(desk.lab, desk.examples, desk.pen) | {"first": desk.strategy(""), "readers": readers.offers(desk)}


def marks_of(held: Any) -> set[str]:
    """The marks in a JSON list of the browser; anything else is empty."""
    try:
        held = json.loads(held) if isinstance(held, str) and held else held
    except (ValueError, RecursionError):
        return set()
    return {mark for mark in held if isinstance(mark, str)} if isinstance(held, list) else set()


def _json(value: dict[str, Any]) -> str:
    """Compact JSON without `<`: nothing in it can look like markup to anyone on the way."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=float).replace("<", "\\u003c")


def layout(handlers: Handlers) -> FusePage:
    """Places all components; an example is computed and shown before anyone clicks."""
    desks, (state, result) = handlers.desks, handlers.first()
    bus = view("result", result, strategy=state.strategy, slots=len(state.slots))
    held, details = view("held"), view("details")
    language = view("header", state.language)
    tabs = view("tabs", state.view())
    unavailable = {name: message(reason).to_json() for name, reason in desks.unavailable.items()}
    task = view("tasks", state.task, tasks=_json({"tasks": strategies.describe_tasks(desks), "unavailable": unavailable}))
    examples = view("examples", next((slot.example for slot in state.slots.values() if slot.example), ""))
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

    edits = [*(slot.input for slot in slots), page.readers.input]
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


def numbers_of(values: Sequence[Any]) -> dict[str, int]:
    """{"act", "filled"}: which of the visitor's acts a request knows (see `assets/acts.js`); it comes with the view."""
    view = from_browser(values[-2])
    return {key: view[key] if isinstance(view.get(key), int) else 0 for key in ("act", "filled")}


def extended(text: str, more: Mapping[str, Any]) -> str:
    """The JSON object `text` with further entries, without reading the whole of it."""
    front = _json(dict(more))[:-1]
    return front + "}" if text == "{}" else f"{front},{text[1:]}"


def as_fill(modalities: Iterable[str], slots: Sequence[Any], **others: Any) -> dict[str, Any] | None:
    """What the browser is to put into the slots and other choices; None where they stay as they are."""
    named = {name: value for name, value in others.items() if value is not SKIP}
    if SKIP not in slots:
        named["slots"] = dict(zip(modalities, slots, strict=True))
    return named or None


def as_reply(values: Sequence[Any], result: Any, pack: Any, *fill: dict[str, Any] | None) -> str:
    """One JSON of all that a request is answered with, so that the browser takes or drops it as a whole."""
    more: dict[str, Any] = numbers_of(values)
    if pack is not SKIP:
        more["pack"] = json.loads(pack)
    if fill:
        more["fill"] = fill[0]
    return extended("{}" if result is SKIP else result, more)
