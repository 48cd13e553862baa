"""All encoders that can be chosen for a task: their names, loading one, and looking inside it.

registry = EncoderRegistry("digits")
registry.names("image")                                     ("image_cnn", "image_lbp", ...)
registry.load("image", "backbone:/models/vit-tiny")         any pretrained backbone, too
registry.activations("image", "image_lbp", medium) -> Activations
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path
from typing import TypedDict

import numpy as np
import torch

from fusion.config import CHECKPOINTS
from fusion.describe import trained_on
from fusion.encoder_choice import check_name, names_of
from fusion.encoder_metrics import EncoderMetrics, read_metrics
from fusion.encoders import ENCODERS, Encoder, FixedEncoder, Prepared, collate
from fusion.messages import Message, message
from fusion.model import load_encoder, load_weights
from fusion.paths import BACKBONE, encoder_folder, references_file
from fusion.reference_vectors import ReferenceVectors
from fusion.tasks import Task, find_task
from fusion.types import Activations, EncoderView, Features, FusionError, Medium, Scatter

logger = logging.getLogger(__name__)
SHOWN = 400  # reference samples in a scatter plot
BACKBONES_KEPT = 2  # in memory


class EncoderAbout(TypedDict):
    """What an encoder is, for people; `learned`: whether it has trained parameters."""

    title: str
    idea: str
    paper: str
    learned: bool


class EncoderRegistry:
    """The encoders of one task on one device; each is loaded when it is first asked for."""

    def __init__(self, task: str | Task | None = None, device: str = "cpu", checkpoints: Path = CHECKPOINTS) -> None:
        self.task = find_task(task)
        self.device = device
        self.checkpoints = checkpoints
        self._loaded: dict[tuple[str, str, bool], Encoder] = {}  # in the order in which they were loaded
        self._lock = threading.Lock()

    def names(self, modality: str) -> tuple[str, ...]:
        """Encoders whose weights are here, the compact one first."""
        return tuple(n for n in names_of(self.task.kinds[modality]) if os.path.exists(self._folder(modality, n) / "model.safetensors"))

    def load(self, modality: str, name: str) -> Encoder:
        """An encoder by name or "backbone:<hub id or path>", in eval mode.

        Raises:
            FusionError: it does not exist, reads another modality, or cannot be had, in one sentence.
        """
        check_name(self.task.kinds[modality], name)
        key = self._key(modality, name)
        with self._lock:
            if key not in self._loaded:
                encoder = self._read(modality, name)
                # classical features are computed by libraries that run on the CPU
                classical = isinstance(encoder, FixedEncoder) and not name.startswith(BACKBONE)
                self._loaded[key] = encoder.to("cpu" if classical else self.device)
                large = [k for k in self._loaded if k[1].startswith(BACKBONE)]
                for old in large[:-BACKBONES_KEPT]:  # a backbone may be a gigabyte
                    del self._loaded[old]
            return self._loaded[key]

    def activations(self, modality: str, name: str, medium: Medium) -> Activations:
        """What the encoder computes from a medium that `Lab.encode` loaded."""
        known = self._key(modality, name) in self._loaded
        encoder = self.load(modality, name)
        if not known:
            encoder.prepare(medium)  # the first call imports and compiles, which is no part of the encoder's time
        start = time.perf_counter()
        prepared = encoder.prepare(medium)
        prepare_seconds = time.perf_counter() - start
        start = time.perf_counter()
        features = encode(encoder, [prepared])
        forward_seconds = time.perf_counter() - start
        metrics, scatter, notes = self._measured(modality, name, features)
        return Activations(
            encoder=name,
            modality=modality,
            medium=medium,
            view=encoder_view(encoder, prepared, features, prepare_seconds + forward_seconds),
            panels=tuple(encoder.panels(medium, prepared)),
            prepare_seconds=prepare_seconds,
            forward_seconds=forward_seconds,
            scatter=scatter,
            probe=metrics.get("probe"),
            trained_on=None if name.startswith(BACKBONE) else trained_on(self.task, modality, self.describe(name)["learned"]),
            notes=notes,
        )

    def references(self, modality: str, name: str) -> ReferenceVectors | None:
        """The encoder's vectors of reference samples, where there are any."""
        return ReferenceVectors.find(references_file(self.checkpoints, self.task, modality, name))

    def metrics(self, modality: str, name: str) -> EncoderMetrics:
        """What was measured of an encoder; empty where nothing was, or where the file is damaged."""
        try:
            return read_metrics(self._folder(modality, name))
        except FusionError as error:
            logger.info("%s", error)
            return {}

    def fitted(self, modality: str, name: str) -> bool:
        """Whether an encoder is ready for strategies: of a backbone, whether its whitening was fitted on this machine."""
        return not name.startswith(BACKBONE) or self._whitening(modality, name) is not None

    def describe(self, name: str) -> EncoderAbout:
        """Title, idea and paper of an encoder."""
        if name.startswith(BACKBONE):
            title = name.removeprefix(BACKBONE)
            return {"title": title, "idea": "A pretrained backbone, as it is.", "paper": "", "learned": True}
        kind = ENCODERS[name]
        idea = (kind.__doc__ or "").strip().splitlines()[0]
        return {"title": kind.title, "idea": idea, "paper": kind.paper, "learned": not issubclass(kind, FixedEncoder)}

    def _key(self, modality: str, name: str) -> tuple[str, str, bool]:
        """Of a loaded encoder; a backbone is loaded anew once its whitening is fitted, which may be after it was first used."""
        return modality, name, self.fitted(modality, name)

    def _folder(self, modality: str, name: str) -> Path:
        return encoder_folder(self.checkpoints, self.task, modality, name)

    def _read(self, modality: str, name: str) -> Encoder:
        if name.startswith(BACKBONE):
            return self._read_backbone(modality, name)
        folder = self._folder(modality, name)
        if not os.path.exists(folder / "model.safetensors"):
            raise FusionError("The encoder {name} has no weights here; `python -m fusion train --strategy {name}` makes them.", name=name)
        encoder = load_encoder(folder)
        if not isinstance(encoder, ENCODERS[name]):
            raise FusionError("The weights in {folder} belong to another encoder.", folder=folder.name)
        return encoder

    def _read_backbone(self, modality: str, name: str) -> Encoder:
        """A pretrained backbone with the whitening that was fitted to it on this machine, if any."""
        from fusion.encoders.backbone import load_backbone  # transformers takes seconds to import

        source = name.removeprefix(BACKBONE)
        if os.environ.get("SPACE_ID") and Path(source).exists():
            raise FusionError("A hosted page accepts hub ids only, not folders on its server.")
        backbone = load_backbone(source, self.task.kinds[modality])
        whitening = self._whitening(modality, name)
        if whitening is not None:
            try:
                backbone.load_state_dict(whitening, strict=False)
            except RuntimeError as error:  # the source has changed since: treated as not fitted
                logger.warning("What was fitted to %s does not fit it any more: %s", name, error)
        return backbone.eval()

    def _whitening(self, modality: str, name: str) -> dict[str, torch.Tensor] | None:
        """What was fitted to a backbone on this machine (its own weights are not copied); None where it has to be fitted."""
        try:
            return load_weights(self._folder(modality, name))
        except FusionError:
            return None

    def _measured(self, modality: str, name: str, features: Features) -> tuple[EncoderMetrics, Scatter | None, tuple[Message, ...]]:
        """Metrics, scatter plot, and a sentence for each of them that is missing or damaged; a backbone need not have any."""
        notes: list[Message] = []
        metrics: EncoderMetrics = {}
        scatter = None
        if not name.startswith(BACKBONE):
            try:
                metrics = read_metrics(self._folder(modality, name))
            except FusionError as error:
                notes.append(message("Its metrics are not available: {reason}", reason=error))
        try:
            scatter = self._scatter(modality, name, features)
        except FusionError as error:
            if not name.startswith(BACKBONE):
                notes.append(message("There is no map of reference samples: {reason}", reason=error))
        return metrics, scatter, tuple(notes)

    def _scatter(self, modality: str, name: str, features: Features) -> Scatter:
        """The input among reference samples, in the two directions of largest variance."""
        path = references_file(self.checkpoints, self.task, modality, name)
        references = ReferenceVectors.load(path)
        if references.pooled.shape[1] != features.pooled.shape[1]:
            raise FusionError("{folder}/{file} belongs to another encoder.", folder=path.parent.name, file=path.name)
        scale = torch.ones(references.pooled.shape[1])
        encoder = self.load(modality, name)
        if isinstance(encoder, FixedEncoder):  # undoes the whitening, after which all directions have the same variance
            whitening = encoder.pooled_map.get_buffer("map")  # (raw dimensions, D)
            scale = whitening.norm(dim=0).cpu().clamp_min(1e-6).reciprocal()
            scale = torch.where(scale < 1e5, scale, 0.0)  # directions of zero variance
        x = references.pooled.float() * scale
        mean = x.mean(0)
        variance, directions = torch.linalg.eigh((x - mean).T @ (x - mean))  # ascending
        widest = directions[:, -2:].flip(1)
        points = ((x - mean) @ widest)[:SHOWN]
        here = (features.pooled[0].cpu() * scale - mean) @ widest
        explained = float(variance[-2:].sum() / variance.sum())
        return Scatter(points.numpy(), references.content[:SHOWN].numpy(), here.numpy(), explained)


def encode(encoder: Encoder, prepared: list[Prepared]) -> Features:
    """Features of a batch, computed on the encoder's own device."""
    values, mask = collate(prepared)
    device = next((x.device for x in (*encoder.parameters(), *encoder.buffers())), values.device)
    with torch.inference_mode():
        features: Features = encoder(values.to(device), mask.to(device))
    return features


def encoder_view(encoder: Encoder, prepared: Prepared, features: Features, seconds: float) -> EncoderView:
    """What an encoder read of one medium and what it gave (features of batch one), for views."""
    tokens = features.tokens[0].cpu().numpy()
    array = encoder.picture(prepared.values)
    return EncoderView(
        array=None if array is None else prepared.on_extent(array),
        extent=prepared.extent,
        layout=prepared.layout,
        weights=features.weights[0].cpu().numpy(),
        norms=np.linalg.norm(tokens, axis=-1),
        embedding=features.pooled[0].cpu().numpy(),
        seconds=seconds,
        parameters=count_parameters(encoder),
    )


def count_parameters(encoder: Encoder) -> int:
    """Trained parameters; of an encoder without any, fitted numbers."""
    return sum(p.numel() for p in encoder.parameters()) or sum(b.numel() for b in encoder.buffers())
