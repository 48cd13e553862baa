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
from fusion.ui.desk import AT_ONCE, Desk, Desks, fingerprint
from fusion.ui.state import PageState, from_browser
from fusion.ui.views import inside as views
from fusion.ui.views.component import view

logger = logging.getLogger(__name__)
REMEMBERED = 64  # packed answers, of some ten to two hundred kilobytes


@dataclass(frozen=True)
class InsidePage:
    """`inside` takes what the browser asks for, and gets the answer."""

    inside: gr.HTML


class Handlers:
    """Takes and returns plain values, as those of the Fuse page do."""

    def __init__(self, desks: Desks) -> None:
        self.desks, self._lock = desks, threading.Lock()
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
            state = PageState.read(self.desks.modalities, values)
            said |= self._modality(self.desks.open(self.desks.task(state.task), state.readers), state, ask)
        except FusionError as error:
            said |= {"sides": [], "error": {"text": error.message.to_json()}}
        except Exception:
            logger.exception("Nobody can look inside the encoders of %s", ask["modality"])
            said |= {"sides": [], "error": {"key": "status.unexpected"}}
        return json.dumps(said, allow_nan=False, default=float).replace("<", "\\u003c")

    def _modality(self, desk: Desk, state: PageState, ask: Mapping[str, Any]) -> dict[str, Any]:
        modality, answer = ask["modality"], desk.answer(state)
        if answer is None or modality not in answer.media:
            return {"sides": [], "missing": True}
        medium = answer.media[modality]
        choices = [{"name": n} | desk.library.describe(n) for n in desk.library.names(modality)]
        names = [name or first for name, first in zip(state.encoders.get(modality, ("", "")), beginning(choices), strict=True)]
        mark = fingerprint(medium)
        sides = [self._side(desk, modality, name, medium, mark, ask["held"]) for name in names]
        return {"choices": choices, "about": views.about(medium), "sides": sides}

    def _side(self, desk: Desk, modality: str, name: str, medium: Medium, mark: str, held: list[str]) -> dict[str, Any]:
        """What one encoder shows; its failure is its own, the other side goes on."""
        if f"{name} {mark}" in held:
            return {"name": name, "mark": mark, "same": True}
        try:
            self.desks.backbones.check([name])
            shown = self._look(desk, modality, name, medium, mark)
            return {"name": name, "mark": mark, "told": desk.library.describe(name)} | shown
        except FusionError as error:
            return {"name": name, "error": {"text": error.message.to_json()}}
        except Exception:
            logger.exception("The encoder %s could not look at its %s", name, modality)
            return {"name": name, "error": {"key": "status.unexpected"}}

    def _look(self, desk: Desk, modality: str, name: str, medium: Medium, mark: str) -> dict[str, Any]:
        key = (desk.lab.task.name, modality, name, mark)
        with self._lock:
            if key in self._packed:
                self._packed.move_to_end(key)
                return self._packed[key]
        with desk.computing:
            shown = views.side(desk.library.inside(modality, name, medium))
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
        "modality": str(ask.get("modality") or "")[:20],
        "held": [str(h)[:400] for h in held[:2]] if isinstance(held, list) else [],
    }


def beginning(choices: list[dict[str, Any]]) -> tuple[str, str]:
    """Which two a visitor finds: the compact network, and beside it the first textbook feature, else the second network."""
    if not choices:
        raise FusionError("There is no encoder here whose inside could be shown.")
    others = [c for c in choices[1:] if not c["learned"]] or choices[1:] or choices
    return choices[0]["name"], others[0]["name"]


def layout() -> InsidePage:
    """One component that draws everything; it stays empty until somebody opens the page."""
    return InsidePage(view("inside"))


def wire(page: InsidePage, handlers: Handlers, values: list[gr.HTML]) -> None:
    """Waits in the line of everything that runs a model."""
    page.inside.input(
        handlers.asked, [page.inside, *values], page.inside, trigger_mode="always_last", concurrency_id="model", concurrency_limit=AT_ONCE,
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip
