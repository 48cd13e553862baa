"""A compact Transformer for text: words are spelled out by a character CNN, then read in context.

Characters instead of a vocabulary, so that typos, masked letters and any script have tokens; one token per word (per character in
Chinese and Japanese). Places enter through a convolution over neighbouring words, so that texts longer than any in training work.

Reference: Vaswani 2017 (attention); Kim 2016, Character-Aware Neural Language Models (characters to words).
"""

from __future__ import annotations

import re
import unicodedata

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.image_vit import read_attention
from fusion.types import Layout, Panel

LETTERS = 20  # letters that are read of a word
DIRECT = 592  # code points with a row of their own
BUCKETS = 1021  # rows that all other code points share
CJK = "\u3007\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]|[^\s{CJK}]+")


def words_of(text: str) -> list[tuple[int, int]]:
    """Character spans of the words: runs without space, cut after 20 characters; each Chinese or Japanese character is one."""
    spans = []
    for match in WORD.finditer(text):
        for start in range(match.start(), match.end(), LETTERS):
            spans.append((start, min(start + LETTERS, match.end())))
    return spans or [(0, len(text))]


def spell(word: str) -> list[int]:
    """Letters as rows of the embedding; any script's digits become 0-9, circled and wide forms their plain ones; 0 pads, 1 marks case."""
    rows = []
    for c in word:
        value = unicodedata.digit(c, None)
        for plain in str(value) if value is not None else unicodedata.normalize("NFKC", c):
            if plain.isupper():
                rows.append(1)
            code = ord(plain.lower()[0])
            rows.append(code + 2 if code < DIRECT else DIRECT + 2 + code % BUCKETS)
    return rows


def main_words(text: str, prepared: Prepared, score: Tensor, count: int = 12) -> tuple[Tensor, tuple[str, ...]]:
    """The `count` words of highest score (W,), in the order of the text: their indices, and the words themselves."""
    index = score.topk(min(count, len(score))).indices.sort().values.cpu()
    spans = prepared.layout.places[index.numpy()].astype(int)
    return index, tuple(text[start:end] for start, end in spans)


class TextTransformer(Encoder[str]):
    """Each word is encoded letter by letter, then every word attends to all others.

    Text of any length to one token per word.
    """

    modality = "text"
    title = "Compact Transformer"
    paper = "Vaswani et al. 2017; Kim et al. 2016"

    def __init__(self, embed_dim: int = 96, letter_dim: int = 32, depth: int = 2, num_heads: int = 4) -> None:
        super().__init__(embed_dim)
        self.letters = nn.Embedding(DIRECT + 2 + BUCKETS, letter_dim, padding_idx=0)
        self.place = nn.Parameter(torch.randn(LETTERS * 2, letter_dim) * 0.02)
        self.spell = nn.ModuleList([nn.Conv1d(letter_dim, embed_dim, 3, padding=1), nn.Conv1d(embed_dim, embed_dim, 3, padding=1)])
        self.near: nn.Module = nn.Conv1d(embed_dim, embed_dim, 5, padding=2, groups=embed_dim)
        layer = nn.TransformerEncoderLayer(embed_dim, num_heads, 2 * embed_dim, 0.1, "gelu", batch_first=True, norm_first=True)
        self.context: nn.Module = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)

    def prepare(self, medium: str) -> Prepared:
        spans = words_of(medium)
        values = torch.zeros(len(spans), LETTERS * 2, dtype=torch.long)
        for i, (start, end) in enumerate(spans):
            rows = spell(medium[start:end])[: LETTERS * 2]
            values[i, : len(rows)] = torch.tensor(rows, dtype=torch.long)
        return Prepared(values, Layout("characters", np.array(spans, np.float32)), (0.0, float(len(medium))))

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        spelled = values[mask]  # (N, C): only real words are spelled out, batches are mostly padding
        real = (spelled > 0)[:, None]
        x = (self.letters(spelled) + self.place).transpose(1, 2) * real  # (N, letter_dim, C)
        x = torch.relu(self.spell[0](x)) * real
        x = torch.relu(self.spell[1](x)) * real
        words = x.new_zeros(*mask.shape, x.shape[1])  # (B, W, D)
        words[mask] = x.amax(-1)  # zero where there is no letter, as relu is never below
        words = words + self.near(words.transpose(1, 2)).transpose(1, 2)
        return self.context(words, src_key_padding_mask=~mask), mask

    @torch.no_grad()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        """Attention of each word in the last layer to the words that receive most of it."""
        spelled: list[Tensor] = []
        hook = self.context.register_forward_pre_hook(lambda module, given: spelled.append(given[0]))
        values, mask = (x.to(self.device) for x in collate([prepared]))
        self.tokenize(values, mask)
        hook.remove()
        assert isinstance(self.context, nn.TransformerEncoder)
        attention = read_attention(self.context, spelled[0])[-1][0].mean(0)  # (W, W)
        most, names = main_words(medium, prepared, attention.mean(0))
        return [Panel("words", "text_transformer.attention", attention[:, most].cpu().numpy(), names=names)]
