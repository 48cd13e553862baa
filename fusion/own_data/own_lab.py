"""A lab of one's own data: the same as `fusion.lab.Lab`, loaded from the folder that `fusion.fit` wrote.

lab = fusion.load("LAB")
lab.predict({"photo": "a.jpg", "sound": "b.wav"}).label
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion.encoded_cache import EncodedCache
from fusion.encoder_registry import EncoderAbout, EncoderRegistry, count_parameters
from fusion.encoders import Encoder
from fusion.inputs import Encoded, Given, Inputs, Notes, Severity, fingerprint_of, read_given
from fusion.lab import Lab, pick_device
from fusion.loading import LoadedStrategy, Parts
from fusion.messages import message, words
from fusion.model import Fused, FusionModel, load_model
from fusion.own_data.encoders.build import load_own_encoder
from fusion.own_data.kinds import TABLE
from fusion.own_data.media import load_with_notes
from fusion.own_data.own_task import OwnTask
from fusion.strategies import STRATEGIES
from fusion.types import MODALITIES, Features, FusionError, Medium, Prediction

RECOMMENDED = ""  # the strategy that the comparison recommends


@dataclass(frozen=True)
class OwnGiven(Given):
    """A series, a vector or a row of a table; it is not corrupted."""

    def load(self, cache: EncodedCache | None = None) -> tuple[Medium, Notes]:
        return load_with_notes(self.kind, self.value)


class OwnRegistry(EncoderRegistry):
    """The encoders of a lab: one for each modality."""

    def __init__(self, task: OwnTask, device: str, folder: Path) -> None:
        super().__init__(task, device)
        self.folder = folder
        self.own: dict[str, Encoder[Any]] = {}

    def names(self, modality: str) -> tuple[str, ...]:
        return (self.task.encoders[modality],)

    def load(self, modality: str, name: str) -> Encoder[Any]:
        if name != self.task.encoders[modality]:
            raise FusionError("A lab of your own data has one encoder for each modality.")
        if modality not in self.own:
            self.own[modality] = load_own_encoder(self.folder / "encoders" / modality).to(self.device)
        return self.own[modality]

    def describe(self, name: str) -> EncoderAbout:
        kind = next((type(e) for m, e in self.own.items() if self.task.encoders[m] == name), None)
        if kind is None:
            return {"title": name, "idea": "", "paper": "", "learned": False}
        return {"title": kind.title, "idea": (kind.__doc__ or "").strip().splitlines()[0], "paper": kind.paper, "learned": False}


class OwnLab(Lab):
    """A data set's encoders and strategies.

    Attributes:
        folder: where it was loaded from; recommended: the strategy that `predict` takes if none is named.
        Otherwise as `fusion.lab.Lab`.
    """

    task: OwnTask

    def __init__(self, folder: str | Path, device: str = "auto") -> None:
        """Raises FusionError where the folder holds no lab, or it is damaged, in one sentence."""
        self.folder = Path(folder)
        self.task = OwnTask.read(self.folder)
        self.target = self.task.target
        self.checkpoints = self.folder
        self.device = pick_device(device)
        self.modalities, self.labels = self.task.modalities, self.task.labels
        self.choice = dict(self.task.encoders)
        self.registry = OwnRegistry(self.task, self.device, self.folder)
        self._parts = Parts()
        self._load_encoders()
        for name in (*STRATEGIES, *(f"{m}_only" for m in self.modalities)):
            if (self.folder / name).is_dir():
                self._load(name)
        self.encoders, self.unavailable = self._parts.encoders, self._parts.unavailable
        self.untrained = self._parts.untrained  # none: what was left out is trained by fitting anew
        self._take_strategies()
        if not self.loaded or not self.encoders:
            reason = next(iter(self.unavailable.values()), message("no strategy is there"))
            raise FusionError("The lab {name} cannot be used: {reason}", name=self.folder.name, reason=reason)
        self.encoder_parameters = {m: count_parameters(e) for m, e in self.encoders.items()}
        named = str(self.task.report.get("recommended", ""))
        self.recommended = named if named in self.loaded else next(iter(self.loaded))

    def _load_encoders(self) -> None:
        for m, name in self.choice.items():
            try:
                self._parts.encoders[m] = self.registry.load(m, name)
            except FusionError as error:
                self._parts.unavailable[m] = message("The {modality} encoder cannot be used: {reason}", modality=m, reason=error)

    def _load(self, name: str) -> None:
        try:
            model = load_model(self.folder / name, self._parts.encoders)
            if model.strategy.num_classes != self.target.num_logits or not set(model.strategy.modalities) <= set(self.modalities):
                raise FusionError("{name}/config.json belongs to another strategy or task.", name=name)
        except FusionError as error:
            kind = message("strategy") if name in STRATEGIES else message("baseline")
            self._parts.unavailable[name] = message("The {kind} {name} cannot be used: {reason}", kind=kind, name=name, reason=error)
            return
        parameters = sum(p.numel() for key, p in model.named_parameters() if not key.startswith("encoders."))
        self._parts.strategies[name] = LoadedStrategy(model.to(self.device), None, parameters)

    def predict(self, inputs: Inputs | Encoded, strategy: str = RECOMMENDED) -> Prediction:
        """The answer of one strategy, by default the recommended one.

        A regression's answer has `value` and `interval`, one with several labels has `labels`.
        """
        return super().predict(inputs, strategy or self.recommended)

    def predict_batch(self, inputs: list[Inputs], strategy: str = RECOMMENDED) -> list[Prediction]:
        return super().predict_batch(inputs, strategy or self.recommended)

    def by_modality(self, inputs: Inputs) -> dict[str, Any]:
        """Inputs by modality from inputs by modality or column: those of the table are one, and `emg_file_name` is `emg`."""
        found: dict[str, Any] = {}
        row: dict[str, Any] = {}
        for name, value in inputs.items():
            if value is None:
                continue
            if name in self.task.table_columns and name not in self.modalities:
                row[name] = value
            else:
                found[self.task.column_modalities.get(name, name)] = value
        if row:
            found[TABLE] = {**dict(found.get(TABLE) or {}), **row}
        return found

    def _readable(self, inputs: Inputs, severity: Severity | None = None, cache: EncodedCache | None = None) -> list[Given]:
        """As in `Lab`, also for series, vectors and columns of a table."""
        by_modality = self.by_modality(inputs)
        unknown = [m for m in (*by_modality, *(severity or {})) if m not in self.modalities]
        if unknown:
            columns = [*(m for m in self.modalities if m != TABLE), *self.task.table_columns]
            raise FusionError(
                "There is no modality named {modality!r}; there are {modalities}.", modality=unknown[0], modalities=words(columns)
            )
        shared = {m: kind for m, kind in self.task.kinds.items() if kind in MODALITIES}
        found = {one.modality: one for one in read_given(shared, by_modality, severity, cache)}
        for index, (m, kind) in enumerate(self.task.kinds.items()):
            if kind not in MODALITIES and by_modality.get(m) is not None:
                value = by_modality[m]
                known = None if cache is None else fingerprint_of(kind, value)
                found[m] = OwnGiven(m, kind, value, ("mix", 0), (0, index), known)
        given = [found[m] for m in self.modalities if m in found]
        if not given:
            raise FusionError("No input is given: give at least one of {modalities}.", modalities=words(self.modalities))
        if all(one.modality in self.unavailable for one in given):
            raise FusionError(self.unavailable[given[0].modality])
        return given

    def _fuse(
        self, model: FusionModel, features: dict[str, Features], given: list[str], need_attention: bool = False
    ) -> tuple[Fused, dict[tuple[str, ...], np.ndarray]]:
        if self.target.answer != "labels":
            return super()._fuse(model, features, given, need_attention)
        from fusion.lab import subsets_given

        subsets, present = subsets_given(model.strategy.modalities, tuple(given))
        with torch.inference_mode():
            fused = model.fuse_subsets(features, present.to(self.device), need_attention)
        probs = self.target.probabilities(fused.logits).cpu().numpy()
        output = replace(fused.output, unimodal_logits=None)  # votes are of one label each
        return fused._replace(output=output), dict(zip(subsets, probs, strict=True))

    def _prediction(self, name: str, fused: Fused, given: list[str], subsets: dict[tuple[str, ...], np.ndarray],
                    prepared: Any, seconds: float) -> Prediction:  # fmt: skip
        found = super()._prediction(name, fused, given, subsets, prepared, seconds)
        if self.target.answer == "class":
            return found
        probs = torch.from_numpy(np.array(subsets[tuple(given)]))[None]
        if self.target.answer == "labels":
            return replace(found, labels=found.probs)
        low, high = self.target.interval(probs)[0].tolist()
        return replace(found, value=float(self.target.decide(probs)[0]), interval=(low, high))


def is_lab(name: str | Mapping[str, Any] | None) -> bool:
    """Whether a name means a folder: it holds a path separator, or there is a folder of this name."""
    return isinstance(name, str | Path) and ("/" in str(name) or "\\" in str(name) or Path(name).is_dir())
