"""What every encoder shares: `prepare` one medium on the CPU, `forward` a padded batch, pool its tokens by attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from fusion.messages import Message
from fusion.types import Features, Layout, Medium, Panel


@dataclass(frozen=True)
class Prepared:
    """One medium made ready: `values` (N, ...) float32 or int64, what the network reads; the rest is for views.

    layout  of the tokens the network will give for it
    extent  which part of the medium `values` covers (see `fusion.types.Seen`)
    notes   one sentence for each part of the medium that is not read
    """

    values: Tensor
    layout: Layout
    extent: tuple[float, ...]
    notes: tuple[Message, ...] = ()


class AttentionPool(nn.Module):
    """Tokens (B, T, D) to one vector (B, D) by a learned score per token, softmax over real tokens (Bahdanau 2015, one query)."""

    def __init__(self, dim: int, normed: bool = True) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(dim, dim // 2), nn.Tanh(), nn.Linear(dim // 2, 1, bias=False))
        self.norm = nn.LayerNorm(dim) if normed else nn.Identity()

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(tokens).squeeze(-1).masked_fill(~mask, float("-inf"))  # (B, T)
        weights = scores.softmax(-1)
        return self.norm(torch.einsum("btd,bt->bd", tokens, weights)), weights


class Encoder(nn.Module):
    """A modality's encoder. Subclasses say `modality`, `prepare` and `tokenize`; the rest follows.

    Every encoder is deterministic in eval mode, and a medium gives the same features alone and in a batch. The first sentence of a
    subclass's docstring is shown to visitors; `title` and `paper` are for people.
    """

    modality: ClassVar[str]
    title: ClassVar[str]
    paper: ClassVar[str]
    shifts: ClassVar[bool] = False  # whether its layout is corrected by `shift`
    shift: tuple[float, ...] = ()  # how far its answers lie from what they answer to, see `fusion.encoders.centring`; none is zero

    def __init__(self, embed_dim: int, pools: bool = True) -> None:
        """`pools`: tokens become one vector by a learned attention; encoders that do it in another way have none."""
        super().__init__()
        self.embed_dim = embed_dim
        self.pool = AttentionPool(embed_dim) if pools else None

    def prepare(self, medium: Medium) -> Prepared:
        """One medium to what the network reads; no gradient, no randomness."""
        raise NotImplementedError

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Padded values (B, N, ...) and which of N are real (B, N) to tokens (B, T, D) and which of T are real (B, T)."""
        raise NotImplementedError

    def picture(self, values: Tensor) -> np.ndarray | None:
        """Prepared values as an array a person can look at, or None where the medium itself is best."""
        return None

    def inside(self, medium: Medium, prepared: Prepared) -> list[Panel]:
        """What it computed on its way, for the page "Inside the encoders"; tokens, their places and weights are shown anyway."""
        return []

    def options(self) -> dict[str, Any]:
        """What it is built with again beside its weights, as JSON knows it: a fitted vocabulary."""
        return {}

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        tokens, token_mask = self.tokenize(values, mask)
        pooled, weights = self.pool(tokens, token_mask)
        return Features(tokens, token_mask, pooled, weights)


class TrunkEncoder(Encoder):
    """An encoder around a `trunk` that was trained elsewhere; frozen, its normalisation stays as it is while the rest is trained."""

    trunk: nn.Module

    def __init__(self, embed_dim: int) -> None:
        """The length of its vectors says how much there is to tell, so they are not brought to one length."""
        super().__init__(embed_dim, pools=False)
        self.pool = AttentionPool(embed_dim, normed=False)

    def freeze(self) -> None:
        self.trunk.requires_grad_(False)

    def train(self, mode: bool = True) -> TrunkEncoder:
        super().train(mode)
        if not any(p.requires_grad for p in self.trunk.parameters()):
            self.trunk.eval()
        return self


def collate(prepared: list[Prepared]) -> tuple[Tensor, Tensor]:
    """Pads along the first axis: values (B, N, ...) and mask (B, N), True where real."""
    lengths = torch.tensor([len(p.values) for p in prepared])
    values = nn.utils.rnn.pad_sequence([p.values for p in prepared], batch_first=True)
    return values, torch.arange(values.shape[1])[None] < lengths[:, None]
