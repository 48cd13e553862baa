"""Base class of the classical features of text: the terms of a word, and a vocabulary learned from texts.

    terms("Seven,") = <seven>  s e v e n  <s se ev ve en n>  <se sev eve ven en>

The terms of a word are the word itself and its short runs of letters, < and > being its ends (as fastText has them): "sevn" and "seven"
share half of them, "sept" and "sieben" some, while as whole words they would have nothing in common.

Reference: Cavnar & Trenkle 1994, N-Gram-Based Text Categorization; Bojanowski 2017 (word ends as letters).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared
from fusion.encoders.fixed import FixedEncoder, Whitening
from fusion.encoders.text_transformer import LETTERS, words_of
from fusion.types import Layout

SMALL = "zero one two three four five six seven eight nine 0 1 2 3 4 5 6 7 8 9"


def plain(text: str) -> str:
    """Lower case, without accents, any script's digits as 0-9, letters and digits only: "Nº٣, Zéro!" becomes "no3zero"."""
    digits = "".join(str(unicodedata.digit(c, c)) for c in text)
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", digits).lower())
    return "".join(c for c in unicodedata.normalize("NFC", "".join(c for c in parts if not unicodedata.combining(c))) if c.isalnum())


def terms_of(word: str, longest: int) -> list[str]:
    """The word and its runs of 1 to `longest` letters, with repetitions; none for a word without letters and digits."""
    letters = plain(word)[:LETTERS]
    if not letters:
        return []
    ends = f"<{letters}>"
    runs = [ends[i : i + n] for n in range(2, longest + 1) for i in range(len(ends) - n + 1)]
    return [ends, *letters, *(run for run in runs if run != ends)]


def show(term: str) -> str:
    """A term in readable form: a whole word without marks, a run of letters with a dash where the word continues."""
    before = "" if term.startswith("<") else "-"
    after = "" if term.endswith(">") else "-"
    return before + term.strip("<>") + after


class TermEncoder(FixedEncoder[str]):
    """Text of any length to one token per word, as counts of the terms of a vocabulary. Subclasses define `describe` and `longest`, the
    length of the longest run.

    Prepared values (W, N) int64 are the terms of each word, N at most: a row of the vocabulary counted from 1, or 0 for none.
    """

    modality = "text"
    longest: ClassVar[int]

    def __init__(self, embed_dim: int, vocabulary: Sequence[str] | None, token_dim: int | None = None) -> None:
        """`token_dim`: numbers of a raw token and of the raw vector; without it one per term."""
        terms = sorted(set(self.terms_of_text(SMALL))) if vocabulary is None else vocabulary
        super().__init__(embed_dim, token_dim or len(terms), token_dim or len(terms))
        self.most = len(self.terms_of_text("x" * LETTERS))
        self.set_vocabulary(terms)

    def terms_of_text(self, text: str) -> list[str]:
        return [term for start, end in words_of(text) for term in terms_of(text[start:end], self.longest)]

    def set_vocabulary(self, vocabulary: Sequence[str]) -> None:
        self.vocabulary = tuple(vocabulary)
        self.rows = {term: i + 1 for i, term in enumerate(self.vocabulary)}
        self.texts = tuple(show(term) for term in self.vocabulary)

    def options(self) -> dict[str, Any]:
        return {"vocabulary": list(self.vocabulary)}

    def rewhiten(self, size: int) -> None:
        """New whitening for raw tokens and vectors of `size` numbers."""
        self.token_map = Whitening(size, self.embed_dim)
        self.pooled_map = Whitening(size, self.embed_dim)

    def prepare(self, medium: str) -> Prepared:
        spans = words_of(medium)
        values = torch.zeros(len(spans), self.most, dtype=torch.long)
        for i, (start, end) in enumerate(spans):
            rows = [self.rows.get(term, 0) for term in terms_of(medium[start:end], self.longest)]
            values[i, : len(rows)] = torch.tensor(rows, dtype=torch.long)
        return Prepared(values, Layout("characters", np.array(spans, np.float32)), (0.0, float(len(medium))))

    def counts(self, values: Tensor) -> Tensor:
        """How often each word has each term of the vocabulary: (B, W, N) rows to (B, W, V) float32."""
        empty = torch.zeros(*values.shape[:2], len(self.vocabulary) + 1)
        return empty.scatter_add_(2, values, torch.ones_like(values, dtype=empty.dtype))[..., 1:]


def shares(mass: Tensor, mask: Tensor) -> Tensor:
    """Non-negative (B, W) to shares that sum to 1; evenly over real words where all mass is zero."""
    mass = mass * mask
    mass = torch.where(mass.sum(1, keepdim=True) > 0, mass, mask.to(mass.dtype))
    return mass / mass.sum(1, keepdim=True)
