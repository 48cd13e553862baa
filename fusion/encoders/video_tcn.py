"""A frame CNN followed by temporal convolutions: one token per sampled frame, with the context of its neighbours.

Reference: Bai 2018, An Empirical Evaluation of Generic Convolutional and Recurrent Networks (dilated temporal convolutions,
here centred: the whole clip is there before the question is asked).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.base import Encoder, Prepared
from fusion.encoders.image_cnn import letterbox, standardise
from fusion.types import Clip, Layout, Panel

SIZE = 40  # pixels along one side of a frame
FRAMES = 12


def sample_times(times: np.ndarray, count: int) -> np.ndarray:
    """Indices of `count` frames evenly spread over the clip's time, first and last included (frames repeat in short clips)."""
    wanted = np.linspace(times[0], times[-1], count)
    return np.clip(np.searchsorted(times, wanted - 1e-6), 0, len(times) - 1)


def sampled(clip: Clip) -> tuple[Tensor, np.ndarray, tuple[float, float, float, float]]:
    """Twelve frames (12, 40, 40) of zero median and unit spread, their times (12,) in seconds, and what the square covers of a frame."""
    index = sample_times(clip.times, FRAMES)
    boxed = [letterbox(clip.frames[i], SIZE) for i in index]
    values = torch.from_numpy(standardise(np.stack([square for square, _ in boxed]))).float()
    return values, np.asarray(clip.times)[index], boxed[0][1]


class TemporalBlock(nn.Module):
    """Two centred dilated convolutions over time (B, D, T) with a shortcut; padding is masked so that it cannot leak in."""

    def __init__(self, dim: int, kernel: int, dilation: int) -> None:
        super().__init__()
        pad = dilation * (kernel - 1) // 2
        self.first = nn.Conv1d(dim, dim, kernel, padding=pad, dilation=dilation)
        self.second = nn.Conv1d(dim, dim, kernel, padding=pad, dilation=dilation)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        keep = mask[:, None].to(x.dtype)  # (B, 1, T)
        y = self.first(x * keep).relu()
        y = self.second(y * keep).relu()
        normalised: Tensor = self.norm((x + y).transpose(1, 2))
        return normalised.transpose(1, 2)


class VideoTCN(Encoder[Clip]):
    """Convolutions on each of twelve frames and its change from the last one, then convolutions over time.

    Clip of any length and size to 12 tokens, one per frame sampled evenly over its time.
    """

    modality = "video"
    title = "Frame CNN + TCN"
    paper = "Bai et al. 2018"
    shifts = True  # in time only: a token covers a whole frame

    def __init__(self, embed_dim: int = 96, width: int = 16) -> None:
        super().__init__(embed_dim)
        steps: list[nn.Module] = []
        for inside, outside, stride in (
            (2, width, 2),
            (width, 2 * width, 2),
            (2 * width, 2 * width, 1),
            (2 * width, 4 * width, 2),
            (4 * width, 4 * width, 1),
        ):
            steps += [nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        self.frame = nn.Sequential(*steps, nn.Conv2d(4 * width, 2 * width, 1), nn.Flatten())
        self.project = nn.Linear(2 * width * (SIZE // 8) ** 2, embed_dim)
        self.temporal = nn.ModuleList([TemporalBlock(embed_dim, 3, 1), TemporalBlock(embed_dim, 3, 2)])

    def prepare(self, medium: Clip) -> Prepared:
        values, times, extent = sampled(medium)
        late = self.shift[0] * (times[-1] - times[0]) / (FRAMES - 1) if self.shift else 0.0
        places = np.column_stack([times - late, np.tile([0, 0, 1, 1], (FRAMES, 1))]).astype(np.float32)
        return Prepared(values, Layout("frames", places), extent)

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        B, T = values.shape[:2]
        change = torch.diff(values, dim=1, prepend=values[:, :1])
        frames = torch.stack([values, change], 2).flatten(0, 1)  # (B*T, 2, 40, 40)
        x = self.project(self.frame(frames)).view(B, T, -1).transpose(1, 2)  # (B, D, T)
        for block in self.temporal:
            x = block(x, mask)
        return x.transpose(1, 2), mask

    def picture(self, values: Tensor) -> np.ndarray:
        return values.numpy()

    def panels(self, medium: Clip, prepared: Prepared) -> list[Panel]:
        """The change from each frame to the next, which it reads besides the frames."""
        times = tuple(np.asarray(medium.times)[sample_times(medium.times, FRAMES)][1:].tolist())
        return [Panel("maps", "video_tcn.change", torch.diff(prepared.values, dim=0).numpy(), prepared.extent, times=times, signed=True)]
