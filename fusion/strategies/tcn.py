"""Temporal convolution: sound, video and text on one time axis, read by convolutions of growing dilation.

    a_m[s]   = tokens of modality m at relative time s / (N - 1)        linear interpolation over the real tokens
    h_0[s]   = W [A_1 a_1[s], p_1, ..., A_M a_M[s], p_M]                a picture is a still: its pooled vector at every step
    h_l+1[s] = h_l[s] + GELU(LayerNorm(sum_j C_j h_l[s + j 2^l]))       j = -1, 0, 1 centred; j = -2, -1, 0 causal
    fused    = MLP(mean over s of h_L[s])

Steps (B, N, dim). Streams differ in rate and padding; each is stretched so that its first real token falls on the first step and its
last on the last: right for streams that start and end together, a guess for text. If causal, a step holds the latest token so
far instead of interpolating towards the next one, and norms act on one step; only the length of a stream is known ahead. Bai's
convolutions are causal, and so are those of new trainings; weights without this option are centred.

Reference: Bai 2018, An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling (arXiv 1803.01271).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.messages import Message, message
from fusion.strategies.base import Strategy, mlp
from fusion.strategies.tokens import ChannelDropout, read_tokens
from fusion.types import Features, FusionOutput

STILL = ("image",)  # kinds of modalities without a time axis; their pooled vector stands at every step


def align(tokens: Tensor, mask: Tensor, num_steps: int, hold: bool) -> Tensor:
    """Tokens (B, T, D) to steps (B, N, D) by relative position among the real ones.

    Args:
        mask: (B, T) True where a token is real.
        hold: take the latest token so far, which never looks ahead of a step; else interpolate linearly.
    """
    rank = mask.cumsum(1) - 1  # (B, T) index among the real tokens
    ticks = torch.arange(num_steps, device=mask.device) * rank[:, -1:]  # (B, N) position times (N - 1), exact integers
    last = max(num_steps - 1, 1)
    position = ticks // last if hold else ticks / last  # (B, N)
    distance = (position[..., None] - rank[:, None]).abs()  # (B, N, T)
    weights = (1 - distance).clamp_min(0) * mask[:, None]  # rows sum to 1
    return weights.to(tokens.dtype) @ tokens


CENTRED = message("These weights use centred convolutions, which also look ahead; those of the paper are causal.")


class TCN(Strategy):
    """Aligns audio, video and text on one time axis and reads them with dilated temporal convolutions."""

    title = "Temporal convolution"
    formula = "h′[s] = h[s] + GELU(Σ_j C_j h[s + j·2ˡ])"
    paper = "Bai et al. 2018 (TCN)"
    fuses = "tokens"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        dim: int = 64,
        depth: int = 4,
        num_steps: int = 24,
        causal: bool = False,
        dropout: float = 0.2,
        still: Sequence[str] = STILL,
    ) -> None:
        """`still` names the modalities without a time axis."""
        super().__init__(modalities, embed_dim, num_classes)
        self.still = tuple(still)
        self.out_dim = embed_dim
        self.channel_dim = dim // 2  # of each modality
        self.num_steps = num_steps
        self.causal = causal
        self.in_proj = nn.ModuleDict(
            {m: nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, self.channel_dim)) for m in self.modalities}
        )
        self.channels = nn.Linear(len(modalities) * (self.channel_dim + 1), dim)
        # each a convolution of three taps, 2^level apart, as one product: on short sequences several times faster than Conv1d
        self.convolutions = nn.ModuleList([nn.Linear(3 * dim, dim) for _ in range(depth)])
        self.norms = nn.ModuleList([nn.LayerNorm(dim) for _ in range(depth)])
        self.dropout = ChannelDropout(dropout)
        self.mix = mlp(dim, embed_dim, embed_dim, dropout)

    @classmethod
    def options_for(cls, questions: dict[str, int], places: bool, kinds: dict[str, str]) -> dict[str, object]:
        still = tuple(m for m, kind in kinds.items() if kind in STILL)
        return {"causal": True} if still == STILL else {"causal": True, "still": still}

    @property
    def differs(self) -> Message | None:
        return None if self.causal else CENTRED

    def steps(self, features: dict[str, Features], present: Tensor) -> Tensor:
        """The state at each step (B, N, dim), before pooling over time."""
        x: Tensor = self.channels(self.aligned(features, present))  # (B, N, dim)
        for level, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            dilation = 2**level
            before, after = (2 * dilation, 0) if self.causal else (dilation, dilation)
            padded = F.pad(x, (0, 0, before, after))
            taps = torch.cat([padded[:, j * dilation : j * dilation + self.num_steps] for j in range(3)], -1)  # (B, N, 3 dim)
            x = x + self.dropout(F.gelu(norm(convolution(taps))))
        return x

    def aligned(self, features: dict[str, Features], present: Tensor) -> Tensor:
        """All modalities on the same steps, with a flag of presence each: (B, N, M (channel_dim + 1))."""
        tokens, masks, is_present = read_tokens(self.modalities, features, present)
        pooled = self.embeddings(features, present)  # (B, M, D)
        parts = []
        for i, m in enumerate(self.modalities):
            if m not in tokens:
                parts.append(pooled.new_zeros(len(pooled), self.num_steps, self.channel_dim + 1))
                continue
            if m in self.still:
                x = self.in_proj[m](pooled[:, i, None]).expand(-1, self.num_steps, -1)
            else:
                x = align(self.in_proj[m](tokens[m]), masks[m], self.num_steps, self.causal)
            flag = is_present[m][..., None].expand(-1, self.num_steps, -1).to(x.dtype)
            parts.append(x * flag)
            parts.append(flag)
        return torch.cat(parts, -1)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        if not self.cut:
            return FusionOutput(self.mix(self.steps(features, present).mean(1)))
        means = []  # of each modality as if it were alone; they meet in their mean
        for i in range(len(self.modalities)):
            alone = torch.zeros_like(present)
            alone[:, i] = True
            means.append(self.steps(features, alone).mean(1) * present[:, i, None])
        return FusionOutput(self.mix(torch.stack(means).sum(0) / present.sum(1, keepdim=True)))
