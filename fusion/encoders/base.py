"""The base class of encoders: `prepare` one medium on the CPU, `forward` a padded batch, pool its tokens by attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Self

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import TypeVar

from fusion.encoders.axes import Axes
from fusion.messages import Message
from fusion.types import Features, Layout, Medium, Panel

M = TypeVar("M", bound=Medium, contravariant=True, default=Any)  # the medium that an encoder reads


@dataclass(frozen=True)
class Prepared:
    """One medium as input of the network: `values` (N, ...) float32 or int64; the rest is for views.

    layout  of the tokens that the network will return for it
    extent  which part of the medium `values` covers (see `fusion.types.EncoderView`)
    notes   one sentence for each part of the medium that is not read
    axes    where the square lies on the image, if it leaves out stretches within `extent`
    """

    values: Tensor
    layout: Layout
    extent: tuple[float, ...]
    notes: tuple[Message, ...] = ()
    axes: Axes | None = None

    def on_picture(self, box: np.ndarray) -> np.ndarray:
        """A box (4,) x0, y0, x1, y1 in [0, 1] of the square that was read, as shares of the picture."""
        if self.axes is not None:
            return self.axes.box(box)
        x0, y0, x1, y1 = self.extent
        placed: np.ndarray = np.array([x0, y0, x0, y0]) + np.asarray(box, np.float64) * [x1 - x0, y1 - y0, x1 - x0, y1 - y0]
        return placed

    def on_extent(self, array: np.ndarray) -> np.ndarray:
        """Values (..., H, W) over the square that was read as values over `extent`, for drawing; zero where nothing was read."""
        return array if self.axes is None else self.axes.spread(array)


class AttentionPool(nn.Module):
    """Tokens (B, T, D) to one vector (B, D) by a learned score per token, softmax over real tokens (Bahdanau 2015, one query).

    Returns:
        The vector, and the weights (B, T) of the tokens.
    """

    def __init__(self, dim: int, normed: bool = True) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(dim, dim // 2), nn.Tanh(), nn.Linear(dim // 2, 1, bias=False))
        self.norm = nn.LayerNorm(dim) if normed else nn.Identity()

    def forward(self, tokens: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        scores = self.score(tokens).squeeze(-1).masked_fill(~mask, float("-inf"))  # (B, T)
        weights = scores.softmax(-1)
        return self.norm(torch.einsum("btd,bt->bd", tokens, weights)), weights


class Encoder(nn.Module, Generic[M]):
    """The encoder of one modality. Subclasses define `modality`, `prepare` and `tokenize`.

    Every encoder is deterministic in eval mode, and a medium has the same features by itself and in a batch. `title`, `paper` and the
    first sentence of a subclass's docstring are shown on the page.
    """

    modality: str
    title: ClassVar[str]
    paper: ClassVar[str]
    shifts: ClassVar[bool] = False  # whether its layout is corrected by `shift`
    shift: tuple[float, ...] = ()  # measured offset of its tokens, see `fusion.encoders.centring`; empty means zero

    def __init__(self, embed_dim: int, pools: bool = True) -> None:
        """`pools`: whether the vector is a learned attention over the tokens; encoders that compute it in another way have no pool."""
        super().__init__()
        self.embed_dim = embed_dim
        self.pool: AttentionPool | None = AttentionPool(embed_dim) if pools else None

    @property
    def device(self) -> torch.device:
        """The device of its parameters."""
        return next(self.parameters()).device

    def prepare(self, medium: M) -> Prepared:
        """One medium to the input of the network; no gradient, no randomness."""
        raise NotImplementedError

    def prepare_like(self, medium: M, other: Prepared) -> Prepared:
        """Like `prepare`, with the same part of the medium that was read of another one of the same size."""
        return self.prepare(medium)

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Padded values (B, N, ...) and their mask (B, N) to tokens (B, T, D) and their mask (B, T), True where real."""
        raise NotImplementedError

    def picture(self, values: Tensor) -> np.ndarray | None:
        """Prepared values as an array to be drawn, or None where the medium itself is drawn."""
        return None

    def panels(self, medium: M, prepared: Prepared) -> list[Panel]:
        """Intermediate results for the page "Inside the encoders", besides the tokens, their places and weights."""
        return []

    def options(self) -> dict[str, Any]:
        """Arguments of the constructor that are saved beside the weights, as JSON: a fitted vocabulary."""
        return {}

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        if self.pool is None:
            raise NotImplementedError
        tokens, token_mask = self.tokenize(values, mask)
        pooled, weights = self.pool(tokens, token_mask)
        return Features(tokens, token_mask, pooled, weights)


class TrunkEncoder(Encoder[M]):
    """An encoder around a pretrained `trunk`; while the trunk is frozen, its normalisation layers stay in eval mode."""

    trunk: nn.Module

    def __init__(self, embed_dim: int) -> None:
        """The pooled vector is not normalised: its length carries information."""
        super().__init__(embed_dim, pools=False)
        self.pool = AttentionPool(embed_dim, normed=False)

    def run_trunk(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What the trunk alone makes of padded values (B, N, ...): vectors (B, T, W), and their mask (B, T)."""
        raise NotImplementedError

    def read(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Vectors of the trunk (B, T, W) to tokens (B, T, D): the layers that are trained with the task's labels."""
        raise NotImplementedError

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        hidden, real = self.run_trunk(values, mask)
        return self.read(hidden, real), real

    def freeze(self) -> None:
        self.trunk.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        super().train(mode)
        if not any(p.requires_grad for p in self.trunk.parameters()):
            self.trunk.eval()
        return self


def collate(prepared: list[Prepared]) -> tuple[Tensor, Tensor]:
    """Pads along the first axis: values (B, N, ...) and mask (B, N), True where real."""
    lengths = torch.tensor([len(p.values) for p in prepared])
    values = nn.utils.rnn.pad_sequence([p.values for p in prepared], batch_first=True)
    return values, torch.arange(values.shape[1])[None] < lengths[:, None]
