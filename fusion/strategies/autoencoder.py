"""Autoencoder fusion: one small latent variable explains all modalities; each present one contributes a Gaussian over it.

    q(z | x_m) = N(mean_m, 1 / precision_m)                     one Gaussian expert per modality, precision_m > 0
    q(z | all) = N(0, 1) * prod_{m present} q(z | x_m)          so precision = 1 + sum_m precision_m   (B, Z)
                                                                and mean = sum_m precision_m mean_m / precision
    fused = MLP(z), reconstructed x_m = MLP_m(z)                      z drawn from q in training, its mean otherwise
    loss  = the task's + beta KL(q(z | all) || N(0, 1)) + mean square error of the reconstructed x_m

A missing modality is an expert of precision zero, which leaves the product of the others as it is. Modality dropout gives training a
random subset per sample, which draws one component of MoPoE's mixture of products of experts; every modality is reconstructed whether
it was dropped or not, so the latent learns to predict the missing from the present. Limit: it reconstructs embeddings, not media,
and their mean where several would fit.

Reference: Wu 2018, Multimodal Generative Models for Scalable Weakly-Supervised Learning (MVAE, arXiv 1802.05335); Sutter 2021,
Generalized Multimodal ELBO (MoPoE, arXiv 2105.02470).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.strategies.base import Strategy, Targets, mlp, mlp_per_modality
from fusion.types import Features, FusionOutput


def product_of_experts(means: Tensor, precisions: Tensor) -> tuple[Tensor, Tensor]:
    """Experts (B, M, Z) and a standard normal prior to the (mean, log-variance) of their product, each (B, Z)."""
    precision = 1 + precisions.sum(1)
    return (precisions * means).sum(1) / precision, -precision.log()


def kl_to_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Nats per latent number between N(mean, variance) and N(0, 1)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


class Autoencoder(Strategy):
    """Encodes all modalities into one latent, classifies from it, and reconstructs even the missing modalities from it."""

    title = "Autoencoder fusion"
    formula = "q(z | x) = N(0, 1) · Π_m q(z | x_m),  fused = MLP(z)"
    paper = "Wu et al. 2018 (MVAE); Sutter et al. 2021"
    fuses = "embeddings"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        latent_dim: int = 32,
        hidden: int = 96,
        beta: float = 0.01,
        dropout: float = 0.0,
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim
        self.beta = beta
        self.experts = mlp_per_modality(len(modalities), embed_dim, hidden, 2 * latent_dim, dropout)
        self.decoders = mlp_per_modality(len(modalities), latent_dim, hidden, embed_dim, dropout)
        self.mix = mlp(latent_dim, hidden, embed_dim, dropout)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        means, raw_precisions = self.experts(x).chunk(2, -1)  # (B, M, Z)
        precisions = F.softplus(raw_precisions) * present[..., None]
        mean, log_variance = product_of_experts(means, precisions)
        z = mean
        if self.training:
            z = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        decoded = self.decoders(z[:, None].expand(-1, len(self.modalities), -1))  # (B, M, D)
        reconstructions = {m: decoded[:, i] for i, m in enumerate(self.modalities)}
        return FusionOutput(self.mix(z), reconstructions=reconstructions, latent=(mean, log_variance))

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        assert output.reconstructions is not None and output.latent is not None
        # `present` hides a modality from the experts only: the embedding of a dropped one is known here, and a target
        names = [m for m in self.modalities if m in features]
        errors = [F.mse_loss(output.reconstructions[m], features[m].pooled) for m in names]
        mean, log_variance = output.latent
        kl = kl_to_prior(mean, log_variance).mean()
        return super().objective(losses, output, features, present, targets) + self.beta * kl + torch.stack(errors).mean()
