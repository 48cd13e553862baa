"""A word is the mean of rows of a table: one for the whole word, one for each three letters in a row. No order, no context.

    token(word) = mean of table[hash(g)] over g in {<word>} and all trigrams of <word>

Trigrams let a typo or an ending land near the word it came from ("sevn", "sevens"), and a hash instead of a vocabulary gives every word
in every script a row; rows are shared by chance, which a few thousand rows keep rare.

Reference: Bojanowski 2017, Enriching Word Vectors with Subword Information (fastText).
"""

from __future__ import annotations

import unicodedata
import zlib

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.text_transformer import LETTERS, main_words, words_of
from fusion.types import Layout, Panel

ROWS = 4093  # a prime
PARTS = LETTERS + 1  # the word and the trigrams of its longest form with marks


def plain(word: str) -> str:
    """Lower case; digits of any script as 0-9, circled and wide forms as their plain ones."""
    digits = [unicodedata.digit(c, None) for c in word]
    return "".join(unicodedata.normalize("NFKC", c).lower() if d is None else str(d) for c, d in zip(word, digits, strict=True))


def parts_of(word: str) -> list[str]:
    """The word between end marks, then its trigrams, marks included."""
    marked = f"<{plain(word)}>"
    return [marked, *(marked[i : i + 3] for i in range(len(marked) - 2) if len(marked) > 3)][:PARTS]


def row_of(part: str, rows: int) -> int:
    """The row of a part, counted from 1; 0 is padding. Python's own hash differs between runs."""
    return zlib.crc32(part.encode("utf-8", "surrogatepass")) % rows + 1


class TextEmbedding(Encoder[str]):
    """Every word is the mean of learned vectors of the word and its letter triples, without context.

    Text of any length to tokens (W, D), one per word.
    """

    modality = "text"
    title = "Subword embedding"
    paper = "Bojanowski et al. 2017 (fastText)"

    def __init__(self, embed_dim: int = 96, rows: int = ROWS) -> None:
        super().__init__(embed_dim)
        self.rows = rows
        self.table = nn.EmbeddingBag(rows + 1, embed_dim, mode="mean", padding_idx=0)

    def prepare(self, medium: str) -> Prepared:
        spans = words_of(medium)
        values = torch.zeros(len(spans), PARTS, dtype=torch.long)
        for i, (start, end) in enumerate(spans):
            rows = [row_of(part, self.rows) for part in parts_of(medium[start:end])]
            values[i, : len(rows)] = torch.tensor(rows)
        return Prepared(values, Layout("characters", np.array(spans, np.float32)), (0.0, float(len(medium))))

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        words = self.table(values[mask])  # (N, D) of real words only, batches are mostly padding
        tokens = words.new_zeros(*mask.shape, words.shape[1])  # (B, W, D)
        tokens[mask] = words
        return tokens, mask

    @torch.no_grad()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        """Cosine of every word with the words that the pooled vector is mostly made of."""
        features = self(*(x.to(self.device) for x in collate([prepared])))
        words = nn.functional.normalize(features.tokens[0], dim=-1)
        main, names = main_words(medium, prepared, features.weights[0])
        return [Panel("words", "text_embedding.similar", (words @ words[main].T).cpu().numpy(), names=names, signed=True)]
