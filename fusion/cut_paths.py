"""What closing all paths between modalities but the readout costs each strategy, as `python -m fusion evaluate` measured it.

checkpoints/<task>/cut.json      {"strategies": {strategy: {figure: {"open": 0.996, "cut": 0.228}}}}
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fusion.files import load_json
from fusion.messages import Message, message
from fusion.tasks import Task
from fusion.types import FusionError

FILE = "cut.json"
LEAST_FALL = 0.02  # a smaller one counts as none


def falls(figures: Mapping[str, Mapping[str, float]]) -> bool:
    """Whether any figure of a strategy falls by the cut."""
    return any(figure["open"] - figure["cut"] >= LEAST_FALL for figure in figures.values())


def largest_fall(figures: Mapping[str, Mapping[str, float]]) -> Mapping[str, float]:
    """The figure that falls most."""
    return max(figures.values(), key=lambda figure: figure["open"] - figure["cut"])


@cache
def measured(path: Path) -> dict[str, Any]:
    """{strategy: its figures}; empty where nothing was measured."""
    try:
        found = load_json(path)
        return dict(found["strategies"])
    except (FusionError, KeyError, TypeError, ValueError):
        return {}


def cut_notes(checkpoints: Path, task: Task, name: str) -> tuple[Message, ...]:
    """One sentence on a strategy whose paths were cut; none for the others."""
    figures = measured(checkpoints / task.name / FILE).get(name)
    if not figures:
        return ()
    figure = largest_fall(figures)
    values = {key: f"{100 * figure[key]:.1f}" for key in ("open", "cut")}
    if falls(figures):
        return (
            message("With all paths between modalities cut except the readout, it falls from {open} to {cut} % on the test set.", **values),
        )
    return (
        message(
            "With all paths between modalities cut except the readout, it does not fall on the test set ({open} and {cut} %): "
            "here the readout fuses, and attention decides little.",
            **values,
        ),
    )
