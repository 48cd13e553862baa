"""Shared by the towers of a backbone: batching by length, and the panel of the tokens' principal components.

A pretrained network gives more than tokens with a place: class, distillation and register tokens, separators, silence that fills a fixed
length. They are dropped. Media of different lengths go through a network one length at a time: not every family masks padding fully, and
so a medium has the same tokens alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Prepared
from fusion.types import Medium, Panel

M = TypeVar("M", bound=Medium)  # the medium that a tower reads
COMPONENTS = 3


class Tower(nn.Module, Generic[M]):
    """A frozen network for one modality: `prepare` and `describe` as in `FixedEncoder`."""

    def prepare(self, medium: M) -> Prepared:
        raise NotImplementedError

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Padded values (B, N, ...) and their mask (B, N) to tokens (B, T, F), their mask (B, T), and vectors (B, P)."""
        raise NotImplementedError

    def trials(self) -> list[M]:
        """Media on which an unknown network is tested once, when it is loaded."""
        raise NotImplementedError

    def picture(self, values: Tensor) -> np.ndarray | None:
        return None

    def panels(self, prepared: Prepared) -> list[Panel]:
        return []


def by_length(mask: Tensor) -> Iterator[tuple[list[int], int]]:
    """Rows of a batch (B, N) that have the same number of real values, and that number."""
    count = mask.sum(1)
    for length in sorted(set(count.tolist())):
        yield (count == length).nonzero().squeeze(1).tolist(), length


def stack(found: dict[int, tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor, Tensor]:
    """{row: its tokens (T, F) and vector (P,)} to tokens (B, T', F), their mask (B, T'), and vectors (B, P)."""
    rows = range(len(found))
    tokens = [found[row][0] for row in rows]
    vectors = [found[row][1] for row in rows]
    padded = nn.utils.rnn.pad_sequence(tokens, batch_first=True)
    lengths = torch.tensor([len(x) for x in tokens], device=padded.device)
    return padded, torch.arange(padded.shape[1], device=padded.device)[None] < lengths[:, None], torch.stack(vectors)


def vector_of(output: Any, pooler: bool, mean: Tensor, has_class: bool) -> Tensor:
    """The pooled vector (B, P) of the model family: its trained pooling, else the class token if the pooler has no weights, else `mean`.

    Args:
        output: of the network. pooler: whether the pooling was trained. mean: (B, F) of the tokens.
        has_class: whether the first token is a class token.
    """
    pooled: Tensor | None = getattr(output, "pooler_output", None)
    if pooled is None:
        return mean
    if pooler:
        return pooled.flatten(1)
    class_token: Tensor = output.last_hidden_state[:, 0]
    return class_token if has_class else mean


def components(tokens: Tensor, count: int = COMPONENTS) -> np.ndarray:
    """The first principal components of one medium's tokens (T, F): (count, T), the largest value of each is positive.

    Reference: Oquab 2023, DINOv2, figure 1 (colours are the first components of the patches).
    """
    x = (tokens - tokens.mean(0)).double()
    u, s, _ = torch.linalg.svd(x, full_matrices=False)
    parts = torch.zeros(count, len(x), dtype=torch.float64)
    found = min(count, len(s))
    parts[:found] = (u * s)[:, :found].T
    return (parts * parts.gather(1, parts.abs().argmax(1, keepdim=True)).sign()).float().cpu().numpy()
