"""The Activations page: what two encoders, chosen side by side, compute for each input of the Fuse page.

The browser asks for one modality at a time, only while the page is open, and says what it holds; so nothing is computed or sent twice,
and one slow encoder does not keep the others waiting.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from fusion.encoded_cache import fingerprint
from fusion.types import FusionError, Medium
from fusion.ui.component import view
from fusion.ui.pages.activations import payload
from fusion.ui.pages.base import Page
from fusion.ui.service import TaskService, TaskServices
from fusion.ui.state import MAX_NAME, PageState, plain

logger = logging.getLogger(__name__)
REMEMBERED = 64  # serialized answers, of some ten to two hundred kilobytes


class Tab(Page):
    """One component, which stays empty until the page is opened."""

    title = "Inside the encoders"

    def layout(self) -> None:
        self.view = view("activations")

    def wire(self) -> None:
        self.answer_with(self.view, Activations(self.services).answer)


class Activations:
    """Answers what the page asks, and remembers what it has computed."""

    def __init__(self, services: TaskServices) -> None:
        self.services, self._lock = services, threading.Lock()
        self._serialized: OrderedDict[tuple[str, str, str, str], dict[str, Any]] = OrderedDict()

    def answer(self, question: Mapping[str, Any], state: PageState) -> dict[str, Any]:
        """Both encoders of one modality.

        Args:
            question: {"modality", "held": [name and fingerprint that the browser already shows, of each side]}.
            state: what the visitor has set.

        Returns:
            {"choices", "about", "sides"}; a side has a name and either what it shows, or "same", or "error". {"missing": True} where the
            modality is not given.

        Raises:
            FusionError: the input cannot be used.
        """
        modality, held = read(question)
        service = self.services.for_state(state)
        answer = service.answer(state)
        if answer is None or modality not in answer.media:
            return {"sides": [], "missing": True}
        medium = answer.media[modality]
        choices = [{"name": n} | service.registry.describe(n) for n in service.registry.names(modality)]
        names = [name or first for name, first in zip(state.encoders.get(modality, ("", "")), beginning(choices), strict=True)]
        mark = fingerprint(medium)
        sides = [self._side(service, modality, name, medium, mark, held) for name in names]
        return {"choices": choices, "about": payload.about(medium), "sides": sides}

    def _side(self, service: TaskService, modality: str, name: str, medium: Medium, mark: str, held: list[str]) -> dict[str, Any]:
        """The side of one encoder; its failure does not affect the other side."""
        if f"{name} {mark}" in held:
            return {"name": name, "mark": mark, "same": True}
        try:
            self.services.backbones.check([name])
            shown = self._look(service, modality, name, medium, mark)
            return {"name": name, "mark": mark, "told": service.registry.describe(name)} | shown
        except FusionError as error:
            return {"name": name, "error": {"text": error.message.to_json()}}
        except Exception:
            logger.exception("The encoder %s could not read its %s", name, modality)
            return {"name": name, "error": {"key": "status.unexpected"}}

    def _look(self, service: TaskService, modality: str, name: str, medium: Medium, mark: str) -> dict[str, Any]:
        key = (service.lab.task.name, modality, name, mark)
        with self._lock:
            if key in self._serialized:
                self._serialized.move_to_end(key)
                return self._serialized[key]
        with service.computing:
            shown = payload.side(service.registry.activations(modality, name, medium))
        with self._lock:
            self._serialized[key] = shown
            while len(self._serialized) > REMEMBERED:
                self._serialized.popitem(last=False)
        return shown


def read(question: Mapping[str, Any]) -> tuple[str, list[str]]:
    """The modality that the browser asks for, and what it holds; wrong types become nothing."""
    modality, held = question.get("modality"), question.get("held")
    return plain(modality, MAX_NAME), [str(h)[:400] for h in held[:2]] if isinstance(held, list) else []


def beginning(choices: list[dict[str, Any]]) -> tuple[str, str]:
    """The two encoders that are compared first: the compact network and the first textbook feature, else the second network."""
    if not choices:
        raise FusionError("No encoder can be shown here.")
    others = [c for c in choices[1:] if not c["learned"]] or choices[1:] or choices
    return choices[0]["name"], others[0]["name"]
