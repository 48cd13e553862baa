"""Encoders that nobody trains: a textbook's feature, or a pretrained backbone, brought to the width that strategies read.

    tokens = (raw tokens - mean) W_t        pooled = (raw vector - mean) W_p

W is PCA whitening, fitted without labels: every direction counts alike, small ones at most as far as `FLOOR` allows. Where there are
fewer raw numbers than `embed_dim` the rest is zero. A textbook's feature has a way of its own to become one vector (a histogram, a bag
of words, statistics over time), so `pooled` is no mean of the tokens.

Reference: Kessy 2018, Optimal Whitening and Decorrelation (PCA whitening).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, collate
from fusion.types import Features, Medium

FLOOR = 1e-3  # directions with less than this share of the largest variance are not blown up further
MOST_TOKENS = 50_000


class Whitening(nn.Module):
    """(..., F) to (..., D): centred, decorrelated, of unit variance; before `fit` the first D numbers as they are."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inside))
        self.register_buffer("map", torch.eye(inside, outside))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """From samples x (N, F), N at least 2."""
        x = x.double()
        centred = x - x.mean(0)
        variance, vectors = torch.linalg.eigh(centred.T @ centred / (len(x) - 1))  # ascending
        kept = min(self.map.shape)
        variance, vectors = variance.flip(0)[:kept], vectors.flip(1)[:, :kept]
        vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # a direction has no sign of its own
        scale = variance.clamp_min(FLOOR * float(variance[0].clamp_min(1e-12))).rsqrt()
        self.mean.copy_(x.mean(0))
        self.map.zero_()
        self.map[:, :kept] = (vectors * scale).to(self.map.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.mean.dtype) - self.mean) @ self.map


class FixedEncoder(Encoder):
    """An encoder without trained parameters. Subclasses say `modality`, `prepare`, `describe`, and `learn` where they need a vocabulary.

    Args:
        token_dim: numbers of a raw token; pooled_dim: of the raw vector.
    """

    def __init__(self, embed_dim: int, token_dim: int, pooled_dim: int) -> None:
        super().__init__(embed_dim, pools=False)
        self.token_map, self.pooled_map = Whitening(token_dim, embed_dim), Whitening(pooled_dim, embed_dim)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Padded values (B, N, ...) and which of N are real (B, N) to raw features.

        Returns:
            Tokens (B, T, token_dim), which are real (B, T) with at least one per row, vector (B, pooled_dim), and the share of each token
            in the vector (B, T), which sums to 1 over real tokens.
        """
        raise NotImplementedError

    def learn(self, media: Sequence[Medium]) -> None:
        """Fits a vocabulary, without labels and the same for the same media; most have none."""

    def fit(self, media: Sequence[Medium]) -> None:
        """Vocabulary and whitening from media of the kind it will read."""
        for _ in self.fitting(media):
            pass

    def fitting(self, media: Sequence[Medium]) -> Iterator[float]:
        """`fit` step by step, saying how far it is, in [0, 1]."""
        self.learn(media)
        raw, most = [], max(1, MOST_TOKENS // len(media))
        for medium in media:
            raw.append(self.raw(medium, most))
            yield len(raw) / len(media)
        tokens, pooled = zip(*raw, strict=True)
        self.token_map.fit(torch.cat(tokens))
        self.pooled_map.fit(torch.cat(pooled))

    @torch.inference_mode()
    def raw(self, medium: Medium, most: int) -> tuple[Tensor, Tensor]:
        """Raw tokens (T, F) of a medium, evenly thinned to at most `most`, and its raw vector (1, F'): what whitening is fitted on."""
        tokens, real, vector, _ = self.describe(*collate([self.prepare(medium)]))
        return tokens[real][:: 1 + (int(real.sum()) - 1) // most].clone(), vector

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        tokens, real, pooled, weights = self.describe(values, mask)
        return Features(self.token_map(tokens) * real[..., None], real, self.pooled_map(pooled), weights)
