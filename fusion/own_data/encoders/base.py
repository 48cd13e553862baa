"""The base class: raw features, which are cached, and the projection, which is fitted anew to the training samples of each fold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Encoder, M, Prepared, collate
from fusion.own_data.encoders.projection import Projection
from fusion.types import Features, Layout

VERSION = 1  # of what `read` computes: with another number all raw features are computed anew
MOST_TOKENS = 16  # of a sample; longer sequences are averaged in as many equal spans


@dataclass
class Raw:
    """Raw features of a batch, which do not depend on the training samples.

    tokens   (B, T, F) and mask (B, T)
    pooled   (B, P)
    grams    of texts, (B,) list of (n,) indices of their n-grams; empty for other kinds
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor
    grams: list[Tensor]

    def rows(self, index: Tensor) -> Raw:
        """Some of the samples."""
        return Raw(self.tokens[index], self.mask[index], self.pooled[index], [self.grams[i] for i in index.tolist()] if self.grams else [])


class OwnEncoder(Encoder[M]):
    """An encoder of data of one's own. Subclasses define `modality`, `prepare`, `read`, `options` and `weights_digest`.

    Args:
        token_dim, pooled_dim: widths of the raw features.
    """

    title = "Frozen features, projected"
    paper = "Pearson 1901 (principal components)"

    def __init__(self, embed_dim: int, token_dim: int, pooled_dim: int) -> None:
        super().__init__(embed_dim, pools=False)
        self.token_map = Projection(token_dim, embed_dim)
        self.pooled_map = Projection(pooled_dim, embed_dim)

    def read(self, values: Tensor, mask: Tensor) -> Raw:
        """Padded values (B, N, ...) and their mask (B, N) to raw features."""
        raise NotImplementedError

    def learn(self, media: Sequence[Any]) -> None:
        """What has to be known of all samples before any is read, such as the levels of a category; without labels."""

    def project(self, raw: Raw) -> Tensor:
        """(B, D) the vector."""
        found: Tensor = self.pooled_map(raw.pooled)
        return found

    def fit(self, raw: Raw) -> None:
        """Fits the projections to training samples, without labels."""
        self.pooled_map.fit(raw.pooled)
        self.token_map.fit(raw.tokens[raw.mask])

    def embed(self, raw: Raw) -> Features:
        """Raw features to what strategies read."""
        tokens = self.token_map(raw.tokens) * raw.mask[..., None]
        weights = raw.mask / raw.mask.sum(1, keepdim=True)
        return Features(tokens, raw.mask, self.project(raw), weights)

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        return self.embed(self.read(values, mask))

    @torch.inference_mode()
    def read_media(self, prepared: list[Prepared]) -> Raw:
        values, mask = collate(prepared)
        return self.read(values.to(self.device), mask.to(self.device))

    @property
    def device(self) -> torch.device:
        return self.pooled_map.mean.device

    def fingerprint(self) -> str:
        """Of all that raw features depend on, besides the medium."""
        return hashlib.sha256(f"{VERSION} {type(self).__name__} {self.raw_options()} {self.weights_digest()}".encode()).hexdigest()[:16]

    def raw_options(self) -> Any:
        """Those options that raw features depend on."""
        return self.options()

    def weights_digest(self) -> str:
        """Of the weights that raw features depend on; "" where there are none."""
        return ""


def digest_of(module: torch.nn.Module) -> str:
    """A hash of all its weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def spans_of(count: int, most: int = MOST_TOKENS) -> np.ndarray:
    """(count,) the span that each of `count` tokens falls in, at most `most` of them."""
    return np.arange(count) * min(count, most) // max(count, 1)


def merged(tokens: Tensor, mask: Tensor, most: int = MOST_TOKENS) -> tuple[Tensor, Tensor]:
    """Tokens (B, T, F) averaged in at most `most` equal spans of the real ones, which come first: (B, G, F), and their mask (B, G)."""
    lengths = mask.sum(1)
    groups = torch.full(mask.shape, -1, device=mask.device)
    for row, length in enumerate(lengths.tolist()):
        groups[row, :length] = torch.from_numpy(spans_of(length, most)).to(mask.device)
    belongs = groups[:, None] == torch.arange(int(lengths.clamp_max(most).max()), device=mask.device)[None, :, None]  # (B, G, T)
    share = belongs / belongs.sum(-1, keepdim=True).clamp_min(1)
    return share.to(tokens.dtype) @ torch.where(mask[..., None], tokens, 0.0), belongs.any(-1)


def merged_layout(layout: Layout, most: int = MOST_TOKENS) -> Layout:
    """Where those spans lie: from the start of the first token to the end of the last."""
    spans = spans_of(len(layout.places), most)
    if layout.kind in ("seconds", "characters"):
        places = [(layout.places[spans == s][0, 0], layout.places[spans == s][-1, 1]) for s in np.unique(spans)]
    else:
        places = [layout.places[spans == s].mean(0) for s in np.unique(spans)]
    return Layout(layout.kind, np.array(places, np.float32))
