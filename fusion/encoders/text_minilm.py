"""Three layers of MiniLM: any English words to a point of its sentence space, in which equal meanings lie close together.

Reference: Wang 2020 (MiniLM); Reimers 2019 (Sentence-BERT); Sanh 2019 (DistilBERT, a student that starts with layers of its teacher).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor
from torch.nn import functional as F

from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.text_transformer import main_words
from fusion.encoders.unread import text_note
from fusion.types import Features, Layout, Panel

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")  # the first entries of every vocabulary
PAD, UNKNOWN, FIRST, LAST = range(len(SPECIAL))
LONGEST = 128  # word pieces that are read of a text
WIDTH = 384  # of the sentence space


class TextMiniLM(Encoder[str]):
    """Words and pieces of words, each of which attends to all others; their mean is a point of the sentence space of MiniLM.

    Text of any length (its first 128 word pieces) to one token per word piece, and a vector of length one.
    """

    modality = "text"
    title = "Small MiniLM"
    paper = "Wang et al. 2020; Reimers & Gurevych 2019"

    def __init__(self, vocabulary: list[str] | tuple[str, ...] = SPECIAL, depth: int = 3, width: int = WIDTH, heads: int = 12) -> None:
        super().__init__(width, pools=False)
        self.vocabulary = list(vocabulary)
        self.depth = depth
        self.width = width
        self.heads = heads
        self.reader = self.read_with(self.vocabulary)
        from transformers import BertConfig, BertModel  # takes a second, which only this encoder should cost

        self.trunk = BertModel(
            BertConfig(
                vocab_size=len(self.vocabulary), hidden_size=width, num_hidden_layers=depth, num_attention_heads=heads,
                intermediate_size=4 * width, max_position_embeddings=LONGEST + 2,
                hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, attn_implementation="eager",  # type: ignore[call-arg]  # accepted, but not declared
            ),
            add_pooling_layer=False,
        )  # fmt: skip

    @staticmethod
    def read_with(vocabulary: list[str]) -> Tokenizer:
        """The tokenizer of a vocabulary: words without case and accents, cut into the longest pieces that are there."""
        reader = Tokenizer(models.WordPiece({w: i for i, w in enumerate(vocabulary)}, unk_token=SPECIAL[UNKNOWN]))
        reader.normalizer = normalizers.BertNormalizer(lowercase=True)
        reader.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return reader

    def options(self) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary, "depth": self.depth, "width": self.width, "heads": self.heads}

    def prepare(self, medium: str) -> Prepared:
        encoded = self.reader.encode(medium)
        ids = encoded.ids[:LONGEST] or [UNKNOWN]
        spans = encoded.offsets[:LONGEST] or [(0, len(medium))]
        notes = text_note(spans[-1][1], medium) if len(encoded.ids) > LONGEST else ()
        return Prepared(torch.tensor(ids), Layout("characters", np.array(spans, np.float32)), (0.0, float(len(medium))), notes)

    def enclosed(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Word pieces (B, T) between the two marks that MiniLM reads them between, and their mask: both (B, T + 2)."""
        count = mask.sum(1, keepdim=True)  # (B, 1)
        ids = F.pad(values.masked_fill(~mask, PAD), (1, 1), value=PAD)
        ids[:, 0] = FIRST
        ids = ids.scatter(1, count + 1, LAST)
        return ids, torch.arange(ids.shape[1], device=ids.device) < count + 2

    def hidden(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Output of the network (B, T + 2, width) for the enclosed word pieces, and their mask."""
        ids, real = self.enclosed(values, mask)
        hidden: Tensor = self.trunk(input_ids=ids, attention_mask=real.long()).last_hidden_state
        return hidden, real

    def sentence(self, hidden: Tensor, real: Tensor) -> Tensor:
        """The mean over the enclosed pieces, of length one: (B, width)."""
        weights = real[..., None].to(hidden.dtype)
        return F.normalize((hidden * weights).sum(1) / weights.sum(1), dim=-1)

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden, _ = self.hidden(values, mask)
        return hidden[:, 1:-1] * mask[..., None], mask

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        hidden, real = self.hidden(values, mask)
        share = mask.to(hidden.dtype) / mask.sum(1, keepdim=True)
        return Features(hidden[:, 1:-1] * mask[..., None], mask, self.sentence(hidden, real), share)

    @torch.inference_mode()
    def vectors(self, sentences: list[str], batch: int = 256) -> Tensor:
        """Points of the sentence space (N, width), each of length one."""
        out = torch.zeros(len(sentences), self.width, device=self.device)
        order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))  # so that little is padding
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            values, mask = (x.to(self.device) for x in collate([self.prepare(sentences[i]) for i in rows]))
            out[rows] = self.sentence(*self.hidden(values, mask))
        return out

    @torch.no_grad()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        """Attention in the last layer to the words that receive most of it."""
        ids, real = self.enclosed(*(x.to(self.device) for x in collate([prepared])))
        output = self.trunk(input_ids=ids, attention_mask=real.long(), output_attentions=True)
        attention = output.attentions[-1][0].mean(0)[1:-1, 1:-1]  # (T, T)
        index, names = main_words(medium, prepared, attention.mean(0))
        return [Panel("words", "text_minilm.attention", attention[:, index].cpu().numpy(), names=names)]
