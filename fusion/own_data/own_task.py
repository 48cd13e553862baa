"""A data set of one's own as a task, read back from the folder of its lab."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fusion.files import load_json
from fusion.messages import DEFAULT_LANGUAGE
from fusion.own_data.targets import Target
from fusion.tasks.base import CardText, SampleSource, Task
from fusion.tasks.texts import Texts
from fusion.types import FusionError

FILE = "lab.json"
VERSION = 1


class OwnTask(Task):
    """What a lab of one's own data answers; see `fusion.own_data.fitting` for how it came about."""

    interaction = "redundancy"

    def __init__(self, about: Mapping[str, Any]) -> None:
        """`about` is what lab.json holds."""
        try:
            self.name = str(about["name"])
            self.own_kinds = {str(m): str(kind) for m, kind in about["kinds"].items()}
            self.modalities = tuple(self.own_kinds)
            self.encoders = {m: str(name) for m, name in about["encoders"].items()}
            found = about["target"]
            self.target = Target(str(found["answer"]), tuple(map(str, found["classes"])), tuple(map(float, found["edges"])))
            self.table_columns = {str(name): str(kind) for name, kind in about["table_columns"].items()}
            self.column_modalities = {str(name): str(m) for name, m in about["column_modalities"].items()}
            self.columns = {str(name): str(kind) for name, kind in about["columns"].items()}
            self.label_column = str(about["label"])
            self.report: dict[str, Any] = dict(about.get("report", {}))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FusionError("{file} is not of a lab that this version knows.", file=FILE) from error
        if not self.modalities or self.target.answer not in ("class", "labels", "value") or set(self.encoders) != set(self.modalities):
            raise FusionError("{file} is not of a lab that this version knows.", file=FILE)
        self.labels = self.target.classes
        self.card = CardText()

    @classmethod
    def read(cls, folder: Path) -> OwnTask:
        """The task of a lab's folder.

        Raises:
            FusionError: there is none, or it is damaged, in one sentence.
        """
        if not (folder / FILE).is_file():
            raise FusionError("{folder} is no lab: it holds no {file}.", folder=folder.name, file=FILE)
        about = load_json(folder / FILE)
        if not isinstance(about, dict) or about.get("version") != VERSION:
            raise FusionError("{file} is not of a lab that this version knows.", file=FILE)
        return cls(about)

    @property
    def kinds(self) -> Mapping[str, str]:
        return self.own_kinds

    @property
    def title(self) -> str:
        return self.name

    @property
    def question(self) -> str:
        return f"{self.label_column}?"

    @property
    def texts(self) -> Texts:
        names = {f"modality.{m}": m for m in self.modalities}
        return {DEFAULT_LANGUAGE: {"title": self.title, "question": self.question} | names}

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        raise FusionError("A lab of your own data is trained with `python -m fusion fit`.")
