"""What a link asks for that is not there, so that the page can say it in one sentence each instead of leaving it out in silence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fusion.types import FusionError
from fusion.ui.service import TaskService, TaskServices
from fusion.ui.state import PageState, Slot, is_newer_link

Notice = Mapping[str, Any]  # {"key": a text of the page, and the values that it names}


def read_link(services: TaskServices, query: str) -> tuple[PageState | None, list[Notice]]:
    """The state of a link without what is not there, and a notice for each thing left out; no state where the link cannot be read.

    An unknown task stays in the state: whoever answers it says that there is no such task.
    """
    state = PageState.from_query(services.modalities, query)
    notices: list[Notice] = [{"key": "link.newer"}] if is_newer_link(services.modalities, query) else []
    if state is None:
        return None, notices or [{"key": "link.broken"}]
    if state.lost:
        notices.append({"key": "link.lost", "modalities": list(state.lost)})
    try:
        state, found = without_unknown(services, state)
    except FusionError:  # the answer says what is wrong with the task
        return state, notices
    return state, notices + found


def without_unknown(services: TaskServices, state: PageState) -> tuple[PageState, list[Notice]]:
    """The state without encoders, examples and strategies that its task does not have, and a notice for each.

    Raises:
        FusionError: the task is unknown or cannot be used.
    """
    task = services.task(state.task)
    notices: list[Notice] = []
    try:
        service = services.open(task, state.encoder_choice)
    except FusionError:
        if not state.encoder_choice:
            raise
        notices.append({"key": "link.encoder", "name": ", ".join(state.encoder_choice.values())})
        state = replace(state, encoder_choice={})
        service = services.open(task, {})
    state, unknown = _without_examples(service, state)
    notices += [{"key": "link.example", "name": name} for name in unknown]
    strategy = service.strategy(state.strategy)
    if state.strategy and strategy != state.strategy and strategy:
        notices.append({"key": "link.strategy", "name": state.strategy, "strategy": strategy})
    return replace(state, strategy=strategy or state.strategy), notices


def _without_examples(service: TaskService, state: PageState) -> tuple[PageState, list[str]]:
    """The state with empty slots in place of unknown examples, and the names of those."""
    unknown: list[str] = []
    slots: dict[str, Slot] = {}
    for modality, slot in state.slots.items():
        if slot.example and slot.example not in service.examples:
            unknown.append(slot.example)
            slot = replace(slot, example="", source="none" if slot.source == "example" else slot.source)
        slots[modality] = slot
    return replace(state, slots=slots), list(dict.fromkeys(unknown))
