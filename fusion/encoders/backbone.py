"""Any pretrained backbone as an encoder: a model of transformers by its hub id or folder, or one of torchvision.

    load_backbone("microsoft/resnet-18", "image")
    load_backbone("openai/clip-vit-base-patch32", "text")      one tower of a model of pictures and texts
    load_backbone("torchvision:r3d_18", "video")

It is frozen. Its tokens and its pooled vector are whitened to the width that strategies read (`FixedEncoder`). The four towers in
`fusion.encoders.backbones` define which of its tokens have a place on the medium, and where.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.backbones.tower import Tower
from fusion.encoders.base import Prepared, collate
from fusion.encoders.fixed import FixedEncoder
from fusion.messages import message, words
from fusion.types import MODALITIES, FusionError, Medium, Panel


class Backbone(FixedEncoder[Medium]):
    """A network that others trained on much data, frozen; its last layer's tokens, and the vector its family was trained to give."""

    title = "Pretrained backbone"
    paper = ""

    def __init__(self, source: str, modality: str, tower: Tower[Any], embed_dim: int, token_dim: int, pooled_dim: int) -> None:
        super().__init__(embed_dim, token_dim, pooled_dim)
        self.source = source
        self.modality = modality
        self.tower = tower.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """It always stays in eval mode."""
        return super().train(False)

    def prepare(self, medium: Medium) -> Prepared:
        return self.tower.prepare(medium)

    @torch.no_grad()
    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """As in `FixedEncoder`. All tokens have the same weight in the vector: exact where it is their mean, else an approximation."""
        tokens, real, vector = self.tower.describe(values, mask)
        return tokens, real, vector, real / real.sum(1, keepdim=True)

    def picture(self, values: Tensor) -> np.ndarray | None:
        return self.tower.picture(values)

    @torch.inference_mode()
    def panels(self, medium: Medium, prepared: Prepared) -> list[Panel]:
        return self.tower.panels(prepared)

    def options(self) -> dict[str, Any]:
        return {"source": self.source, "modality": self.modality}


def load_backbone(source: str, modality: str, embed_dim: int = 96) -> Backbone:
    """A pretrained model as an encoder, in eval mode on the CPU, its whitening not fitted.

    Args:
        source: an id on huggingface.co, a folder with config.json and model.safetensors, or "torchvision:<name>".
        modality: "image", "text", "audio" or "video"; a model with several towers gives the one for it.

    Raises:
        FusionError: it cannot be loaded, for any reason.
    """
    source = source.strip()
    if modality not in MODALITIES:
        raise FusionError(
            "There is no modality named {modality!r}; there are {modalities}.", modality=modality, modalities=words(MODALITIES)
        )
    with torch.no_grad():
        tower = _load_tower(source, modality)
        token_dim, pooled_dim = _widths(source, tower)
    return Backbone(source, modality, tower, embed_dim, token_dim, pooled_dim)


def _load_tower(source: str, modality: str) -> Tower[Any]:
    from fusion.encoders.backbones.torchvision_cnn import PREFIX, load_torchvision

    if source.startswith(PREFIX):
        return load_torchvision(source, modality)
    from fusion.encoders.backbones.audio import AudioTower
    from fusion.encoders.backbones.hub import find_folder
    from fusion.encoders.backbones.pretrained import Pretrained, load_pretrained, one_sentence
    from fusion.encoders.backbones.text import TextTower
    from fusion.encoders.backbones.video import VideoTower
    from fusion.encoders.backbones.vision import VisionTower

    towers: dict[str, Callable[[Pretrained], Tower[Any]]] = {
        "image": VisionTower,
        "text": TextTower,
        "audio": AudioTower,
        "video": VideoTower,
    }
    model = load_pretrained(source, find_folder(source), modality)
    with one_sentence(source, message("returns no tokens that an encoder could use")):
        return towers[modality](model).eval()


def _widths(source: str, tower: Tower[Any]) -> tuple[int, int]:
    """Width of a token and of the vector, from a trial run: the configuration of a model is not always right about them."""
    from fusion.encoders.backbones.pretrained import one_sentence

    with one_sentence(source, message("returns no tokens that an encoder could use")):
        for medium in tower.trials():
            prepared = tower.prepare(medium)
            tokens, real, vector = tower.describe(*collate([prepared]))
            if tokens.ndim != 3 or vector.ndim != 2 or int(real.sum()) != len(prepared.layout.places):
                raise FusionError(
                    "{source} returns tokens of shape {shape} for {count} positions.",
                    source=source,
                    shape=tuple(tokens.shape),
                    count=len(prepared.layout.places),
                )
    return tokens.shape[2], vector.shape[1]
