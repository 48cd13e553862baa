"""A compact CNN for pictures on a square canvas: residual 3x3 convolutions, one token per cell of 8x8 pixels.

With a finder, small handwriting on a picture with more pixels than the canvas is read larger: see `fusion.encoders.close_up`.

Reference: He 2016, Deep Residual Learning for Image Recognition (blocks of two 3x3 convolutions with a shortcut).
"""

from __future__ import annotations

from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from fusion.encoders.axes import Axes
from fusion.encoders.base import Encoder, Prepared, collate
from fusion.encoders.close_up import Strips, axes, close_up, cut, strips_of
from fusion.encoders.handwriting import InkFinder
from fusion.encoders.unread import CLOSE_UP
from fusion.types import Layout, Panel

SIZE = 64  # pixels along one side of the canvas
STRIDE = 8  # pixels along one side of a cell


def letterbox(picture: np.ndarray, size: int) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """Any picture (H, W, 3) uint8 to a square grey one (size, size) float32, padded with the median of its border.

    Returns:
        The square, and what it covers of the picture as x0, y0, x1, y1 (beyond [0, 1] where it was padded).
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    h, w = grey.shape
    if (h, w) != (size, size):
        scale = size / max(h, w)
        target = (max(1, round(w * scale)), max(1, round(h * scale)))
        grey = cv2.resize(grey, target, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    h, w = grey.shape
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    top, left = (size - h) // 2, (size - w) // 2
    square = cv2.copyMakeBorder(grey, top, size - h - top, left, size - w - left, cv2.BORDER_CONSTANT, value=float(np.median(border)))
    extent = (-left / w, -top / h, (size - left) / w, (size - top) / h)
    return square.astype(np.float32), extent


def standardise(values: np.ndarray) -> np.ndarray:
    """Zero median and unit spread; noise in a nearly flat picture is not amplified (spread of at least 8 of 255 grey levels)."""
    standardised: np.ndarray = (values - np.median(values)) / max(float(values.std()), 8.0)
    return standardised


def grid_layout(extent: tuple[float, ...], rows: int, cols: int, shift: tuple[float, ...] = ()) -> Layout:
    """The cells of a rows x cols grid over `extent` x0, y0, x1, y1, row by row; moved back by `shift` x, y in cells."""
    x_shift, y_shift = shift or (0.0, 0.0)
    x0, y0, x1, y1 = extent
    xs = np.linspace(x0, x1, cols + 1) - x_shift * ((x1 - x0) / cols)
    ys = np.linspace(y0, y1, rows + 1) - y_shift * ((y1 - y0) / rows)
    col = np.tile(np.arange(cols), rows)
    row = np.repeat(np.arange(rows), cols)
    return Layout("grid", np.column_stack([xs[col], ys[row], xs[col + 1], ys[row + 1]]).astype(np.float32))


def layout_on(read: Axes, rows: int, cols: int, shift: tuple[float, ...] = ()) -> Layout:
    """Like `grid_layout`, on a square that leaves out stretches of the picture."""
    cells = grid_layout((0.0, 0.0, 1.0, 1.0), rows, cols, shift).places
    return Layout("grid", read.box(cells).astype(np.float32))


def strongest_channels(maps: Tensor, count: int = 12) -> Tensor:
    """The `count` channels of maps (C, H, W) that vary most over the picture, most varied first."""
    return maps[maps.flatten(1).var(1).topk(min(count, len(maps))).indices]


class Block(nn.Module):
    """Two 3x3 convolutions with a shortcut; `stride` 2 halves the image."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)])
        self.shortcut = nn.Identity() if stride == 1 and inside == outside else nn.Conv2d(inside, outside, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norms[0](self.first(x)).relu()
        total: Tensor = self.norms[1](self.second(y)) + self.shortcut(x)
        return total.relu()


class ImageCNN(Encoder[np.ndarray]):
    """Learned 3x3 filters in several layers, one token for each cell of the image.

    Image (H, W, 3) uint8 of any size to one token per 8x8 pixels of the letterboxed canvas: 64 tokens where `size` is 64.

    Args:
        finder: whether it has a network that finds small handwriting, so that this is read larger.
        least: longer side of the largest piece of handwriting, as a share of the image's, from which the whole image is read.
        share: longer side of that piece on the canvas where only the handwriting is read.
    """

    modality = "image"
    title = "Compact CNN"
    paper = "He et al. 2016 (ResNet)"
    shifts = True

    def __init__(
        self, embed_dim: int = 96, width: int = 24, size: int = SIZE, finder: bool = False, least: float = 0.28, share: float = 0.55
    ) -> None:
        super().__init__(embed_dim)
        self.size = size
        self.grid = size // STRIDE
        self.stem = nn.Sequential(nn.Conv2d(1, width, 5, 2, 2, bias=False), nn.BatchNorm2d(width), nn.ReLU())
        self.blocks = nn.Sequential(Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2), Block(4 * width, 4 * width, 1))
        self.project = nn.Linear(4 * width, embed_dim)
        self.least = least
        self.share = share
        self.finder = InkFinder().requires_grad_(False).eval() if finder else None

    def train(self, mode: bool = True) -> Self:
        """The finder is trained by itself and stays as it is."""
        super().train(mode)
        if self.finder is not None:
            self.finder.eval()
        return self

    def prepare(self, medium: np.ndarray) -> Prepared:
        return self.read(medium, self.strips(medium))

    def prepare_like(self, medium: np.ndarray, other: Prepared) -> Prepared:
        return self.read(medium, None if other.axes is None else strips_of(other.axes, medium.shape[:2]))

    def strips(self, medium: np.ndarray) -> Strips | None:
        """What is read of a picture with small handwriting; None where all of it is read."""
        if self.finder is None or max(medium.shape[:2]) <= self.size:  # no more pixels than are read anyway
            return None
        return close_up(medium.shape[:2], self.finder.find(medium), self.least, self.share)

    def read(self, medium: np.ndarray, strips: Strips | None) -> Prepared:
        """The whole picture, or the strips of it, as input of the network."""
        square, extent = letterbox(medium if strips is None else cut(medium, strips), self.size)
        values = torch.from_numpy(standardise(square)).float()[None]  # (1, S, S)
        if strips is None:
            return Prepared(values, grid_layout(extent, self.grid, self.grid, self.shift), extent)
        read = axes(strips, medium.shape[:2], extent)
        return Prepared(values, layout_on(read, self.grid, self.grid, self.shift), read.extent, CLOSE_UP, read)

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        maps = self.blocks(self.stem(values))  # (B, C, G, G)
        tokens = self.project(maps.flatten(2).transpose(1, 2))  # (B, G * G, D)
        return tokens, mask.expand(-1, tokens.shape[1])

    def picture(self, values: Tensor) -> np.ndarray:
        return values[0].numpy()

    @torch.no_grad()
    def panels(self, medium: np.ndarray, prepared: Prepared) -> list[Panel]:
        """Feature maps of the first convolution and of the last block."""
        edges = self.stem(collate([prepared])[0].to(self.device))
        found = {"image_cnn.stem": edges, "image_cnn.blocks": self.blocks(edges)}
        strongest = {title: strongest_channels(maps[0]).cpu().numpy() for title, maps in found.items()}
        return [Panel("maps", title, prepared.on_extent(maps), prepared.extent) for title, maps in strongest.items()]
