"""What a tab of the page is: a folder beside this file, whose `page.py` has a class `Tab`, derived from `Page`."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from fusion.types import FusionError
from fusion.ui.events import MODEL
from fusion.ui.pages import NAMES
from fusion.ui.serialize import to_json
from fusion.ui.service import TaskServices
from fusion.ui.state import PageState, from_browser

if TYPE_CHECKING:
    import gradio as gr

    from fusion.ui.frame import Frame

logger = logging.getLogger(__name__)
Answer = Callable[[Mapping[str, Any], PageState], Mapping[str, Any]]


class Page(ABC):
    """A tab: `layout` places its components, `wire` connects them once all tabs have theirs."""

    title: ClassVar[str]  # shown where a language has no text "page.<folder>"

    def __init__(self, services: TaskServices, frame: Frame) -> None:
        self.services, self.frame = services, frame

    @abstractmethod
    def layout(self) -> None:
        """Places the components, see `fusion.ui.component.view`."""

    def wire(self) -> None:
        """Connects events; by default there are none."""
        return

    def answer_with(self, component: gr.HTML, answer: Answer) -> None:
        """Answers what the script of `component` asks, see `reply` and `FL.asking` in `web/ask.js`."""

        def answered(question: Any, *values: Any) -> str:
            return reply(answer, self.services.modalities, question, values)

        component.input(answered, [component, *self.frame.values], component, trigger_mode="multiple", **MODEL)


def reply(answer: Answer, modalities: tuple[str, ...], question: Any, values: tuple[Any, ...]) -> str:
    """`reply_to` of an answer that also needs what the visitor has set."""
    return reply_to(lambda asked: answer(asked, PageState.read(modalities, values)), question)


def reply_to(answer: Callable[[Mapping[str, Any]], Mapping[str, Any]], question: Any) -> str:
    """JSON of what `answer` says to a question of the browser, {"number"} and anything else.

    The number is given back. If there is no answer, "error" says why: {"text": a sentence of the server} or {"key": of the page's texts}.
    """
    asked = from_browser(question)
    number = asked.get("number")
    said: dict[str, Any] = {"number": number if isinstance(number, int) else 0}
    try:
        said |= answer(asked)
    except FusionError as error:
        said["error"] = {"text": error.message.to_json()}
    except Exception:
        logger.exception("A question of the page could not be answered")
        said["error"] = {"key": "status.unexpected"}
    return to_json(said)


def tabs() -> dict[str, type[Page]]:
    """{name: class} of all tabs, in their order."""
    return {name: import_module(f"{__package__}.{name}.page").Tab for name in NAMES}
