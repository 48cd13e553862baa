"""A pretrained encoder read through the names its teacher knew: log-probabilities of ImageNet's or AudioSet's names, nothing learned since.

A picture of anything is described by how likely each of a thousand names is, a sound by 521. Labels that nobody trained on are compared
with these names (`fusion.heads.label_readers`); the encoder itself knows no label.

Reference: Norouzi 2014, Zero-Shot Learning by Convex Combination of Semantic Embeddings (ConSE, arXiv 1312.5650).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.encoders.audio_mobilenet import AudioMobileNet
from fusion.encoders.base import Encoder, Prepared
from fusion.encoders.image_efficientnet import ImageEfficientNet, concept_names
from fusion.encoders.video_frames import VideoFrames
from fusion.types import Features, Panel

Source = ImageEfficientNet | AudioMobileNet | VideoFrames


class NamedReading(Encoder[Any]):
    """Reads a medium as log-probabilities (N,) of its encoder's names: one row for each token, and one for the whole medium.

    `names` (N,) are in the order of the numbers. Names exclude each other in pictures and clips, and do not in sounds.
    """

    title = "Names of a pretrained classifier"
    paper = "Norouzi et al. 2014"

    def __init__(self, source: Source) -> None:
        names = source.class_names if isinstance(source, AudioMobileNet) else concept_names()
        super().__init__(len(names), pools=False)
        self.modality = source.modality
        self.source = source
        self.names = tuple(names)
        self.shift = source.shift

    def prepare(self, medium: Any) -> Prepared:
        return self.source.prepare(medium)

    def prepare_like(self, medium: Any, other: Prepared) -> Prepared:
        return self.source.prepare_like(medium, other)

    def picture(self, values: Tensor) -> np.ndarray | None:
        return self.source.picture(values)

    def panels(self, medium: Any, prepared: Prepared) -> list[Panel]:
        return self.source.panels(medium, prepared)

    def log_probs(self, vector: Tensor) -> Tensor:
        """Vectors (..., W) of the trunk to log-probabilities (..., N) of the names."""
        concepts = self.source.concepts
        logits = F.linear(vector, concepts.weight, concepts.bias).float()
        return logits.log_softmax(-1) if concepts.exclusive else F.logsigmoid(logits)

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        hidden, real = self.source.run_trunk(values, mask)
        share = real.to(hidden.dtype) / real.sum(1, keepdim=True)  # (B, T)
        whole = torch.einsum("btw,bt->bw", hidden, share)
        return Features(self.log_probs(hidden), real, self.log_probs(whole), share)
