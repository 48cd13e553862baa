"""Vectors that an encoder gives for reference samples: heads are trained on them, and the page shows an input among them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fusion.files import load_tensors, save_tensors
from fusion.types import FusionError


@dataclass(frozen=True)
class ReferenceVectors:
    """Vectors of N samples and their labels.

    pooled (N, D) float16; labels (N,) the label of each sample; content (N,) the same where the medium names it, else -1.
    """

    pooled: Tensor
    labels: Tensor
    content: Tensor

    @classmethod
    def find(cls, path: Path) -> ReferenceVectors | None:
        """Those in a file; None where there are none, or where the file cannot be used."""
        try:
            return cls.load(path)
        except FusionError:
            return None

    @classmethod
    def load(cls, path: Path) -> ReferenceVectors:
        """What `save` wrote.

        Raises:
            FusionError: the file is missing or damaged, in one sentence.
        """
        found = load_tensors(path)
        pooled = found.pop("pooled", None)
        content = found.pop("content", None)
        labels = next(iter(found.values()), None)  # "labels"; older files call them otherwise
        if pooled is None or content is None or labels is None or not _fit(pooled, labels, content):
            raise FusionError("{folder}/{file} holds no reference samples.", folder=path.parent.name, file=path.name)
        return cls(pooled, labels.long(), content.long())

    def save(self, path: Path) -> None:
        save_tensors(path, {"pooled": self.pooled.half(), "labels": self.labels.to(torch.int8), "content": self.content.to(torch.int8)})


def _fit(pooled: Tensor, labels: Tensor, content: Tensor) -> bool:
    """Whether there is at least one vector, and a label and a content for each."""
    return pooled.ndim == 2 and len(pooled) > 0 and labels.shape == pooled.shape[:1] and content.shape == labels.shape
