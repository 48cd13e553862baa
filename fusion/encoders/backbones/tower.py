"""What the towers of a backbone share: dropping tokens that have no place, and picturing what is left.

A pretrained network gives more than tokens with a place: class, distillation and register tokens, separators, silence that fills a fixed
length. They are dropped. Media of different lengths go through a network one length at a time: not every family masks padding fully, and
so a medium has the same tokens alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Prepared
from fusion.types import Medium, Panel

COMPONENTS = 3


class Tower(nn.Module):
    """A frozen network for one modality: `prepare` and `describe` as in `FixedEncoder`."""

    def prepare(self, medium: Medium) -> Prepared:
        raise NotImplementedError

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Padded values (B, N, ...) and which are real (B, N) to tokens (B, T, F), which are real (B, T), and vectors (B, P)."""
        raise NotImplementedError

    def trials(self) -> list[Medium]:
        """Media on which a strange network is tried once, when it is loaded."""
        raise NotImplementedError

    def picture(self, values: Tensor) -> np.ndarray | None:
        return None

    def inside(self, prepared: Prepared) -> list[Panel]:
        return []


def by_length(mask: Tensor) -> Iterator[tuple[list[int], int]]:
    """Rows of a batch (B, N) that have the same number of real values, and that number."""
    count = mask.sum(1)
    for length in count.unique().tolist():
        yield (count == length).nonzero().squeeze(1).tolist(), length


def stack(found: dict[int, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """{row: its tokens (T, F) and vector (P,)} to tokens (B, T', F), which are real (B, T'), and vectors (B, P)."""
    tokens, vectors = zip(*(found[row] for row in range(len(found))), strict=True)
    padded = nn.utils.rnn.pad_sequence(list(tokens), batch_first=True)
    lengths = torch.tensor([len(x) for x in tokens], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device)[None] < lengths[:, None], torch.stack(vectors)


def vector_of(output: object, pooler: bool, mean: Tensor, has_class: bool) -> Tensor:
    """The family's own vector (B, P): its trained pooling; the class token where the pooler over it has no weights; else `mean` (B, F)."""
    pooled = getattr(output, "pooler_output", None)
    if pooled is None:
        return mean
    if pooler:
        return pooled.flatten(1)
    return output.last_hidden_state[:, 0] if has_class else mean


def components(tokens: Tensor, count: int = COMPONENTS) -> np.ndarray:
    """The directions in which one medium's tokens (T, F) differ most: (count, T), largest first, each with its largest value positive.

    Reference: Oquab 2023, DINOv2, figure 1 (colours are the first components of the patches).
    """
    x = (tokens - tokens.mean(0)).double()
    u, s, _ = torch.linalg.svd(x, full_matrices=False)
    parts = torch.zeros(count, len(x), dtype=torch.float64)
    found = min(count, len(s))
    parts[:found] = (u * s)[:, :found].T
    return (parts * parts.gather(1, parts.abs().argmax(1, keepdim=True)).sign()).float().cpu().numpy()
