"""Keeping one modality from learning so fast that the others hardly learn, when encoders and fusion are trained together from scratch.

    unimodal   a classifier on each encoder, whose loss is added with equal weight
    blending   the same with a weight for each loss (gradient blending), w ~ G / O^2: what a loss brings in generalisation, G, over
               how much more it overfits, O, both measured over the epochs before
    ogm_ge     on-the-fly gradient modulation: an encoder that is ahead of the others has its gradient scaled down by
               k_m = 1 - tanh(alpha rho_m), rho_m > 1 (k_m = 1 for the others), and gets noise of the gradient's own spread back (GE)

    rho_m = s_m / mean over the other modalities of s_n,  s_m = sum over the batch of the probability that m alone gives the true class

With two modalities rho is the ratio in the paper; it is defined there for two only.

Reference: Peng 2022, Balanced Multimodal Learning via On-the-fly Gradient Modulation (OGM-GE, arXiv 2203.15332); Wang 2020, What Makes
Training Multi-Modal Classification Networks Hard? (gradient blending, arXiv 1905.12681).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Balance = Literal["none", "unimodal", "blending", "ogm_ge"]
BALANCES: tuple[Balance, ...] = ("none", "unimodal", "blending", "ogm_ge")
ALPHA = 0.3  # of the modulation, from the range that the paper searches


def scores(logits: Tensor, label: Tensor, present: Tensor) -> Tensor:
    """s_m (M,): the mean over the batch of the probability that each modality alone gives the true class.

    Args:
        logits: (B, M, K) of each modality alone.
        label: (B,), -1 where there is none.
        present: (B, M) bool; others do not count.
    """
    known = present & (label >= 0)[:, None]
    truth = logits.softmax(-1).gather(-1, label.clamp_min(0)[:, None, None].expand(-1, logits.shape[1], 1)).squeeze(-1)
    return (truth * known).sum(0) / known.sum(0).clamp_min(1)


def modulation(found: Tensor, alpha: float = ALPHA) -> Tensor:
    """k_m (M,) in (0, 1] for scores s_m (M,): below one only for modalities that are ahead of the mean of the others."""
    M = len(found)
    if M == 1:
        return torch.ones_like(found)
    others = (found.sum() - found) / (M - 1)
    ratio = found / others.clamp_min(1e-8)
    return torch.where(ratio > 1, 1 - torch.tanh(alpha * ratio), torch.ones_like(ratio))


class GradientModulation:
    """Scales the gradients of each modality's parameters by its coefficient, and adds the noise of GE, as they are computed."""

    def __init__(self, parameters: Mapping[str, Iterable[nn.Parameter]], noise: bool = True) -> None:
        self.names = tuple(parameters)
        self.coefficients = torch.ones(len(self.names))
        self.noise = noise
        for i, group in enumerate(parameters.values()):
            for parameter in group:
                if parameter.requires_grad:
                    parameter.register_hook(lambda gradient, i=i: self.modulate(gradient, i))  # type: ignore[no-untyped-call]

    def modulate(self, gradient: Tensor, i: int) -> Tensor:
        """A gradient as the optimiser gets it; that of an encoder that is not ahead stays as it is."""
        k = float(self.coefficients[i])
        if k == 1.0:
            return gradient
        scaled = k * gradient
        if self.noise and gradient.numel() > 1:
            scaled = scaled + torch.randn_like(gradient) * (gradient.std() + 1e-8)
        return scaled


@dataclass(frozen=True)
class LossPair:
    """Losses of one answer (fused, or a modality alone) on training and validation samples, as they stand at one moment."""

    train: float
    validation: float

    @property
    def overfitting(self) -> float:
        return self.validation - self.train


def blending_weights(before: Mapping[str, LossPair], after: Mapping[str, LossPair]) -> dict[str, float]:
    """{answer: weight of its loss}, which sum to 1; proportional to generalisation over squared overfitting between two moments.

    An answer that did not generalise gets nothing; where none did, all count alike.
    """
    weights = {}
    for name in after:
        gain = before[name].validation - after[name].validation
        more_overfitting = max(after[name].overfitting - before[name].overfitting, 1e-3)
        weights[name] = max(gain, 0.0) / more_overfitting**2
    total = sum(weights.values())
    if total == 0:
        return dict.fromkeys(weights, 1 / len(weights))
    return {name: weight / total for name, weight in weights.items()}
