"""A bag of words: how often each term occurs, counted more where few texts have it. The order is forgotten.

    idf(t) = ln((1 + n) / (1 + n_t)) + 1        weight(t, text) = count(t, text) idf(t) / sum of these over all terms

n texts were read, n_t of them have the term. A token is a word's own weights; the vector is the sum of the tokens, each by its share of the
text, which is TF-IDF of the whole text. Terms are words and their runs of letters (`fusion.encoders.vocabulary`), so that typos count.

Reference: Salton & Buckley 1988, Term-Weighting Approaches in Automatic Text Retrieval; Spärck Jones 1972 (idf).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared, collate
from fusion.encoders.vocabulary import TermEncoder, shares
from fusion.types import Panel

MOST_TERMS = 2000
SHOWN = 12  # terms


class TextBagOfWords(TermEncoder):
    """Text to TF-IDF weights of its words and their runs of letters, regardless of their order.

    Text of any length to raw tokens (W, V), one per word, and a raw vector (V): shares of the V terms of the vocabulary, which sum to 1.
    """

    title = "Bag of words (TF-IDF)"
    paper = "Salton & Buckley 1988"
    longest = 3

    def __init__(self, embed_dim: int = 96, vocabulary: Sequence[str] | None = None) -> None:
        super().__init__(embed_dim, vocabulary)
        self.idf: Tensor
        self.register_buffer("idf", torch.ones(len(self.vocabulary)))

    def learn(self, media: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        rare = 3 if len(media) > 100 else 1
        fitted = TfidfVectorizer(analyzer=self.terms_of_text, max_features=MOST_TERMS, min_df=rare).fit(media)
        self.set_vocabulary(fitted.get_feature_names_out().tolist())
        self.idf = torch.from_numpy(fitted.idf_).float()
        self.rewhiten(len(self.vocabulary))

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        weights = self.counts(values) * self.idf  # (B, W, V)
        mass = weights.sum(-1)
        share = shares(mass, mask)
        tokens = weights / mass.clamp_min(1e-9)[..., None]  # zero where a word has no known term
        return tokens, mask, torch.einsum("bwv,bw->bv", tokens, share), share

    @torch.inference_mode()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        tokens, _, vector, share = (x[0] for x in self.describe(*collate([prepared])))
        weights = (tokens * share[:, None]).numpy()  # (W, V), their sum is the vector
        strongest = self.strongest(weights)
        names = tuple(self.texts[i] for i in strongest)
        return [
            Panel("bars", "bow.terms", vector[strongest].numpy(), names=names),
            Panel("words", "bow.words", weights[:, strongest], names=names),
        ]

    def strongest(self, weights: np.ndarray) -> list[int]:
        """Terms that weigh most, at most 12; of those that weigh the same in the same words only the longest."""
        total = weights.sum(0)
        found: dict[bytes, int] = {}
        for i in sorted(np.flatnonzero(total), key=lambda i: (-round(float(total[i]), 5), -len(self.vocabulary[i])))[: 8 * SHOWN]:
            found.setdefault(weights[:, i].round(5).tobytes(), int(i))
        return list(found.values())[:SHOWN]
