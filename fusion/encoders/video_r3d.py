"""Convolutions over space and time at once, each taken apart: first over the picture, then over the frames around it.

    conv3d(x) ~ conv_time(relu(norm(conv_space(x))))        kernels 1x3x3 and 3x1x1 instead of 3x3x3

Movement is in the features from the first layer on, where `VideoTCN` looks at whole frames first and at their order last.

Reference: Tran 2018, A Closer Look at Spatiotemporal Convolutions for Action Recognition (R(2+1)D); saliency: Simonyan 2014.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.image_cnn import grid_layout, strongest_channels
from fusion.encoders.video_tcn import FRAMES, sample_times, sampled
from fusion.types import Clip, Layout, Panel

CELLS = 3  # along one side: what is left of 40 pixels after four strides of 2


class SpaceTime(nn.Sequential):
    """(B, C, T, H, W): a convolution over each frame, then one over time at each place; `stride` of time and of space."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int] = (1, 1), kernel: int = 3) -> None:
        super().__init__(
            nn.Conv3d(inside, outside, (1, kernel, kernel), (1, stride[1], stride[1]), (0, kernel // 2, kernel // 2), bias=False),
            nn.BatchNorm3d(outside),
            nn.ReLU(),
            nn.Conv3d(outside, outside, (3, 1, 1), (stride[0], 1, 1), (1, 0, 0), bias=False),
            nn.BatchNorm3d(outside),
        )


class Block(nn.Module):
    """Two factorised convolutions with a shortcut."""

    def __init__(self, inside: int, outside: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = SpaceTime(inside, outside, stride)
        self.second = SpaceTime(outside, outside)
        self.shortcut = nn.Conv3d(inside, outside, 1, (stride[0], stride[1], stride[1]), bias=False)

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.second(self.first(x).relu()) + self.shortcut(x)
        return total.relu()


class VideoR3D(Encoder[Clip]):
    """Convolutions over space and time at once: one token per 3x3 cells at 6 of the 12 frames sampled evenly over the video's time.

    Clip of any length and size to values (12, 40, 40), zero median and unit spread, and tokens (54, D).
    """

    modality = "video"
    title = "R(2+1)D"
    paper = "Tran et al. 2018"
    shifts = True

    def __init__(self, embed_dim: int = 96, width: int = 16) -> None:
        super().__init__(embed_dim)
        self.stem = nn.Sequential(SpaceTime(1, width, (1, 2), 5), nn.ReLU())
        self.blocks = nn.Sequential(
            Block(width, 2 * width, (1, 2)), Block(2 * width, 4 * width, (2, 2)), Block(4 * width, 6 * width, (1, 2))
        )
        self.project = nn.Linear(6 * width, embed_dim)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # not in its types; twice as fast on a CPU

    def prepare(self, medium: Clip) -> Prepared:
        values, times, extent = sampled(medium)
        late, *aside = self.shift or (0.0, 0.0, 0.0)
        cells = np.clip(grid_layout(extent, CELLS, CELLS, tuple(aside)).places, 0, 1)
        moments = times[::2] - late * 2 * (times[-1] - times[0]) / (FRAMES - 1)  # one token for every second frame
        places = np.column_stack([moments.repeat(len(cells)), np.tile(cells, (len(moments), 1))]).astype(np.float32)
        return Prepared(values, Layout("frames", places), extent)

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.blocks(self.stem(values[:, None]))  # (B, C, 6, 3, 3)
        tokens = self.project(maps.flatten(2).transpose(1, 2))  # (B, 54, D)
        return tokens, mask[:, :1].expand(-1, tokens.shape[1])

    def picture(self, values: Tensor) -> np.ndarray:
        return values.numpy()

    def saliency(self, values: Tensor, mask: Tensor) -> Tensor:
        """|d |u|^2 / d values| (B, 12, S, S), where u is the pooled vector before its norm, which would make every length the same."""
        with torch.inference_mode(False), torch.enable_grad():
            pixels = values.clone().requires_grad_()
            tokens, real = self.tokenize(pixels, mask.clone())
            assert self.pool is not None
            pooled = torch.einsum("btd,bt->bd", tokens, self.pool(tokens, real)[1])
            return torch.autograd.grad(pooled.square().sum(), pixels)[0].abs()

    def panels(self, medium: Clip, prepared: Prepared) -> list[Panel]:
        """Saliency of the pixels, and feature maps of the first layer in the frame where the picture changes most."""
        values, mask = (x.to(self.device) for x in collate([prepared]))
        times = tuple(medium.times[sample_times(medium.times, FRAMES)].tolist())
        with torch.no_grad():
            stem = self.stem(values[:, None])[0]  # (C, 12, 20, 20)
        busy = 1 + int(torch.diff(values[0], dim=0).abs().mean((1, 2)).argmax())
        maps = strongest_channels(stem[:, busy])
        return [
            Panel("maps", "video_r3d.saliency", self.saliency(values, mask)[0].cpu().numpy(), prepared.extent, times=times),
            Panel("maps", "video_r3d.stem", maps.cpu().numpy(), prepared.extent, times=(times[busy],) * len(maps)),
        ]
