"""Which encoder reads each modality, and where the heads trained on that choice lie.

choose(task, "classical")                              {"image": "image_lbp", "text": "text_bow", ...}
choose(task, {"image": "backbone:microsoft/resnet-18"})       the others stay compact

checkpoints/<task>/<strategy>/                heads on the compact encoders
checkpoints/<task>/classical/<strategy>/      heads on the set "classical"
<cache>/heads/<task>/<digest>/<strategy>/     heads on any other choice, trained on this machine

Where the encoders themselves lie says `fusion.paths`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fusion.config import cache_folder
from fusion.encoders import CLASSICAL, ENCODERS
from fusion.messages import message, words
from fusion.paths import BACKBONE, short_digest
from fusion.tasks import COMPACT, TASKS, Task
from fusion.types import FusionError

SETS: dict[str, dict[str, str]] = {"compact": COMPACT, "classical": CLASSICAL}
Choice = dict[str, str]  # {modality: name of an encoder, or "backbone:<hub id or path>"}


def choose(task: Task, encoders: str | Mapping[str, str] = "compact") -> Choice:
    """An encoder for every modality of a task: a set's name, or some by name and the others compact.

    Raises:
        FusionError: no such set, modality or encoder, an encoder of another modality, or a task that has encoders of its own.
    """
    wanted = named_set(encoders) if isinstance(encoders, str) else encoders
    for modality, name in wanted.items():
        if modality not in task.modalities:
            raise FusionError(
                "There is no modality named {modality!r}; there are {modalities}.", modality=modality, modalities=words(task.modalities)
            )
        check_name(task.kinds[modality], name)
    choice = {m: wanted.get(m, task.encoders[m]) for m in task.modalities}
    if not task.encoder_choice and not is_compact(task, choice):
        others = [name for name, each in TASKS.items() if each.encoder_choice]
        raise FusionError("The task {task} needs its own encoders; others can be chosen in: {others}.", task=task.name, others=others)
    return choice


def named_set(name: str) -> Mapping[str, str]:
    """The encoders of a set; "compact" is empty, as those are the task's own.

    Raises:
        FusionError: there is no such set.
    """
    if name not in SETS:
        raise FusionError("There is no set of encoders named {encoders!r}; there are {known}.", encoders=name, known=list(SETS))
    return {} if name == "compact" else SETS[name]


def check_name(modality: str, name: str) -> None:
    """Raises a FusionError where this is no encoder of this kind of medium."""
    if name.startswith(BACKBONE):
        return
    if name not in ENCODERS:
        raise FusionError(
            "There is no encoder named {name!r}; there are {known} and {prefix}<hub id or path>.",
            name=name,
            known=list(names_of(modality)),
            prefix=BACKBONE,
        )
    if ENCODERS[name].modality != modality:
        raise FusionError(
            "The encoder {name} reads {reads}, not {modality}.",
            name=name,
            reads=message(ENCODERS[name].modality),
            modality=message(modality),
        )


def names_of(modality: str) -> list[str]:
    """All encoders of a modality, the compact one first."""
    return [name for name, kind in ENCODERS.items() if kind.modality == modality]


def is_compact(task: Task, choice: Mapping[str, str]) -> bool:
    return all(task.encoders[m] == name for m, name in choice.items())


def heads_folder(checkpoints: Path, task: Task, choice: Mapping[str, str]) -> Path:
    """Where the strategies of a choice lie: shipped for the sets, else made on this machine."""
    if is_compact(task, choice):
        return checkpoints / task.name
    shipped = checkpoints / task.name / "classical"
    if dict(choice) == CLASSICAL and shipped.is_dir():
        return shipped
    return cache_folder() / "heads" / task.name / short_digest(*(f"{m}={choice[m]}" for m in task.modalities))
