"""The parts of a task whose labels are typed: encoders that give names, readers for these labels, and strategies without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor

from fusion.encoder_choice import Choice
from fusion.encoder_registry import EncoderRegistry
from fusion.encoders import Encoder
from fusion.encoders.named import NamedReading, Source
from fusion.encoders.text_minilm import TextMiniLM
from fusion.label_space import TABLE_OF, LabelSpace, NameTables, make_readers
from fusion.messages import Message, message
from fusion.model import FusionModel
from fusion.strategies.zero_shot import ZERO_SHOT, ZeroShot, ZeroShotUnimodal
from fusion.tasks import Task
from fusion.types import FusionError

if TYPE_CHECKING:
    from fusion.loading import Parts


def load_open_encoders(registry: EncoderRegistry, choice: Choice, parts: Parts) -> TextMiniLM:
    """Fills `parts.encoders`; returns the one for words, which the labels are read with, too.

    Raises:
        FusionError: the encoder for words cannot be used.
    """
    kinds = registry.task.kinds
    words = next(m for m, kind in kinds.items() if kind == "text")
    for modality, name in choice.items():
        try:
            encoder = registry.load(modality, name)
        except FusionError as error:
            if modality == words:
                raise FusionError("The task {task} cannot be used: {reason}", task=registry.task.name, reason=error) from error
            parts.unavailable[modality] = message(
                "The {modality} encoder cannot be used: {reason}", modality=message(modality), reason=error
            )
            continue
        parts.encoders[modality] = encoder if modality == words else NamedReading(cast("Source", encoder)).eval()
    return cast("TextMiniLM", parts.encoders[words])


def vectors_of_names(encoders: dict[str, Encoder], tables: NameTables, device: str) -> dict[str, Tensor]:
    """{name in small letters: its vector} of all names that the encoders know."""
    found: dict[str, Tensor] = {}
    for encoder in encoders.values():
        if isinstance(encoder, NamedReading):
            rows = tables.vectors[TABLE_OF[encoder.modality]].to(device)
            found.update((name.lower(), row) for name, row in zip(encoder.names, rows, strict=True))
    return found


def build_strategies(
    task: Task, encoders: dict[str, Encoder], tables: NameTables, known: dict[str, Tensor], device: str
) -> tuple[dict[str, FusionModel], list[Message]]:
    """{strategy or baseline: its model} for the labels of a task, and what is to be said about them; `known` as for `LabelSpace.of`."""
    words = next(m for m in encoders if task.kinds[m] == "text")
    reader = cast("TextMiniLM", encoders[words])
    space = LabelSpace.of(task, reader, known)
    order = tuple(m for m in task.modalities if m in encoders)
    readers = make_readers(space, tables, {m: task.kinds[m] for m in order})
    strategies: dict[str, ZeroShot] = {name: kind(order, reader.width, space.meanings, readers) for name, kind in ZERO_SHOT.items()} | {
        f"{m}_only": ZeroShotUnimodal((m,), reader.width, space.meanings, readers) for m in order
    }
    models = {}
    for name, strategy in strategies.items():
        own = {m: encoders[m] for m in strategy.modalities}
        models[name] = FusionModel(own, strategy.to(device)).eval()
    return models, space.notes(readers)
