"""A small BERT over word pieces, distilled from a sentence encoder.

Reference: Devlin 2019 (BERT); Reimers 2019 (Sentence-BERT, sentences as points); Wang 2020 (MiniLM, small students of large teachers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.encoders.base import Prepared, TrunkEncoder, collate
from fusion.encoders.concepts import NamedConcepts
from fusion.encoders.text_transformer import main_words
from fusion.encoders.unread import text_note
from fusion.types import Layout, Panel

UNKNOWN = "[UNK]"
LONGEST = 128  # word pieces that are read of a text


class TextBERT(TrunkEncoder[str]):
    """Words and pieces of words from a vocabulary, each of which attends to all others.

    Text of any length (its first 128 word pieces) to one token per word piece.
    """

    modality = "text"
    title = "Small BERT"
    paper = "Devlin et al. 2019; Wang et al. 2020"

    def __init__(
        self,
        embed_dim: int = 96,
        vocabulary: list[str] | tuple[str, ...] = (UNKNOWN,),
        width: int = 128,
        depth: int = 3,
        phrases: list[list[str]] | tuple[tuple[str, ...], ...] = (("yes",), ("no",)),
    ) -> None:
        """`phrases` for each label, the last ones for none of them: a sentence is compared with all of them."""
        super().__init__(embed_dim)
        self.width = width
        self.depth = depth
        self.vocabulary = list(vocabulary)
        self.reader = Tokenizer(
            models.WordPiece({w: i for i, w in enumerate(self.vocabulary)}, unk_token=UNKNOWN, max_input_chars_per_word=60)
        )
        self.reader.normalizer = normalizers.BertNormalizer(lowercase=True)
        self.reader.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        from transformers import BertConfig, BertModel  # takes a second, which only this task should cost

        self.trunk = BertModel(
            BertConfig(
                vocab_size=len(self.vocabulary), hidden_size=width, num_hidden_layers=depth, num_attention_heads=4,
                intermediate_size=4 * width, max_position_embeddings=LONGEST, attn_implementation="eager",  # type: ignore[call-arg]  # accepted, but not declared
            ),
            add_pooling_layer=False,
        )  # fmt: skip
        self.project = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, embed_dim))
        self.phrases = [list(each) for each in phrases]
        ends = np.cumsum([0, *(len(each) for each in self.phrases)]).tolist()
        spans = tuple(((a, b - 1),) for a, b in zip(ends, ends[1:], strict=False))[:-1]
        self.concepts = NamedConcepts(embed_dim, width, ends[-1], spans, exclusive=True)

    def prepare(self, medium: str) -> Prepared:
        encoded = self.reader.encode(medium)
        ids = encoded.ids[:LONGEST] or [0]
        spans = encoded.offsets[:LONGEST] or [(0, len(medium))]
        notes = text_note(spans[-1][1], medium) if len(encoded.ids) > LONGEST else ()
        return Prepared(torch.tensor(ids), Layout("characters", np.array(spans, np.float32)), (0.0, float(len(medium))), notes)

    def hidden(self, values: Tensor, mask: Tensor) -> Tensor:
        """Output of the network for the word pieces (B, T, width), before any layer that was trained with labels."""
        hidden: Tensor = self.trunk(input_ids=values, attention_mask=mask.long()).last_hidden_state
        return hidden

    def sentence(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """The mean over the pieces (B, width), which was trained to equal the teacher's sentence vector up to a linear map."""
        real = mask[..., None].to(hidden.dtype)
        return (hidden * real).sum(1) / real.sum(1)

    def run_trunk(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.hidden(values, mask), mask

    def read(self, hidden: Tensor, mask: Tensor) -> Tensor:
        tokens: Tensor = self.concepts(self.sentence(hidden, mask)[:, None], self.project(hidden))
        return tokens

    def options(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "width": self.width, "depth": self.depth, "phrases": self.phrases}

    @torch.no_grad()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        """Attention in the last layer to the words that receive most of it, and the likeliest phrases."""
        values, mask = (x.to(self.device) for x in collate([prepared]))
        output = self.trunk(input_ids=values, attention_mask=mask.long(), output_attentions=True)
        attention = output.attentions[-1][0].mean(0)  # (T, T)
        index, names = main_words(medium, prepared, attention.mean(0))
        sentence = self.sentence(self.hidden(values, mask), mask)[0]
        names_of_phrases = tuple(phrase for each in self.phrases for phrase in each)
        return [
            Panel("words", "text_bert.attention", attention[:, index].cpu().numpy(), names=names),
            self.concepts.panel(sentence, names_of_phrases),
        ]


def agreement(student: Tensor, teacher: Tensor, count: int = 10) -> float:
    """Share of each sentence's `count` nearest neighbours by the teacher's cosine that are so by the student's; both (N, *)."""
    near = []
    for vectors in (student, teacher):
        unit = F.normalize(vectors.float(), dim=-1)
        near.append((unit @ unit.T).fill_diagonal_(-2).topk(count).indices)
    return float((near[0][:, :, None] == near[1][:, None, :]).any(-1).float().mean())
