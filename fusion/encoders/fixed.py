"""Encoders without training: classical features, or a pretrained backbone, whitened to the width that strategies read.

    tokens = (raw tokens - mean) W_t        pooled = (raw vector - mean) W_p

W is PCA whitening, fitted without labels: all directions get unit variance, up to the limit `FLOOR`. Where there are fewer raw numbers
than `embed_dim` the rest is zero. Each classical feature has its own way to become one vector (a histogram, a bag of words, statistics
over time), so `pooled` is not the mean of the tokens.

Reference: Kessy 2018, Optimal Whitening and Decorrelation (PCA whitening).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, M, collate
from fusion.types import Features

FLOOR = 1e-3  # directions with a smaller share of the largest variance are scaled as if they had this share
MOST_TOKENS = 50_000


class Whitening(nn.Module):
    """(..., F) to (..., D): centred, decorrelated, of unit variance; before `fit` the first D numbers unchanged."""

    mean: Tensor
    map: Tensor

    def __init__(self, in_dim: int, out_dim: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(in_dim))
        self.register_buffer("map", torch.eye(in_dim, out_dim))

    @torch.no_grad()
    def fit(self, x: Tensor) -> None:
        """From samples x (N, F), N at least 2."""
        x = x.double()
        centred = x - x.mean(0)
        variance, vectors = torch.linalg.eigh(centred.T @ centred / (len(x) - 1))  # ascending
        kept = min(self.map.shape)
        variance = variance.flip(0)[:kept]
        vectors = vectors.flip(1)[:, :kept]
        vectors = vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign()  # the sign of an eigenvector is arbitrary
        scale = variance.clamp_min(FLOOR * float(variance[0].clamp_min(1e-12))).rsqrt()
        self.mean.copy_(x.mean(0))
        self.map.zero_()
        self.map[:, :kept] = (vectors * scale).to(self.map.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(self.mean.dtype) - self.mean) @ self.map


class FixedEncoder(Encoder[M]):
    """An encoder without trained parameters. Subclasses define `modality`, `prepare`, `describe`, and `learn` if they have a vocabulary.

    Args:
        token_dim: width of a raw token; pooled_dim: of the raw vector.
    """

    def __init__(self, embed_dim: int, token_dim: int, pooled_dim: int) -> None:
        super().__init__(embed_dim, pools=False)
        self.token_map = Whitening(token_dim, embed_dim)
        self.pooled_map = Whitening(pooled_dim, embed_dim)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Padded values (B, N, ...) and their mask (B, N) to raw features.

        Returns:
            Tokens (B, T, token_dim), their mask (B, T) with at least one real token per row, vector (B, pooled_dim), and the weight of
            each token in the vector (B, T), which sums to 1 over real tokens.
        """
        raise NotImplementedError

    def learn(self, media: Sequence[M]) -> None:
        """Fits a vocabulary, without labels and deterministically; most encoders have none."""

    def fit(self, media: Sequence[M]) -> None:
        """Fits vocabulary and whitening to media like those it will read."""
        for _ in self.fitting(media):
            pass

    def fitting(self, media: Sequence[M]) -> Iterator[float]:
        """`fit` step by step; yields the progress in [0, 1]."""
        self.learn(media)
        most = max(1, MOST_TOKENS // len(media))
        tokens, vectors = [], []
        for medium in media:
            raw_tokens, raw_vector = self.raw(medium, most)
            tokens.append(raw_tokens)
            vectors.append(raw_vector)
            yield len(tokens) / len(media)
        self.token_map.fit(torch.cat(tokens))
        self.pooled_map.fit(torch.cat(vectors))

    @torch.inference_mode()
    def raw(self, medium: M, most: int) -> tuple[Tensor, Tensor]:
        """Raw tokens (T, F) of a medium, evenly subsampled to at most `most`, and its raw vector (1, F'): the data of the whitening."""
        tokens, real, vector, _ = self.describe(*collate([self.prepare(medium)]))
        return tokens[real][:: 1 + (int(real.sum()) - 1) // most].clone(), vector

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        tokens, real, pooled, weights = self.describe(values, mask)
        return Features(self.token_map(tokens) * real[..., None], real, self.pooled_map(pooled), weights)
