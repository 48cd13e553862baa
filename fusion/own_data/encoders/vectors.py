"""Vectors of numbers that somebody else computed: they are standardised and turned, nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared
from fusion.own_data.encoders.base import OwnEncoder, Raw
from fusion.types import Features, FusionError, Layout


def one_place() -> Layout:
    """The layout of what has no parts."""
    return Layout("seconds", np.array([[0.0, 1.0]], np.float32))


class StandardisedVector(OwnEncoder[np.ndarray]):
    """A vector of numbers, standardised. One token."""

    title = "Standardised vector"
    paper = "baseline"
    modality = "vector"

    def __init__(self, embed_dim: int, width: int) -> None:
        super().__init__(embed_dim, 1, width)
        self.width = width

    def prepare(self, medium: np.ndarray) -> Prepared:
        x = np.asarray(medium, np.float32).ravel()
        if len(x) != self.width:
            raise FusionError("A vector has {count} numbers instead of {wanted}.", count=len(x), wanted=self.width)
        return Prepared(torch.from_numpy(x)[None], one_place(), (0.0, 1.0))

    def read(self, values: Tensor, mask: Tensor) -> Raw:
        return Raw(values.new_zeros(len(values), 1, 1), mask[:, :1], values[:, 0], [])

    def fit(self, raw: Raw) -> None:
        self.pooled_map.fit(raw.pooled)

    def embed(self, raw: Raw) -> Features:
        pooled = self.project(raw)
        one = torch.ones(len(pooled), 1, device=pooled.device)
        return Features(pooled[:, None], one.bool(), pooled, one)

    def options(self) -> dict[str, Any]:
        return {"width": self.width}
