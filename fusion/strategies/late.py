"""Late fusion: one classifier per modality, then a weighted vote of their probabilities, each with a temperature.

    log-odds = sum_m  w_m * log softmax(z_m / T_m)      z_m = A_m x_m + b_m, w_m = softplus, T_m > 0, missing modalities do not vote

The product rule of Kittler with a learned reliability per modality. In new trainings T_m is 1 while everything else is learned, and is
then fitted to samples that were held out, so that each modality's probabilities are as sure as they are right (Guo 2017). Weights without
this option learned T_m together with the classifier that it divides, which can absorb it: these are not calibrated. The vote is
additive in log-odds, so it cannot express a question whose answer depends on a combination (a + b): no w makes it so.

Reference: Kittler 1998, On Combining Classifiers (IEEE PAMI 20(3)); Guo 2017, On Calibration of Modern Neural Networks
(arXiv 1706.04599).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.heads.temperature import fit_temperature
from fusion.messages import Message, message
from fusion.strategies.base import PerModality, Strategy, Targets
from fusion.types import Features, FusionOutput

NOT_CALIBRATED = message("The temperature of each vote was learned in training, not fitted on held-out samples as in Guo 2017.")


class Late(Strategy):
    """Classifies each modality on its own and adds up their votes, each with a learned weight and temperature."""

    title = "Late fusion"
    formula = "log p = Σ w_m · log softmax(z_m / T_m)"
    paper = "Kittler et al. 1998; Guo et al. 2017"
    fuses = "logits"
    log_temperature: Tensor  # (M,)

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        temperatures: Literal["learned", "calibrated"] = "learned",
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = num_classes
        self.calibrated = temperatures == "calibrated"
        self.held_out = 0.1 if self.calibrated else 0.0
        self.classifiers = PerModality(len(modalities), embed_dim, num_classes)
        self.weight = nn.Parameter(torch.full((len(modalities),), 0.5413))  # softplus(0.5413) = 1
        if self.calibrated:
            self.register_buffer("log_temperature", torch.zeros(len(modalities)))
        else:
            self.log_temperature = nn.Parameter(torch.zeros(len(modalities)))

    @classmethod
    def options_for(cls, questions: dict[str, int], places: bool, kinds: dict[str, str]) -> dict[str, object]:
        return {"temperatures": "calibrated"}

    @property
    def differs(self) -> Message | None:
        return None if self.calibrated else NOT_CALIBRATED

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        scaled = self.classifiers(x) / self.log_temperature.exp()[:, None]  # (B, M, K)
        weights = F.softplus(self.weight) * present  # (B, M)
        fused = torch.einsum("bm,bmk->bk", weights.to(scaled.dtype), scaled.log_softmax(-1))
        unimodal = {m: scaled[:, i] for i, m in enumerate(self.modalities)}
        return FusionOutput(fused, weights / weights.sum(-1, keepdim=True), unimodal_logits=unimodal)

    def after_training(self, features: dict[str, Features], present: Tensor, targets: Targets) -> None:
        logits = self.classifiers(self.embeddings(features, present)).detach()  # (N, M, K)
        for i in range(len(self.modalities)):
            usable = present[:, i] & (targets.own[:, i] >= 0)
            if usable.any():
                self.log_temperature[i] = math.log(fit_temperature(logits[usable, i], targets.own[usable, i]))
