"""Where on a page handwriting is: a small network marks the cells of a page that hold ink of a digit, without ruled lines, shadows, table.

    marks = sigmoid(U-Net(page at 192 pixels))   one per 4x4 pixels        boxes = connected regions of marked cells

Reference: Ronneberger 2015, U-Net (a path down to a quarter of the resolution and back up, with shortcuts).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 192  # pixels along the longer side of the page as the network sees it
CELL = 4  # pixels along a side of a cell
STEP = 16  # the network halves the page four times
LEAST_CELLS = 4  # along the longer side of a region: smaller ones are dots
LEAST_MASS = 0.15  # regions with less than this share of the marks of the strongest region are dirt


class InkFinder(nn.Module):
    """A page (B, 1, H, W), standardised, H and W multiples of 16, to logits (B, H / 4, W / 4): the cell holds ink of a digit."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.fine = nn.Sequential(step(1, width, 2, 5), step(width, 2 * width, 2), step(2 * width, 2 * width))
        self.middle = nn.Sequential(step(2 * width, 3 * width, 2), step(3 * width, 3 * width))
        self.coarse = nn.Sequential(step(3 * width, 4 * width, 2), step(4 * width, 4 * width), step(4 * width, 4 * width))
        self.up = nn.Conv2d(4 * width, 3 * width, 1)
        self.join = step(3 * width, 2 * width)
        self.last = step(2 * width, 2 * width)
        self.mark = nn.Conv2d(2 * width, 1, 1)

    def forward(self, page: Tensor) -> Tensor:
        fine = self.fine(page)
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        middle = self.join(middle + F.interpolate(self.up(coarse), scale_factor=2.0))
        fine = self.last(fine + F.interpolate(middle, scale_factor=2.0))
        logits: Tensor = self.mark(fine).squeeze(1)
        return logits

    @torch.no_grad()
    def find(self, picture: np.ndarray) -> np.ndarray:
        """Boxes (N, 4) x0, y0, x1, y1 in pixels around pieces of handwriting in a picture (H, W, 3) uint8, none where there is none."""
        page, scale = as_page(picture)
        at = next(self.parameters()).device
        logits = self(torch.from_numpy(page)[None, None].to(at))[0].cpu().numpy()
        height, width = picture.shape[:2]
        return regions(logits) * CELL / [scale[0], scale[1], scale[0], scale[1]] if height and width else np.zeros((0, 4))


def step(inside: int, outside: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU())


def as_page(picture: np.ndarray) -> tuple[np.ndarray, tuple[float, float]]:
    """A picture (H, W, 3) uint8 as the network reads it (h, w) float32, padded to multiples of 16, and its scale along x and y."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    scale = SIDE / max(height, width)
    h, w = max(1, round(height * scale)), max(1, round(width * scale))
    if (h, w) != (height, width):
        grey = cv2.resize(grey, (w, h), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    values = grey.astype(np.float32)
    values = (values - np.median(values)) / max(float(values.std()), 8.0)
    return cv2.copyMakeBorder(values, 0, -h % STEP, 0, -w % STEP, cv2.BORDER_REPLICATE), (w / width, h / height)


def regions(logits: np.ndarray) -> np.ndarray:
    """Boxes (N, 4) in cells of connected regions of logits (h, w) above zero, less those much weaker than the strongest."""
    marked = (logits > 0).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(marked, connectivity=8)
    mass = np.bincount(labels.ravel(), (1 / (1 + np.exp(-logits)) * marked).ravel(), count)
    large = stats[:, 2:4].max(1) >= LEAST_CELLS
    large[0] = False  # the ground
    kept = np.flatnonzero(large & (mass >= LEAST_MASS * mass[large].max(initial=0.0)))
    left, top = stats[kept, 0], stats[kept, 1]
    boxes: np.ndarray = np.stack([left, top, left + stats[kept, 2], top + stats[kept, 3]], 1).astype(np.float64)
    return boxes
