"""The text tower of a pretrained model: one token per subword, placed at its characters in the text.

Separators and class tokens are dropped. The vector is what the family was trained to give: the projected end-of-text token of a model of
pictures and texts; what a repository of sentence-transformers says (1_Pooling/config.json); else the mean over all tokens, separators
included.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.backbones.pretrained import Pretrained
from fusion.encoders.backbones.tower import Tower, by_length, stack
from fusion.encoders.base import Prepared
from fusion.encoders.text_transformer import words_of
from fusion.encoders.unread import text_note
from fusion.types import Layout

MOST_SUBWORDS = 512
POOLING = ("1_Pooling", "config.json")


class TextTower(Tower[str]):
    """Text to one token per subword; what is longer than the network reads is cut."""

    def __init__(self, model: Pretrained) -> None:
        super().__init__()
        self.network = model.network
        self.run = model.run
        self.tokenizer = model.preparer
        self.length = _length(model)
        self.full = model.config.model_type.startswith("siglip")  # reads texts filled up to one length, and its last token is the vector
        self.projects = model.run is not model.network and not model.config.is_encoder_decoder
        self.by_class = _by_class(model.folder)

    def trials(self) -> list[str]:
        return ["seven", ""]

    def prepare(self, medium: str) -> Prepared:
        ids, special, spans, cut = self._fast(medium) if self.tokenizer.is_fast else self._slow(medium)
        if not ids:  # an empty text where the tokenizer adds nothing
            ids = [self.tokenizer.eos_token_id or 0]
            special = [0]
            spans = [(0, 0)]
        if all(special):
            special = [0, *special[1:]]
        places = [(0, 0) if a is None else (a, b) for (a, b), s in zip(spans, special, strict=True) if not s]
        values = torch.stack([torch.tensor(ids), 1 - torch.tensor(special)], 1)  # (N, 2): subword, and whether it has a place
        end = max(b for _, b in places)
        notes = text_note(end, medium) if cut else ()
        return Prepared(values, Layout("characters", np.array(places, np.float32)), (0.0, float(end)), notes)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found: dict[int, tuple[Tensor, Tensor]] = {}
        for rows, length in by_length(mask):
            ids = values[rows, :length, 0]  # (b, N)
            keep = values[rows, :length, 1].bool()
            output = self.run(input_ids=ids) if self.full else self.run(input_ids=ids, attention_mask=torch.ones_like(ids))
            hidden = output.last_hidden_state  # (b, N, F)
            summary = hidden[:, 0] if self.by_class else hidden.mean(1)
            vectors = output.pooler_output if self.projects else summary
            found |= {row: (hidden[i][keep[i]], vectors[i]) for i, row in enumerate(rows)}
        return stack(found)

    def _fast(self, text: str) -> tuple[list[int], list[int], list[tuple[int, int]], bool]:
        """Subword ids, their special-token mask, their character spans, and whether the text was truncated."""
        found = self.tokenizer(
            text, truncation=True, max_length=self.length, padding="max_length" if self.full else False,
            return_offsets_mapping=True, return_special_tokens_mask=True,
        )  # fmt: skip
        places = [_trim(text, *span) for span in found["offset_mapping"]]
        return found["input_ids"], found["special_tokens_mask"], places, bool(found.encodings[0].overflowing)

    def _slow(self, text: str) -> tuple[list[int], list[int], list[tuple[int, int]], bool]:
        """For tokenizers without offsets: each subword gets the characters of its word."""
        ids: list[int] = []
        spans: list[tuple[int, int]] = []
        for start, end in words_of(text):
            found = self.tokenizer(text[start:end], add_special_tokens=False)["input_ids"]
            ids += found
            spans += [(start, end)] * len(found)
        whole = self.tokenizer.prepare_for_model(
            ids, truncation=True, max_length=self.length, padding="max_length" if self.full else False, return_special_tokens_mask=True
        )
        special = whole["special_tokens_mask"]
        rest = iter(spans)
        places = [(0, 0) if s else next(rest) for s in special]
        return whole["input_ids"], special, places, special.count(0) < len(ids)


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the blanks at its ends, which some tokenizers count to the next word."""
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def _length(model: Pretrained) -> int:
    """Subwords the network can read: the limit of the tokenizer, else its number of positions less two, which some families reserve."""
    limit: int = model.preparer.model_max_length
    table: int | None = getattr(model.config, "max_position_embeddings", None)
    if limit < 1e6:
        return min(limit, table or limit, MOST_SUBWORDS)
    return min(max(1, (table or MOST_SUBWORDS + 2) - 2), MOST_SUBWORDS)


def _by_class(folder: Path) -> bool:
    """Whether a repository of sentence-transformers takes the class token as the text's vector."""
    path = folder.joinpath(*POOLING)
    return path.is_file() and bool(json.loads(path.read_text()).get("pooling_mode_cls_token"))
