"""A small EfficientNet-Lite: inverted bottlenecks without squeeze-and-excitation, distilled from a larger one that knew ImageNet.

Reference: Tan & Le 2019 (EfficientNet); Sandler 2018 (inverted bottlenecks); Hinton 2015 (distillation).
"""

from __future__ import annotations

import functools
import math

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import MobileNet_V2_Weights
from torchvision.models.efficientnet import EfficientNet, MBConvConfig
from torchvision.ops import Conv2dNormActivation

from fusion.encoders.base import Prepared, TrunkEncoder, collate
from fusion.encoders.concepts import Groups, LearnedReading, NamedConcepts, as_lists
from fusion.encoders.image_cnn import grid_layout, strongest_channels
from fusion.encoders.unread import picture_note
from fusion.types import Layout, Panel

SIZE = 224  # pixels along one side of the input
STRIDE = 32  # pixels along one side of a cell
LONGEST_SIDE = 1.6  # in shorter sides: longer pictures are cropped
LONG = 2.0  # in shorter sides: of longer pictures several crops are considered, from end to end
MOST_CROPS = 9
# expansion, kernel, stride, channels in and out, blocks: EfficientNet-Lite0, whose last two stages are six times as wide inside as outside
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (5, 5, 2, 112, 192, 4),
    (5, 3, 1, 192, 320, 1),
)
WIDTH = 1280


class HalvingConv(nn.Conv2d):
    """Stride 2 over an even number of pixels with the padding of TensorFlow, as in the teacher: one pixel less on the left and top."""

    def forward(self, x: Tensor) -> Tensor:
        before, after = (self.kernel_size[0] - 2) // 2, (self.kernel_size[0] - 1) // 2
        return F.conv2d(F.pad(x, (before, after, before, after)), self.weight, self.bias, self.stride, groups=self.groups)


class LiteBlock(nn.Module):
    """Expansion with 1x1, depthwise convolution, projection with 1x1; a shortcut where size and channels stay the same."""

    def __init__(self, config: MBConvConfig, drop: float, norm_layer: type[nn.Module]) -> None:
        super().__init__()
        wide = config.adjust_channels(config.input_channels, config.expand_ratio)
        steps: list[nn.Module] = []
        if wide != config.input_channels:
            steps.append(Conv2dNormActivation(config.input_channels, wide, 1, norm_layer=norm_layer, activation_layer=nn.ReLU6))
        steps.append(
            Conv2dNormActivation(wide, wide, config.kernel, config.stride, groups=wide, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        )
        steps.append(Conv2dNormActivation(wide, config.out_channels, 1, norm_layer=norm_layer, activation_layer=None))
        self.block = nn.Sequential(*steps)
        self.shortcut = config.stride == 1 and config.input_channels == config.out_channels

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.shortcut else y


def build_trunk(stages: tuple[tuple[int, ...], ...] = STAGES) -> nn.Sequential:
    """torchvision's EfficientNet of these stages without its classifier: pictures (B, 3, S, S) to maps (B, 1280, S / 32, S / 32)."""
    settings = [MBConvConfig(t, k, s, i, o, n, block=LiteBlock) for t, k, s, i, o, n in stages]
    network = EfficientNet(settings, dropout=0.0, num_classes=1, last_channel=WIDTH, norm_layer=lambda c: nn.BatchNorm2d(c, eps=1e-3))
    features: nn.Sequential = network.features
    for end in (network.features[0], network.features[-1]):
        end[2] = nn.ReLU6(inplace=True)  # torchvision's stem and head have SiLU
    for step in [m for m in features.modules() if isinstance(m, Conv2dNormActivation) and m[0].stride == (2, 2)]:
        c = step[0]
        step[0] = HalvingConv(c.in_channels, c.out_channels, c.kernel_size, 2, groups=c.groups, bias=False)
    return features


def square(picture: np.ndarray, size: int, at: float = 0.5) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Any picture (H, W, 3) uint8 to (size, size, 3), squeezed; long ones are first cropped to 1.6 times their shorter side.

    Args:
        at: position of the crop, from 0 at the left or upper end to 1 at the other one.

    Returns:
        The square, and what it covers of the picture as x0, y0, x1, y1.
    """
    h, w = picture.shape[:2]
    ch = min(h, round(w * LONGEST_SIDE)) or 1
    cw = min(w, round(h * LONGEST_SIDE)) or 1
    top = int((h - ch) * at)
    left = int((w - cw) * at)
    part = picture[top : top + ch, left : left + cw]
    shrunk = min(ch, cw) > size
    small = cv2.resize(part, (size, size), interpolation=cv2.INTER_AREA if shrunk else cv2.INTER_CUBIC)
    return small, (left / w, top / h, (left + cw) / w, (top + ch) / h)


def crop_places(shape: tuple[int, ...]) -> list[float]:
    """Where crops of a long picture (H, W, ...) lie, 0 to 1 for `square`: side by side or overlapping, an odd number from three to nine.

    The middle is the first: it is taken if all are equal.
    """
    short, long = sorted(shape[:2])
    count = min(MOST_CROPS, max(3, math.ceil(long / short / LONGEST_SIDE) | 1))
    return sorted(np.linspace(0, 1, count).tolist(), key=lambda at: abs(at - 0.5))


def standardised(frames: np.ndarray) -> Tensor:
    """Pictures (..., H, W, 3) uint8 to (..., 3, H, W) in [-1, 1]."""
    values = torch.from_numpy(np.ascontiguousarray(frames)).float()
    return (values.movedim(-1, -3) - 127.0) / 128.0


@functools.cache
def concept_names() -> tuple[str, ...]:
    """The names of the 1000 classes of ImageNet, in its order."""
    return tuple(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])


def build_concepts(embed_dim: int, groups: Groups) -> NamedConcepts:
    """The 1000 classes of ImageNet, in the groups of a task."""
    return NamedConcepts(embed_dim, WIDTH, 1000, groups, exclusive=True)


class ImageEfficientNet(TrunkEncoder[np.ndarray]):
    """A small network distilled from one trained on a million photographs: one token for each of 7x7 cells.

    Image (H, W, 3) uint8 of any size to 49 tokens.
    """

    trunk: nn.Sequential
    modality = "image"
    title = "Small EfficientNet"
    paper = "Tan & Le 2019; Hinton et al. 2015"
    shifts = True

    def __init__(self, embed_dim: int = 96, size: int = SIZE, groups: Groups = (), adapter: int = 0) -> None:
        """Builds it without weights.

        Args:
            size: pixels along one side of the input.
            groups: of ImageNet's classes, one per label, as (first, last) indices.
            adapter: units for further training, see `LearnedReading`.
        """
        super().__init__(embed_dim)
        self.groups = groups
        self.size = size
        self.adapter = adapter
        self.grid = size // STRIDE
        self.trunk = build_trunk()
        self.concepts = build_concepts(embed_dim, groups)
        self.project = LearnedReading(WIDTH, embed_dim, adapter=adapter)

    def options(self) -> dict[str, object]:
        size = {} if self.size == SIZE else {"size": self.size}
        adapter = {"adapter": self.adapter} if self.adapter else {}
        return size | {"groups": as_lists(self.groups)} | adapter

    def prepare(self, medium: np.ndarray) -> Prepared:
        small, extent = self.best_crop(medium) if self._is_long(medium) else square(medium, self.size)
        return Prepared(standardised(small), grid_layout(extent, self.grid, self.grid, self.shift), extent, picture_note(extent))

    @torch.no_grad()
    def best_crop(self, picture: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
        """The crop of a long picture, among crops from end to end, with the highest probability of any group, as returned by `square`."""
        crops = [square(picture, self.size, at) for at in crop_places(picture.shape)]
        values = torch.stack([standardised(small) for small, _ in crops]).to(self.device)
        best = self.concepts.groups(self.hidden(values).mean(1))[:, :-1].amax(1)
        return crops[int(best.argmax())]

    def _is_long(self, picture: np.ndarray) -> bool:
        """Whether several crops of a picture are compared; in training the middle is read."""
        short, long = sorted(picture.shape[:2])
        return bool(self.groups) and not self.training and long > LONG * short

    def hidden(self, values: Tensor) -> Tensor:
        """The last maps of the trunk as tokens (B, 49, 1280), before any layer that was trained with the task's labels."""
        values = values.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU
        maps: Tensor = self.trunk(values)
        return maps.flatten(2).transpose(1, 2)

    def run_trunk(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.hidden(values), mask[:, :1].expand(-1, self.grid**2)

    def read(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Cells (B, T, 1280) to tokens (B, T, D): the learned features of the cell, and the concepts of the whole picture."""
        tokens: Tensor = self.concepts(hidden.mean(1, keepdim=True), self.project(hidden))
        return tokens

    def picture(self, values: Tensor) -> np.ndarray:
        return values.mean(0).numpy()

    @torch.no_grad()
    def panels(self, medium: np.ndarray, prepared: Prepared) -> list[Panel]:
        """The likeliest classes of ImageNet, and feature maps of the stem, a middle stage and the last one."""
        titles = {0: "stem", 4: "middle", 7: "last"}
        panels = []
        x = collate([prepared])[0].to(self.device)
        for i, stage in enumerate(self.trunk):
            x = stage(x)
            if i in titles:
                panels.append(Panel("maps", f"image_efficientnet.{titles[i]}", strongest_channels(x[0]).cpu().numpy(), prepared.extent))
        return [self.concepts.panel(x[0].mean((1, 2)), concept_names()), *panels]


def frames_layout(times: np.ndarray, extent: tuple[float, ...]) -> Layout:
    """One token for each whole frame at `times` (T,) seconds."""
    return Layout("frames", np.column_stack([times, np.tile(extent, (len(times), 1))]).astype(np.float32))
