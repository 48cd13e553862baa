"""What happens on each event of the Fuse page, as plain functions of component values."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from fusion.choice import is_compact
from fusion.messages import DEFAULT_LANGUAGE
from fusion.types import FusionError
from fusion.ui.i18n import pick_language
from fusion.ui.links import read_link
from fusion.ui.pages.fuse import encoder_choice, export, payload, strategy_rows
from fusion.ui.service import FIRST_STRATEGY, TaskService, TaskServices
from fusion.ui.state import MAX_NAME, PageState, first_of, from_browser, plain

logger = logging.getLogger(__name__)
SKIP = object()  # an output that stays as it is; a plain value, so that handlers can be tested without a page


class Handlers:
    """What happens on each event; every method takes and returns plain values in the order `wire` names."""

    def __init__(self, services: TaskServices) -> None:
        self.services, self.modalities = services, services.modalities
        self._count = itertools.count(1)

    def first(self) -> tuple[PageState, str]:
        """The worked example a visitor finds, and its result."""
        state = PageState.read(self.modalities, [*("" for _ in self.modalities), "", FIRST_STRATEGY, DEFAULT_LANGUAGE, "", ""])
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
            service = self.services.open(self.services.task(state.task), state.encoder_choice)
            answer = service.answer(state)
            if answer is not None:
                said["answer"] = answer.mark
                if ask.get("export") in payload.EXPORTS:
                    said["export"] = payload.EXPORTS[ask["export"]](service.lab, answer.predictions)
                elif ask.get("strategy") in answer.predictions:
                    said |= {"strategy": ask["strategy"], "details": payload.details(service.lab, answer.predictions[ask["strategy"]])}
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
        """The page was opened, perhaps by a link: slots, task, strategy, language, tabs, encoder choice, example, result, export."""
        state = read_link(self.services, query)[0] if query else None
        if state is None:
            language = pick_language(languages)
            if language == DEFAULT_LANGUAGE:
                return (SKIP,) * (len(self.modalities) + 8)
            state = replace(PageState.read(self.modalities, values), language=language)
            return *(SKIP for _ in self.modalities), SKIP, SKIP, state.language, SKIP, SKIP, SKIP, SKIP, self.pack(state, touched=False)
        try:
            state = replace(state, task=self.services.task(state.task))
        except FusionError as error:  # of another version, or misspelt: what is shown stays, with a word
            return *(SKIP for _ in range(len(self.modalities) + 6)), self._failed({"text": error.message.to_json()}), SKIP
        result = self.result(state)  # says why, should its lab not load
        if self.services.loaded(state.task):
            state = replace(state, strategy=self.services[state.task].strategy(state.strategy))
        reading = _json({"choice": state.encoder_choice})
        slots = (state.slots[m].json() for m in self.modalities)
        return *slots, state.task, state.strategy, state.language, state.view(), reading, "", result, self.pack(state)

    def arrived(self, query: str | None, languages: str, *values: Any) -> str:
        """What `opened` finds as one reply, with a notice for each thing that a link asks for in vain."""
        *slots, task, strategy, language, view, reading, example, result, pack = self.opened(query, languages, *values)
        named = {"task": task, "strategy": strategy, "language": language, "view": view, "encoder_choice": reading, "example": example}
        fill = as_fill(self.modalities, slots, **named) or {}
        state, notices = read_link(self.services, query) if query else (None, [])
        if state is not None:  # language and page hold even where there is no such task
            fill = {"language": state.language, "view": state.view()} | fill
        reply = as_reply(values, result, pack, fill)
        return extended(reply, {"notices": notices}) if notices else reply

    def result(self, state: PageState, held: Any = "") -> str:
        """JSON for all views; where there is no result, only the status that says why."""
        service = None
        try:
            service = self.services.open(self.services.task(state.task), state.encoder_choice)
            answer = service.answer(state)
            if answer is None:
                return self._failed({"key": "status.empty"}, service, "empty")
            shown = payload.result(service, answer, state.strategy, marks_of(held))
            film = first_of("video", service.lab.task.kinds)
            shown["soundtracks"] = {m: film for m in answer.media if state.slots[m].source == "clip"}
            if service.lab.untrained and not is_compact(service.lab.task, service.lab.choice):  # others are trained with a data folder only
                shown["status"] = {"kind": "untrained", "key": "status.untrained_some" if service.lab.models else "status.untrained"}
            return _json({"id": next(self._count), "lab": about(service)} | shown)
        except FusionError as error:
            return self._failed({"text": error.message.to_json()}, service)
        except Exception:
            logger.exception("An input of %s could not be answered", {m: s.source for m, s in state.slots.items()})
            return self._failed({"key": "status.unexpected"}, service)

    def pack(self, state: PageState, touched: bool = True) -> str:
        """JSON for the export view; `touched` puts the link into the address bar."""
        try:
            task = self.services.task(state.task)
        except FusionError:
            return _json({"query": state.query(), "snippet": "", "touched": touched})
        service = self.services[task] if self.services.loaded(task) else None
        code = export.snippet(replace(state, task=task), service.lab.task.kinds, service.pen) if service else ""
        return _json({"query": state.query(), "snippet": code, "touched": touched})

    def _failed(self, said: dict[str, Any], service: TaskService | None = None, kind: str = "error") -> str:
        """Only a status; its number makes two equal ones differ, so that the browser notices the second."""
        where = {"lab": about(service)} if service else {}
        return _json({"id": next(self._count), "status": {"kind": kind} | said} | where)

    def _at_task(self, state: PageState) -> tuple[PageState, str]:
        """The state's task with its first example in the slots, and that example's name."""
        task = self.services.task(state.task)
        service = self.services[task]
        state = replace(state, task=task, strategy=service.strategy(state.strategy))
        for example in service.examples:
            try:
                return self._with_example(state, example), example
            except FusionError as error:  # said to whoever chooses it
                logger.warning("The example %s of %s cannot be made: %s", example, task, error)
        return state.without_media(), ""  # what the slots held was of another task

    def _with_example(self, state: PageState, name: str) -> PageState:
        service = self.services[self.services.task(state.task)]
        if name not in service.examples:
            return state
        return state.with_example(name, service.example(name), service.examples[name].severity, service.lab.task.kinds)


def about(service: TaskService) -> dict[str, Any]:
    """The task, its lab, its examples, and the encoders that could be chosen instead, for all views."""
    described = strategy_rows.describe_lab(service.lab, service.examples, service.pen)
    return described | {
        "first": service.strategy(""),
        "encoder_choice": encoder_choice.offers(service),
    }


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


def numbers_of(values: Sequence[Any]) -> dict[str, int]:
    """{"act", "filled"}: which of the visitor's acts a request knows (see `web/acts.js`); it comes with the view."""
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
