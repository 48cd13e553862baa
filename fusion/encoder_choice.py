"""Which encoder reads each modality, and where its weights and the heads trained on it lie.

choose(task, "classical")                              {"image": "image_lbp", "text": "text_bow", ...}
choose(task, {"image": "backbone:microsoft/resnet-18"})       the others stay compact

checkpoints/<task>/encoders/<modality>/       the compact encoder of a modality, on which all strategies are shipped
checkpoints/<task>/encoders/<encoder>/        every other one
checkpoints/<task>/references/<encoder>.safetensors     its vectors of reference samples, on which heads are trained
checkpoints/<task>/classical/<strategy>/      heads of the set "classical"
<cache>/...                                   the same for free choices and for backbones, made on this machine
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fusion.config import cache_folder
from fusion.encoders import CLASSICAL, ENCODERS
from fusion.files import load_tensors, save_tensors
from fusion.messages import message, words
from fusion.tasks import COMPACT, TASKS, Task
from fusion.types import FusionError

SETS: dict[str, dict[str, str]] = {"compact": COMPACT, "classical": CLASSICAL}
BACKBONE = "backbone:"
Choice = dict[str, str]  # {modality: name of an encoder, or "backbone:<hub id or path>"}


def choose(task: Task, encoders: str | Mapping[str, str] = "compact") -> Choice:
    """An encoder for every modality of a task: a set's name, or some by name and the others compact.

    Raises:
        FusionError: no such set, modality or encoder, an encoder of another modality, or a task that has encoders of its own.
    """
    if isinstance(encoders, str) and encoders not in SETS:
        raise FusionError("There is no set of encoders named {encoders!r}; there are {known}.", encoders=encoders, known=list(SETS))
    wanted = encoders
    if isinstance(encoders, str):  # "compact" are those that the task itself names
        wanted = {} if encoders == "compact" else SETS[encoders]
    for modality, name in wanted.items():
        if modality not in task.modalities:
            raise FusionError(
                "There is no modality named {modality!r}; there are {modalities}.", modality=modality, modalities=words(task.modalities)
            )
        check_name(task.kinds[modality], name)
    choice = {m: wanted.get(m, task.encoders[m]) for m in task.modalities}
    if not task.encoder_choice and not is_compact(task, choice):
        others = ", ".join(name for name, each in TASKS.items() if each.encoder_choice)
        raise FusionError("The task {task} needs its own encoders; others can be chosen in: {others}.", task=task.name, others=others)
    return choice


def check_name(modality: str, name: str) -> None:
    """One sentence where this is no encoder of this modality."""
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


def encoder_folder(checkpoints: Path, task: Task, modality: str, name: str) -> Path:
    """Where the encoder's weights lie; of a backbone, what was fitted to it on this machine."""
    if name.startswith(BACKBONE):
        return cache_folder() / "backbones" / f"{modality}-{_digest(name)}"
    return checkpoints / task.encoder_tasks[modality] / "encoders" / (modality if name == task.encoders[modality] else name)


def heads_folder(checkpoints: Path, task: Task, choice: Mapping[str, str]) -> Path:
    """Where the strategies of a choice lie: shipped for the sets, else made on this machine."""
    if is_compact(task, choice):
        return checkpoints / task.name
    shipped = checkpoints / task.name / "classical"
    if dict(choice) == CLASSICAL and shipped.is_dir():
        return shipped
    return cache_folder() / "heads" / task.name / _digest(*(f"{m}={choice[m]}" for m in task.modalities))


@dataclass(frozen=True)
class ReferenceVectors:
    """Vectors of reference samples: what heads are trained on, and among which an input is shown.

    pooled (N, D) float16; labels (N,) the label of each sample; content (N,) the same where the medium names it, else -1.
    """

    pooled: Tensor
    labels: Tensor
    content: Tensor

    @classmethod
    def path(cls, checkpoints: Path, task: Task, modality: str, name: str) -> Path:
        if name.startswith(BACKBONE):
            return encoder_folder(checkpoints, task, modality, name) / "references.safetensors"
        return checkpoints / task.encoder_tasks[modality] / "references" / f"{name}.safetensors"

    @classmethod
    def load(cls, path: Path) -> ReferenceVectors | None:
        """None where there are none, or where the file cannot be used."""
        try:
            return cls.read(path)
        except FusionError:
            return None

    @classmethod
    def read(cls, path: Path) -> ReferenceVectors:
        """What `save` wrote.

        Raises:
            FusionError: the file is missing or damaged, in one sentence.
        """
        found = load_tensors(path)
        pooled, content = found.pop("pooled", None), found.pop("content", None)
        labels = next(iter(found.values()), None)  # "labels"; older files call them otherwise
        whole = all(isinstance(x, Tensor) for x in (pooled, labels, content))
        if not whole or pooled.ndim != 2 or not len(pooled) or labels.shape != pooled.shape[:1] or content.shape != labels.shape:
            raise FusionError("{folder}/{file} holds no reference samples.", folder=path.parent.name, file=path.name)
        return cls(pooled, labels.long(), content.long())

    def save(self, path: Path) -> None:
        save_tensors(path, {"pooled": self.pooled.half(), "labels": self.labels.to(torch.int8), "content": self.content.to(torch.int8)})


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
