"""Texts: a sentence encoder, and beside its vector the words themselves, as n-grams that are learned from the training samples.

    gram(text)      words, pairs of words, and runs of 3 to 5 letters, each hashed to one of 2^15 numbers
    weight_g        (1 + ln count) (ln((1 + n) / (1 + n_g)) + 1), to length 1
    lexical         weight U, U the 96 directions of largest weight (latent semantic analysis)

The sentence encoder knows what a sentence is about; the n-grams know the words that matter here, names and hashtags among them.

Reference: Deerwester 1990 (LSA); Weinberger 2009 (feature hashing).
"""

from __future__ import annotations

import re
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import scipy.sparse as sparse
import torch
from torch import Tensor

from fusion.encoders.base import Encoder, Prepared
from fusion.own_data.encoders.base import Raw, merged
from fusion.own_data.encoders.projection import Projection
from fusion.own_data.encoders.trunks import TrunkFeatures, raw_features
from fusion.types import Medium

HASHED = 1 << 15
HALF = HASHED // 2  # words below, runs of letters above
OFFSET = 1 << 24  # n-grams come after the word pieces, as numbers from here on
LEXICAL = 96
SEED = 0
MOST_ROWS = 20_000
WORD = re.compile(r"[#@]?\w+|[^\w\s]")


def grams_of(text: str) -> np.ndarray:
    """(n,) hashed n-grams of a text, each as often as it occurs."""
    words = WORD.findall(text.lower())
    found = [zlib.crc32(w.encode("utf-8", "replace")) % HALF for w in words]
    found += [zlib.crc32(f"{a} {b}".encode("utf-8", "replace")) % HALF for a, b in zip(words, words[1:], strict=False)]
    for word in words:
        padded = f" {word} "
        for n in (3, 4, 5):
            found += [zlib.crc32(padded[i : i + n].encode("utf-8", "replace")) % HALF + HALF for i in range(len(padded) - n + 1)]
    return np.array(found, np.int64)


class TextFeatures(TrunkFeatures):
    """Text to the vector of a sentence encoder and the weights of its n-grams."""

    idf: Tensor
    directions: Tensor

    def __init__(self, inner: Encoder[Any], name: str, embed_dim: int) -> None:
        super().__init__(inner, name, embed_dim)
        self.both_map = Projection(embed_dim + LEXICAL, embed_dim, standardise=False)
        self.register_buffer("idf", torch.ones(HASHED))
        self.register_buffer("directions", torch.zeros(HASHED, LEXICAL))

    def prepare(self, medium: Medium) -> Prepared:
        prepared = super().prepare(medium)
        grams = torch.from_numpy(grams_of(str(medium)) + OFFSET)
        return replace(prepared, values=torch.cat([prepared.values, grams]))

    @torch.no_grad()
    def read(self, values: Tensor, mask: Tensor) -> Raw:
        pieces = mask & (values < OFFSET)
        longest = int(pieces.sum(1).max())
        tokens, real, pooled = raw_features(self.inner, torch.where(pieces, values, 0)[:, :longest], pieces[:, :longest])
        grams = [(row[m & (row >= OFFSET)] - OFFSET).to(torch.int16) for row, m in zip(values, mask, strict=True)]
        return Raw(*merged(tokens, real), pooled, grams)

    def lexical(self, raw: Raw) -> Tensor:
        """(B, 96) of the words alone."""
        found = weights_of(raw.grams, self.idf.numpy()) @ self.directions.numpy()
        return torch.from_numpy(found.astype(np.float32)).to(raw.pooled.device)

    def project(self, raw: Raw) -> Tensor:
        found: Tensor = self.both_map(torch.cat([self.pooled_map(raw.pooled), self.lexical(raw)], -1))
        return found

    def fit(self, raw: Raw) -> None:
        super().fit(raw)
        self.fit_words(raw.grams[:: 1 + len(raw.grams) // MOST_ROWS])
        self.both_map.fit(torch.cat([self.pooled_map(raw.pooled), self.lexical(raw)], -1))

    def fit_words(self, grams: list[Tensor]) -> None:
        """Weights and directions of the n-grams of texts; the projections get a mean square of 1."""
        from sklearn.decomposition import TruncatedSVD

        count = (weights_of(grams, None) > 0).sum(0)
        self.idf.copy_(torch.from_numpy(np.log((1 + len(grams)) / (1 + np.asarray(count).ravel())) + 1).float())
        weights = weights_of(grams, self.idf.numpy())
        kept = min(LEXICAL, max(1, len(grams) - 1))
        found = TruncatedSVD(kept, n_iter=3, random_state=SEED).fit(weights).components_.T  # (HASHED, kept)
        projected = weights @ found
        power = float(np.square(projected - projected.mean(0)).mean())
        self.directions.zero_()
        self.directions[:, :kept] = torch.from_numpy((found / max(power, 1e-12) ** 0.5).astype(np.float32))


def weights_of(grams: list[Tensor], idf: np.ndarray | None) -> sparse.csr_matrix:
    """(N, HASHED) weights of the n-grams of texts, words and runs of letters each to length 1; without `idf` how often each occurs."""
    data, indices, starts = [], [], [0]
    for row in grams:
        index, count = np.unique(row.numpy().astype(np.int64), return_counts=True)
        weight = count.astype(np.float32)
        if idf is not None:
            weight = (1 + np.log(weight)) * idf[index]
            for half in (index < HALF, index >= HALF):
                weight[half] /= max(float(np.sqrt((weight[half] ** 2).sum())), 1e-9)
        data.append(weight)
        indices.append(index)
        starts.append(starts[-1] + len(index))
    if not data:
        return sparse.csr_matrix((0, HASHED), dtype=np.float32)
    return sparse.csr_matrix((np.concatenate(data), np.concatenate(indices), np.array(starts)), shape=(len(grams), HASHED))
