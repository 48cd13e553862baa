"""What strategies and encoders are, for people, read from their classes and from the card of their task."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from pathlib import Path

from fusion.messages import Message, message
from fusion.tasks import Task

FILE_NAMES = re.compile(r" \(`[^`]*`\)")


@dataclass(frozen=True)
class About:
    """One strategy or encoder.

    title, paper   as its class has them
    idea           first sentence of its class's docstring
    story          docstring of its module
    file           name of its module's file, "image_lbp.py"
    modality       what an encoder reads; empty for a strategy
    fuses          where a strategy acts, "tokens", "embeddings" or "logits"; empty for an encoder
    learned        whether it has trained parameters
    """

    title: str
    paper: str
    idea: str
    story: str
    file: str
    modality: str = ""
    fuses: str = ""
    learned: bool = True


def describe_strategies() -> dict[str, About]:
    """{strategy: what it is}, in screen order."""
    from fusion.strategies import STRATEGIES  # torch takes seconds to import, and cards are written without it

    found = {}
    for name, kind in STRATEGIES.items():
        found[name] = About(kind.title, kind.paper, _first_line(kind), _module_text(kind), _file(kind), fuses=kind.fuses)
    return found


def describe_encoders() -> dict[str, About]:
    """{encoder: what it is}, the compact one of each kind of modality first."""
    from fusion.encoders import ENCODERS, FixedEncoder

    found = {}
    for name, kind in ENCODERS.items():
        learned = not issubclass(kind, FixedEncoder)
        found[name] = About(kind.title, kind.paper, _first_line(kind), _module_text(kind), _file(kind), kind.modality, learned=learned)
    return found


def trained_on(task: Task, modality: str, learned: bool) -> Message | None:
    """The training data of an encoder, without names of files, as a sentence; None where the card of the task names no data.

    Args:
        learned: whether the encoder has trained parameters; the others are only fitted.
    """
    if modality not in task.card.data:
        return None
    data = message(FILE_NAMES.sub("", task.card.data[modality]))
    if learned:
        return message("Trained on {data}.", data=data)
    return message("Not trained: whitening and vocabulary are fitted without labels on 2,000 samples of {data}.", data=data)


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").strip().splitlines()[0]


def _module_text(kind: type) -> str:
    module = inspect.getmodule(kind)
    return (module.__doc__ or "").strip() if module else ""


def _file(kind: type) -> str:
    return Path(inspect.getfile(kind)).name
