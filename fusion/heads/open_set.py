"""Whether an answer is one of the labels, or "none of these": a threshold on the confidence (maximum softmax probability).

An answer counts as known where its confidence reaches the threshold of the modalities given, or where one modality by itself is more
confident than nearly everything unknown: modalities that contradict one another leave little confidence together, and are not unknown.

`python -m fusion calibrate` chooses the thresholds (`fusion.evaluation.rejection`); a strategy's `config.json` holds them.

Reference: Hendrycks & Gimpel 2017, A Baseline for Detecting Misclassified and Out-of-Distribution Examples (arXiv 1610.02136).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from fusion.config import StrategyConfig

Confidences = Mapping[tuple[str, ...], Tensor]  # {modalities given: confidence of each sample (N,)}


@dataclass(frozen=True)
class OpenSetThresholds:
    """When an answer counts as one of the labels.

    fused     {modalities given, "image+text": least confidence}
    unimodal  {modality: confidence of this modality by itself that is enough, whatever the others say}; a modality may be left out
    """

    fused: Mapping[str, float]
    unimodal: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, config: StrategyConfig) -> OpenSetThresholds | None:
        """Those of a strategy; None in tasks whose answers are always one of the labels."""
        return None if config.thresholds is None else cls(config.thresholds, config.unimodal_thresholds or {})

    def threshold(self, given: tuple[str, ...]) -> float:
        """Least confidence of an answer from these modalities."""
        return self.fused["+".join(given)]

    def known(self, confidences: Confidences, given: tuple[str, ...]) -> Tensor:
        """Which samples (N,) count as known when `given` is given; `confidences` has that subset and each modality by itself."""
        enough = [confidences[given] >= self.threshold(given)]
        enough += [confidences[m,] >= self.unimodal[m] for m in given if m in self.unimodal]
        return torch.stack(enough).any(0)
