"""Unimodal baseline: one modality alone, what every fusion has to beat.

fused = x_m
"""

from __future__ import annotations

from torch import Tensor

from fusion.strategies.base import Strategy
from fusion.types import Features, FusionOutput


class Unimodal(Strategy):
    """Uses one modality and ignores the rest: the baseline that fusion has to beat."""

    title = "One modality alone"
    formula = "fused = x_m"
    paper = "baseline"
    fuses = "embeddings"

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        return FusionOutput(fused=self.embeddings(features, present)[:, 0])
