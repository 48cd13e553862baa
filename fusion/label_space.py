"""Labels as points of the sentence space, and what follows from where they lie: which mean the same, and which a modality can know.

    tables = NameTables.load(checkpoints / "open")
    space = LabelSpace.of(task, text_encoder)
    readers = make_readers(space, tables, {"image": "image", ...})      heads of each modality for these labels

checkpoints/open/names.safetensors      vectors of the names that photos ("image") and sounds ("audio") are compared with
checkpoints/open/calibration.json       {modality: the numbers of `fusion.heads.label_readers.Calibration`}
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.encoders.text_minilm import TextMiniLM
from fusion.files import load_json, load_tensors
from fusion.heads.label_readers import Calibration, LabelReader, NamedLabels, SentenceLabels, crowding
from fusion.messages import Message, message, words
from fusion.tasks import Task
from fusion.types import FusionError

TABLES, CALIBRATION = "names.safetensors", "calibration.json"
TABLE_OF = {"image": "image", "audio": "audio", "video": "image"}  # kind of a modality: the names it is known by
KEPT = 10_000  # vectors of wordings that are kept
SAME = 0.85  # cosine from which on two labels mean the same


@dataclass(frozen=True)
class NameTables:
    """vectors {table: (N, D)} of length one, crowd {table: (N,)} how near names lie around each, calibration {modality: its numbers}."""

    vectors: dict[str, Tensor]
    crowd: dict[str, Tensor]
    calibration: dict[str, Calibration]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What lies in the folder of the task.

        Raises:
            FusionError: a file is missing or damaged, in one sentence.
        """
        tensors = load_tensors(folder / TABLES)
        numbers = load_json(folder / CALIBRATION)
        try:
            vectors = {kind: F.normalize(tensors[kind].float(), dim=-1) for kind in set(TABLE_OF.values())}
            calibration = {modality: Calibration(**found) for modality, found in numbers["modalities"].items()}
        except (KeyError, TypeError, AttributeError) as error:
            raise FusionError("The weights in {folder} do not fit their configuration.", folder=folder.name) from error
        return cls(vectors, {kind: crowding(found) for kind, found in vectors.items()}, calibration)


@dataclass(frozen=True)
class LabelSpace:
    """Labels in the sentence space.

    labels    (K,) as they are shown
    meanings  (K,) which of the G meanings each label has
    points    (G, D) unit vectors of the meanings
    """

    labels: tuple[str, ...]
    meanings: tuple[int, ...]
    points: Tensor

    @classmethod
    def of(cls, task: Task, encoder: TextMiniLM, known: dict[str, Tensor]) -> Self:
        """The labels of a task; those whose vectors nearly coincide have one meaning.

        Args:
            known: {wording in small letters: its vector}; those that are not there are added, up to `KEPT`.
        """
        wordings = [[wording.lower() for wording in task.wordings(label)] for label in task.labels]
        if new := [wording for several in wordings for wording in several if wording not in known]:
            vectors = dict(zip(new, encoder.vectors(new), strict=True))
            if len(known) < KEPT:
                known.update(vectors)
            known = known | vectors
        points = F.normalize(torch.stack([torch.stack([known[w] for w in several]).mean(0) for several in wordings]), dim=-1)
        meanings = _groups(points @ points.T >= SAME)
        count = max(meanings) + 1
        index = torch.tensor(meanings, device=points.device)
        sums = points.new_zeros(count, points.shape[1]).index_add_(0, index, points)
        return cls(task.labels, meanings, F.normalize(sums, dim=-1))

    @cached_property
    def synonyms(self) -> list[tuple[str, ...]]:
        """Labels that mean the same, two or more together."""
        together: dict[int, list[str]] = {}
        for label, meaning in zip(self.labels, self.meanings, strict=True):
            together.setdefault(meaning, []).append(label)
        return [tuple(several) for several in together.values() if len(several) > 1]

    def notes(self, task: Task, readers: dict[str, LabelReader]) -> list[Message]:
        """A sentence for labels that were translated, for those that mean the same, and for those that lie far from all names."""
        if not task.typed_labels:
            return []
        said = [message("{label} was read as {words}.", label=k, words=list(v)) for k, v in task.translations.items()]
        said += [message("{labels} mean the same and share their probability.", labels=list(several)) for several in self.synonyms]
        named = {m: reader for m, reader in readers.items() if isinstance(reader, NamedLabels)}
        for label, meaning in zip(self.labels, self.meanings, strict=True):
            unable = [m for m, reader in named.items() if not bool(reader.known[meaning])]
            if unable and len(unable) == len(named):
                said.append(message("Only words can tell {label}: no name of a photo or a sound comes near it.", label=label))
            elif unable:
                said.append(message("{label} cannot be told from: {modalities}.", label=label, modalities=words(unable)))
        return said


def _groups(same: Tensor) -> tuple[int, ...]:
    """(K, K) bool, which labels mean the same, to the number of each label's group, in the order of the labels."""
    first = same.int().argmax(1).tolist()  # the first label that means the same, perhaps the label itself
    found: list[int] = []
    count = 0
    for label, earlier in enumerate(first):
        if earlier < label:
            found.append(found[earlier])
        else:
            found.append(count)
            count += 1
    return tuple(found)


def make_readers(space: LabelSpace, tables: NameTables, kinds: dict[str, str]) -> dict[str, LabelReader]:
    """{modality: its reader of these labels}; `kinds` {modality: "image", "text", "audio" or "video"}."""
    readers: dict[str, LabelReader] = {}
    for modality, kind in kinds.items():
        calibration = tables.calibration.get(modality, Calibration())
        if kind == "text":
            readers[modality] = SentenceLabels(space.points, calibration)
        else:
            table, device = TABLE_OF[kind], space.points.device
            readers[modality] = NamedLabels(space.points, tables.vectors[table].to(device), calibration, tables.crowd[table].to(device))
    return readers
