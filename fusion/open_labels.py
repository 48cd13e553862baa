"""The parts of a task whose labels are typed: encoders that give names, readers for these labels, and strategies without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor

from fusion.encoder_choice import Choice
from fusion.encoder_registry import EncoderRegistry
from fusion.encoders import Encoder
from fusion.encoders.named import NamedReading, Source
from fusion.encoders.text_minilm import TextMiniLM
from fusion.heads.label_readers import NamedLabels
from fusion.label_space import LabelSpace, NameTables, make_readers
from fusion.messages import Message, message
from fusion.model import FusionModel
from fusion.strategies.zero_shot import ZERO_SHOT, ZeroShot, ZeroShotUnimodal
from fusion.tasks import Task
from fusion.types import Features, FusionError

if TYPE_CHECKING:
    from fusion.loading import Parts


def load_open_encoders(registry: EncoderRegistry, choice: Choice, parts: Parts) -> None:
    """Fills `parts.encoders`; the one for words reads the labels, too.

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


def names_behind(
    models: dict[str, FusionModel], features: dict[str, Features], label: int, count: int
) -> dict[str, list[tuple[str, float]]]:
    """{modality: the names that spoke most for a label, with their probabilities}, of modalities that are known by names."""
    found = {}
    for modality, given in features.items():
        model = models[f"{modality}_only"]
        encoder, strategy = model.encoders[modality], cast("ZeroShot", model.strategy)
        reader = strategy.reader(modality)
        if isinstance(encoder, NamedReading) and isinstance(reader, NamedLabels):
            spoken = reader.speakers(given.pooled[0], int(strategy.meanings[label]), count)
            found[modality] = [(encoder.names[index], probability) for index, probability in spoken]
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
    return models, space.notes(task, readers)
