"""The page "Inside the encoders": what two encoders, chosen side by side, make of each input of the Fuse page.

The browser asks for one modality at a time, only while the page is open, and says what it holds; so nothing is computed or sent twice,
and one slow encoder does not keep the others waiting. `layout` places the components, `wire` connects them to `Handlers`.
"""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from fusion.types import FusionError, Medium
from fusion.ui.component import view
from fusion.ui.pages.activations import payload as views
from fusion.ui.service import AT_ONCE, TaskService, TaskServices, fingerprint
from fusion.ui.state import MAX_NAME, PageState, from_browser, plain

logger = logging.getLogger(__name__)
REMEMBERED = 64  # packed answers, of some ten to two hundred kilobytes


@dataclass(frozen=True)
class ActivationsPage:
    """`inside` takes what the browser asks for, and gets the answer."""

    inside: gr.HTML


class Handlers:
    """Takes and returns plain values, as those of the Fuse page do."""

    def __init__(self, services: TaskServices) -> None:
        self.services, self._lock = services, threading.Lock()
        self._packed: OrderedDict[tuple[str, str, str, str], dict[str, Any]] = OrderedDict()

    def asked(self, ask: Any, *values: Any) -> str:
        """Both encoders of one modality.

        Args:
            ask: JSON {"number", "modality", "held": [name and fingerprint that the browser already shows, of each side]}.
            values: one per modality, then task, strategy, language, view.

        Returns:
            JSON {"number", "modality", "choices", "about", "sides"}; a side has a name and either what it shows, or "same", or "error".
        """
        ask = read(ask)
        said: dict[str, Any] = {"number": ask["number"], "modality": ask["modality"]}
        try:
            state = PageState.read(self.services.modalities, values)
            said |= self._modality(self.services.open(self.services.task(state.task), state.encoder_choice), state, ask)
        except FusionError as error:
            said |= {"sides": [], "error": {"text": error.message.to_json()}}
        except Exception:
            logger.exception("Nobody can look inside the encoders of %s", ask["modality"])
            said |= {"sides": [], "error": {"key": "status.unexpected"}}
        return json.dumps(said, allow_nan=False, default=float).replace("<", "\\u003c")

    def _modality(self, service: TaskService, state: PageState, ask: Mapping[str, Any]) -> dict[str, Any]:
        modality, answer = ask["modality"], service.answer(state)
        if answer is None or modality not in answer.media:
            return {"sides": [], "missing": True}
        medium = answer.media[modality]
        choices = [{"name": n} | service.library.describe(n) for n in service.library.names(modality)]
        names = [name or first for name, first in zip(state.encoders.get(modality, ("", "")), beginning(choices), strict=True)]
        mark = fingerprint(medium)
        sides = [self._side(service, modality, name, medium, mark, ask["held"]) for name in names]
        return {"choices": choices, "about": views.about(medium), "sides": sides}

    def _side(self, service: TaskService, modality: str, name: str, medium: Medium, mark: str, held: list[str]) -> dict[str, Any]:
        """What one encoder shows; its failure is its own, the other side goes on."""
        if f"{name} {mark}" in held:
            return {"name": name, "mark": mark, "same": True}
        try:
            self.services.backbones.check([name])
            shown = self._look(service, modality, name, medium, mark)
            return {"name": name, "mark": mark, "told": service.library.describe(name)} | shown
        except FusionError as error:
            return {"name": name, "error": {"text": error.message.to_json()}}
        except Exception:
            logger.exception("The encoder %s could not look at its %s", name, modality)
            return {"name": name, "error": {"key": "status.unexpected"}}

    def _look(self, service: TaskService, modality: str, name: str, medium: Medium, mark: str) -> dict[str, Any]:
        key = (service.lab.task.name, modality, name, mark)
        with self._lock:
            if key in self._packed:
                self._packed.move_to_end(key)
                return self._packed[key]
        with service.computing:
            shown = views.side(service.library.inside(modality, name, medium))
        with self._lock:
            self._packed[key] = shown
            while len(self._packed) > REMEMBERED:
                self._packed.popitem(last=False)
        return shown


def read(ask: Any) -> dict[str, Any]:
    """What the browser asks for; wrong types become nothing."""
    ask = from_browser(ask)
    number, held = ask.get("number"), ask.get("held")
    return {
        "number": number if isinstance(number, int) else 0,
        "modality": plain(ask.get("modality"), MAX_NAME),
        "held": [str(h)[:400] for h in held[:2]] if isinstance(held, list) else [],
    }


def beginning(choices: list[dict[str, Any]]) -> tuple[str, str]:
    """Which two a visitor finds: the compact network, and beside it the first textbook feature, else the second network."""
    if not choices:
        raise FusionError("There is no encoder here whose inside could be shown.")
    others = [c for c in choices[1:] if not c["learned"]] or choices[1:] or choices
    return choices[0]["name"], others[0]["name"]


def layout() -> ActivationsPage:
    """One component that draws everything; it stays empty until somebody opens the page."""
    return ActivationsPage(view("activations"))


def wire(page: ActivationsPage, handlers: Handlers, values: list[gr.HTML]) -> None:
    """Waits in the line of everything that runs a model."""
    page.inside.input(
        handlers.asked, [page.inside, *values], page.inside, trigger_mode="always_last", concurrency_id="model", concurrency_limit=AT_ONCE,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
