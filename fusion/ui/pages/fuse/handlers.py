"""What happens on each event of the Fuse page, as plain functions of component values."""

from __future__ import annotations

import itertools
import json
import logging
from dataclasses import replace
from typing import Any

from fusion.encoder_choice import is_compact
from fusion.messages import DEFAULT_LANGUAGE
from fusion.types import FusionError
from fusion.ui.i18n import pick_language
from fusion.ui.links import read_link
from fusion.ui.pages.fuse import encoder_choice, export, payload, strategy_rows
from fusion.ui.serialize import to_json
from fusion.ui.service import FIRST_STRATEGY, TaskService, TaskServices
from fusion.ui.state import MAX_NAME, PageState, first_of, from_browser, plain
from fusion.ui.updates import Fill, PageUpdate, choice_of, slots_of

logger = logging.getLogger(__name__)


class Handlers:
    """What happens on each event. `values` are the plain values of what a visitor has set, in the order that `PageState.read` takes."""

    def __init__(self, services: TaskServices) -> None:
        self.services, self.modalities = services, services.modalities
        self._count = itertools.count(1)

    def first(self) -> tuple[PageState, str]:
        """The example that is shown first, and its result."""
        state = PageState.read(self.modalities, [*("" for _ in self.modalities), "", FIRST_STRATEGY, DEFAULT_LANGUAGE, "", ""])
        state, _ = self._at_task(state)
        return state, self.result(state)

    def edited(self, *values: Any, held: Any = "") -> PageUpdate:
        """An input or an encoder changed.

        `held` is a JSON list of the marks of media that the browser holds (see `payload.py`).
        """
        state = PageState.read(self.modalities, values)
        return PageUpdate(self.result(state, held), self.pack(state))

    def details(self, ask: Any, *values: Any) -> str:
        """What was not sent with the result, on demand.

        Args:
            ask: JSON {"number", "strategy": whose attention and place, or "export": "json" or "csv"}.

        Returns:
            JSON {"number", "answer": which answer it is of, "details" or "export"}; without the last two where there is no answer.
        """
        ask = from_browser(ask)
        said: dict[str, Any] = {"number": ask["number"] if isinstance(ask.get("number"), int) else 0}
        try:
            state = PageState.read(self.modalities, values)
            service = self.services.for_state(state)
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
        return to_json(said)

    def example(self, name: Any, *values: Any, held: Any = "") -> PageUpdate:
        """An example was chosen: it fills the slots."""
        try:
            state = self._with_example(PageState.read(self.modalities, values), plain(name, MAX_NAME))
        except FusionError as error:
            return PageUpdate(self._failed({"text": error.message.to_json()}))
        return PageUpdate(self.result(state, held), self.pack(state), Fill(slots_of(state)))

    def switched(self, *values: Any, held: Any = "") -> PageUpdate:
        """Another task was chosen: its first example fills the slots."""
        state = PageState.read(self.modalities, values)
        try:
            choice = state.encoder_choice
            state, example = self._at_task(state)
        except FusionError as error:
            return PageUpdate(self._failed({"text": error.message.to_json()}))
        except Exception:
            logger.exception("The task %s cannot be opened", state.task)
            return PageUpdate(self._failed({"key": "status.unexpected"}))
        fill = Fill(slots_of(state), example=example, encoder_choice=choice_of(state) if state.encoder_choice != choice else None)
        return PageUpdate(self.result(state, held), self.pack(state), fill)

    def looked(self, *values: Any) -> str:
        """Strategy, language, tab or compared encoders changed, which the browser draws by itself: export."""
        return self.pack(PageState.read(self.modalities, values))

    def opened(self, query: str | None, languages: str, *values: Any) -> PageUpdate:
        """The page was opened, perhaps by a link (`query`), by a browser that prefers `languages`.

        Everything in a link that does not exist gets a notice.
        """
        state, notices = read_link(self.services, query) if query else (None, [])
        if state is None:
            return replace(self._greeted(pick_language(languages), values), notices=notices)
        try:
            state = replace(state, task=self.services.task(state.task))
        except FusionError as error:  # of another version, or misspelt: language and page hold all the same
            failed = self._failed({"text": error.message.to_json()})
            return PageUpdate(failed, fill=Fill(language=state.language, view=state.view()), notices=notices)
        result = self.result(state)  # says why, should its lab not load
        if self.services.loaded(state.task):
            state = replace(state, strategy=self.services[state.task].strategy(state.strategy))
        return PageUpdate(result, self.pack(state), Fill.of_state(state), notices)

    def _greeted(self, language: str, values: tuple[Any, ...]) -> PageUpdate:
        """Without a link everything stays as it is but the language."""
        if language == DEFAULT_LANGUAGE:
            return PageUpdate(fill=Fill())
        state = replace(PageState.read(self.modalities, values), language=language)
        return PageUpdate(export=self.pack(state, touched=False), fill=Fill(language=language))

    def result(self, state: PageState, held: Any = "") -> str:
        """JSON for all views; only a status if there is no result."""
        service = None
        try:
            service = self.services.for_state(state)
            answer = service.answer(state)
            if answer is None:
                return self._failed({"key": "status.empty"}, service, "empty")
            shown = payload.result(service, answer, state.strategy, marks_of(held))
            film = first_of("video", service.lab.task.kinds)
            shown["soundtracks"] = {m: film for m in answer.media if state.slots[m].source == "clip"}
            if service.lab.untrained and not is_compact(service.lab.task, service.lab.choice):  # others are trained with a data folder only
                shown["status"] = {"kind": "untrained", "key": "status.untrained_some" if service.lab.models else "status.untrained"}
            return to_json({"id": next(self._count), "lab": about(service)} | shown)
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
            return to_json({"query": state.query(), "snippet": "", "touched": touched})
        service = self.services[task] if self.services.loaded(task) else None
        code = export.snippet(replace(state, task=task), service.lab.task.kinds, service.pen) if service else ""
        return to_json({"query": state.query(), "snippet": code, "touched": touched})

    def _failed(self, said: dict[str, Any], service: TaskService | None = None, kind: str = "error") -> str:
        """Only a status; its number makes two equal ones differ, so that the browser notices the second."""
        where = {"lab": about(service)} if service else {}
        return to_json({"id": next(self._count), "status": {"kind": kind} | said} | where)

    def _at_task(self, state: PageState) -> tuple[PageState, str]:
        """The state's task with its first example in the slots, without encoders that it does not let choose; the example's name."""
        task = self.services.task(state.task)
        service = self.services[task]
        choice = state.encoder_choice if service.lab.task.encoder_choice else {}
        state = replace(state, task=task, strategy=service.strategy(state.strategy), encoder_choice=choice)
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
