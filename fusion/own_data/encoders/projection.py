"""Raw numbers to the width that strategies read: standardised, cut at five deviations, turned on their principal directions.

    z = clamp((x - mean) / deviation, -5, 5)        projected = z V_D g

V_D are the D directions of largest variance. They keep their variance: with few samples, whitening would blow up the noise of the small
ones. g brings the mean square of all D numbers to 1. Numbers that are not there (NaN) are taken as the mean.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LIMIT = 5.0  # deviations
MOST_ROWS = 20_000  # that are looked at


class Projection(nn.Module):
    """(..., F) to (..., D); before `fit` the first D numbers unchanged. Where F < D the rest is zero."""

    mean: Tensor
    scale: Tensor
    map: Tensor

    def __init__(self, in_dim: int, out_dim: int, standardise: bool = True) -> None:
        """Without `standardise` all numbers keep their scale."""
        super().__init__()
        self.standardise = standardise
        self.register_buffer("mean", torch.zeros(in_dim))
        self.register_buffer("scale", torch.ones(in_dim))
        self.register_buffer("map", torch.eye(in_dim, out_dim))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """From samples (N, F)."""
        if len(x) > MOST_ROWS:
            x = x[torch.linspace(0, len(x) - 1, MOST_ROWS).long()]
        x = x.double()
        known = x.isfinite()
        count = known.sum(0).clamp_min(1)
        filled = torch.where(known, x, 0.0)
        mean = filled.sum(0) / count
        centred = torch.where(known, x - mean, 0.0)
        deviation = (centred.square().sum(0) / count).sqrt()
        constant = deviation < 1e-6 * deviation.max().clamp_min(1e-12)
        if not self.standardise:
            deviation = deviation.square().mean().sqrt().expand_as(deviation)
        scale = torch.where(constant, 0.0, 1 / deviation.clamp_min(1e-12))
        z = (centred * scale).clamp(-LIMIT, LIMIT)
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        self.map.copy_(principal(z, self.map.shape[1]))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.where(x.isfinite(), x.to(self.mean.dtype), self.mean)
        return ((x - self.mean) * self.scale).clamp(-LIMIT, LIMIT) @ self.map


def principal(z: Tensor, out_dim: int) -> Tensor:
    """(F, D) directions of largest variance of centred samples z (N, F), scaled so that the projections have a mean square of 1."""
    N, F = z.shape
    if F <= N:
        variance, vectors = torch.linalg.eigh(z.T @ z / N)
        vectors = vectors.flip(1)
    else:
        variance, left = torch.linalg.eigh(z @ z.T / N)
        vectors = z.T @ left.flip(1)
        vectors = vectors / vectors.norm(dim=0).clamp_min(1e-9)
    kept = min(out_dim, vectors.shape[1])
    vectors = vectors[:, :kept]
    vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # the sign of an eigenvector is arbitrary
    power = float((z @ vectors).square().sum(1).mean()) / kept
    found = torch.zeros(F, out_dim, dtype=z.dtype)
    found[:, :kept] = vectors / max(power, 1e-12) ** 0.5
    return found
