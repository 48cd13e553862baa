"""All encoders that can be chosen for a task: their names, loading one, and looking inside it.

registry = EncoderRegistry("digits")
registry.names("image")                                     ("image_cnn", "image_lbp", ...)
registry.load("image", "backbone:/models/vit-tiny")         any pretrained backbone, too
registry.inside("image", "image_lbp", medium) -> Inside
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch

from fusion.config import CHECKPOINTS
from fusion.encoder_choice import BACKBONE, ReferenceVectors, check_name, encoder_folder, names_of
from fusion.encoders import ENCODERS, Encoder, FixedEncoder, Prepared, collate
from fusion.files import load_json
from fusion.messages import Message, message
from fusion.model import load_encoder, load_weights
from fusion.tasks import Task, find_task
from fusion.types import Features, FusionError, Inside, Medium, Scatter, Seen

logger = logging.getLogger(__name__)
FACTS = "facts.json"  # beside an encoder's weights: what it was trained on, and how well a linear probe reads it
KINDS = {"probe": int | float, "trained_on": str}  # of the entries that are shown
SHOWN, BACKBONES_KEPT = 400, 2


class EncoderRegistry:
    """The encoders of one task on one device; each is loaded when it is first asked for."""

    def __init__(self, task: str | Task | None = None, device: str = "cpu", checkpoints: Path = CHECKPOINTS) -> None:
        self.task, self.device, self.checkpoints = find_task(task), device, checkpoints
        self._loaded: OrderedDict[tuple[str, str, bool], Encoder] = OrderedDict()
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
                # a textbook's feature is computed by libraries of the CPU, and so is all that it keeps
                textbook = isinstance(encoder, FixedEncoder) and not name.startswith(BACKBONE)
                self._loaded[key] = encoder.to("cpu" if textbook else self.device)
                large = [k for k in self._loaded if k[1].startswith(BACKBONE)]
                for old in large[:-BACKBONES_KEPT]:  # a backbone may be a gigabyte
                    del self._loaded[old]
            return self._loaded[key]

    def inside(self, modality: str, name: str, medium: Medium) -> Inside:
        """What the encoder makes of a medium as `Lab.encode` gives it."""
        known = self._key(modality, name) in self._loaded
        encoder = self.load(modality, name)
        if not known:
            encoder.prepare(medium)  # the very first call imports and compiles, which is not what an encoder costs
        start = time.perf_counter()
        prepared = encoder.prepare(medium)
        middle = time.perf_counter()
        features = encode(encoder, [prepared])
        seconds = middle - start, time.perf_counter() - middle
        panels = tuple(encoder.inside(medium, prepared))
        facts, scatter, notes = self._measured(modality, name, features)
        tokens = features.tokens[0].cpu().numpy()
        seen = Seen(
            encoder.picture(prepared.values), prepared.extent, prepared.layout, features.weights[0].cpu().numpy(),
            np.linalg.norm(tokens, axis=-1), features.pooled[0].cpu().numpy(), sum(seconds), count(encoder),
        )  # fmt: skip
        return Inside(name, modality, medium, seen, panels, *seconds, scatter, facts.get("probe"), facts.get("trained_on", ""), notes)

    def references(self, modality: str, name: str) -> ReferenceVectors | None:
        return ReferenceVectors.load(ReferenceVectors.path(self.checkpoints, self.task, modality, name))

    def facts(self, modality: str, name: str) -> dict[str, object]:
        """What was written down about an encoder when it was measured; nothing where it was not, or where that is damaged."""
        try:
            return self._read_facts(modality, name)
        except FusionError as error:
            logger.info("%s", error)
            return {}

    def fitted(self, modality: str, name: str) -> bool:
        """Whether an encoder is ready for strategies: of a backbone, whether its whitening was fitted on this machine."""
        return not name.startswith(BACKBONE) or self._whitening(modality, name) is not None

    def describe(self, name: str) -> dict[str, object]:
        """{"title", "idea", "paper", "learned"} of an encoder."""
        if name.startswith(BACKBONE):
            title = name.removeprefix(BACKBONE)
            return {"title": title, "idea": "A pretrained backbone, as it is.", "paper": "", "learned": True}
        kind = ENCODERS[name]
        words = (kind.__doc__ or "").strip().splitlines()[0]
        return {"title": kind.title, "idea": words, "paper": kind.paper, "learned": not issubclass(kind, FixedEncoder)}

    def _key(self, modality: str, name: str) -> tuple[str, str, bool]:
        """A backbone is another one once its whitening is fitted, which may be after somebody looked into it."""
        return modality, name, self.fitted(modality, name)

    def _folder(self, modality: str, name: str) -> Path:
        return encoder_folder(self.checkpoints, self.task, modality, name)

    def _read(self, modality: str, name: str) -> Encoder:
        folder = self._folder(modality, name)
        if name.startswith(BACKBONE):
            from fusion.encoders.backbone import load_backbone  # transformers takes seconds to import

            source = name.removeprefix(BACKBONE)
            if os.environ.get("SPACE_ID") and Path(source).exists():
                raise FusionError("A hosted page takes hub ids only, not folders of its server.")
            encoder = load_backbone(source, self.task.kinds[modality])
            if (kept := self._whitening(modality, name)) is not None:
                try:
                    encoder.load_state_dict(kept, strict=False)
                except RuntimeError as error:  # the source was changed since: as if it had not been fitted
                    logger.warning("What was fitted to %s does not fit it any more: %s", name, error)
            return encoder.eval()
        if not os.path.exists(folder / "model.safetensors"):
            raise FusionError("The encoder {name} has no weights here; `python -m fusion train --strategy {name}` makes them.", name=name)
        encoder = load_encoder(folder)
        if not isinstance(encoder, ENCODERS[name]):
            raise FusionError("The weights in {folder} are those of another encoder.", folder=folder.name)
        return encoder

    def _whitening(self, modality: str, name: str) -> dict[str, torch.Tensor] | None:
        """What was fitted to a backbone on this machine, whose own weights stay where they came from; None where it must be made anew."""
        try:
            return load_weights(self._folder(modality, name))
        except FusionError:
            return None

    def _read_facts(self, modality: str, name: str) -> dict[str, object]:
        path = self._folder(modality, name) / FACTS
        facts = load_json(path)
        if not isinstance(facts, dict) or not all(isinstance(facts[key], kind) for key, kind in KINDS.items() if key in facts):
            raise FusionError("{folder}/{file} is damaged: it holds no facts about an encoder.", folder=path.parent.name, file=path.name)
        return facts

    def _measured(self, modality: str, name: str, features: Features) -> tuple[dict[str, object], Scatter | None, tuple[Message, ...]]:
        """Facts, map, and a sentence for each of them that is missing or damaged."""
        notes, facts, scatter = [], {}, None
        if not name.startswith(BACKBONE):
            try:
                facts = self._read_facts(modality, name)
            except FusionError as error:
                notes.append(message("How well it was measured is not known here: {reason}", reason=error))
        try:
            scatter = self._scatter(modality, name, features)
        except FusionError as error:
            if not name.startswith(BACKBONE):
                notes.append(message("There is no map of reference samples: {reason}", reason=error))
        return facts, scatter, tuple(notes)

    def _scatter(self, modality: str, name: str, features: Features) -> Scatter:
        path = ReferenceVectors.path(self.checkpoints, self.task, modality, name)
        found = ReferenceVectors.read(path)
        if found.pooled.shape[1] != features.pooled.shape[1]:
            raise FusionError("{folder}/{file} is of another encoder.", folder=path.parent.name, file=path.name)
        x, encoder = found.pooled.float(), self.load(modality, name)
        scale = torch.ones(x.shape[1])
        if isinstance(encoder, FixedEncoder):  # whitened, all directions are equally wide: back to as wide as they were
            scale = encoder.pooled_map.map.norm(dim=0).cpu().clamp_min(1e-6).reciprocal()
            scale = torch.where(scale < 1e5, scale, 0.0)  # directions that it does not have
        x = x * scale
        mean = x.mean(0)
        variance, vectors = torch.linalg.eigh((x - mean).T @ (x - mean))
        wide = vectors[:, -2:].flip(1)
        points = ((x - mean) @ wide)[:SHOWN]
        here = (features.pooled[0].cpu() * scale - mean) @ wide
        return Scatter(points.numpy(), found.content[:SHOWN].numpy(), here.numpy(), float(variance[-2:].sum() / variance.sum()))


def encode(encoder: Encoder, prepared: list[Prepared]) -> Features:
    """A batch through an encoder on whatever device it is."""
    values, mask = collate(prepared)
    device = next((x.device for x in (*encoder.parameters(), *encoder.buffers())), values.device)
    with torch.inference_mode():
        return encoder(values.to(device), mask.to(device))


def count(encoder: Encoder) -> int:
    """Numbers that were trained; of an encoder without any, those that were fitted."""
    return sum(p.numel() for p in encoder.parameters()) or sum(b.numel() for b in encoder.buffers())
