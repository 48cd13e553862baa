"""Words encoded by their characters, then read by a bidirectional long short-term memory: one token per word, with its context.

    i, f, o = sigmoid(W x_t + U h_t-1 + b)     c_t = f c_t-1 + i tanh(W_c x_t + U_c h_t-1 + b_c)     h_t = o tanh(c_t)
    token of word t = [h_t reading to the right, h_t reading to the left]

The memory c is added to and not overwritten, so that gradients survive long texts; the gates decide what is kept. Words are spelled
as in `TextTransformer`, so the two differ only in how words learn of each other.

Reference: Hochreiter & Schmidhuber 1997, Long Short-Term Memory; Graves & Schmidhuber 2005 (bidirectional).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from fusion.encoders.base import Prepared, collate
from fusion.encoders.text_transformer import TextTransformer
from fusion.types import Panel


class NoNeighbours(nn.Module):
    """In place of the Transformer's convolution over neighbouring words, which encodes their order; an LSTM needs none."""

    def forward(self, words: Tensor) -> Tensor:
        return torch.zeros_like(words)


class Recurrence(nn.Module):
    """Words (B, W, D) to tokens (B, W, D), the first half read to the right, the second to the left; padding is never read."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(dim, dim // 2, batch_first=True, bidirectional=True)

    def forward(self, words: Tensor, src_key_padding_mask: Tensor) -> Tensor:
        lengths = (~src_key_padding_mask).sum(1).cpu()  # of at least one word each; packing wants them on the CPU
        with torch.autocast(words.device.type, enabled=False):  # in half precision small updates of the memory get lost
            packed = pack_padded_sequence(words.float(), lengths, batch_first=True, enforce_sorted=False)
            states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True, total_length=words.shape[1])
            return states


class TextLSTM(TextTransformer):
    """Each word is encoded letter by letter, then the words are read in both directions with a memory.

    Text of any length to tokens (W, D), one per word: the first half read to the right, the second to the left.
    """

    title = "Bidirectional LSTM"
    paper = "Hochreiter & Schmidhuber 1997; Graves & Schmidhuber 2005"

    def __init__(self, embed_dim: int = 96, letter_dim: int = 32) -> None:
        super().__init__(embed_dim, letter_dim, depth=1)
        self.near = NoNeighbours()
        self.context = Recurrence(embed_dim)

    @torch.no_grad()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        """Change of the state of each direction at each word."""
        values, mask = (x.to(self.device) for x in collate([prepared]))
        right, left = self.tokenize(values, mask)[0][0].chunk(2, -1)  # (W, D/2) each
        start = right.new_zeros(1, right.shape[1])
        moved = torch.stack([torch.diff(right, dim=0, prepend=start).norm(dim=1), torch.diff(left, dim=0, append=start).norm(dim=1)], 1)
        return [Panel("words", "text_lstm.moved", moved.cpu().numpy(), names=("→", "←"))]
