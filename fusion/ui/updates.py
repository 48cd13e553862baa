"""What an event changes on the page, and its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from fusion.ui.links import Notice
from fusion.ui.serialize import to_json
from fusion.ui.state import PageState, from_browser


def choice_of(state: PageState) -> str:
    """JSON of the choice of encoders, as its component holds it."""
    return to_json({"choice": state.encoder_choice})


@dataclass(frozen=True)
class Fill:
    """What the browser puts into the slots and the choices; None stays as it is."""

    slots: Mapping[str, str] | None = None  # {modality: JSON of its slot}
    task: str | None = None
    strategy: str | None = None
    language: str | None = None
    view: str | None = None
    encoder_choice: str | None = None
    example: str | None = None

    @classmethod
    def of_state(cls, state: PageState, example: str = "") -> Fill:
        """Everything that a state decides."""
        return cls(slots_of(state), state.task, state.strategy, state.language, state.view(), choice_of(state), example)

    def changes(self) -> dict[str, Any]:
        """{name: value} of what does not stay as it is."""
        named = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in named.items() if value is not None}


@dataclass(frozen=True)
class PageUpdate:
    """What an event changes on the page; None stays as it is."""

    result: str | None = None  # JSON for all views
    export: str | None = None  # JSON for the export view
    fill: Fill | None = None
    notices: Sequence[Notice] = field(default=())

    def reply(self, values: Sequence[Any], filling: bool = False) -> str:
        """One JSON of all of it, so that the browser takes or drops it as a whole.

        `filling`: the browser waits for a fill, and is also told that there is none.
        """
        more: dict[str, Any] = {"notices": self.notices} if self.notices else {}
        more |= numbers_of(values)
        if self.export is not None:
            more["pack"] = json.loads(self.export)
        if filling:
            more["fill"] = None if self.fill is None else self.fill.changes()
        return extended(self.result or "{}", more)


def slots_of(state: PageState) -> dict[str, str]:
    """{modality: JSON of its slot}."""
    return {modality: slot.json() for modality, slot in state.slots.items()}


def numbers_of(values: Sequence[Any]) -> dict[str, int]:
    """{"act", "filled"}: which of the visitor's acts a request knows (see `web/acts.js`); it comes with the view."""
    view = from_browser(values[-2])
    return {key: view[key] if isinstance(view.get(key), int) else 0 for key in ("act", "filled")}


def extended(text: str, more: Mapping[str, Any]) -> str:
    """The JSON object `text` with further entries, without reading the whole of it."""
    front = to_json(dict(more))[:-1]
    return front + "}" if text == "{}" else f"{front},{text[1:]}"
