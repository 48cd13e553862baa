"""Local binary patterns: which of a pixel's eight neighbours are at least as bright as itself, counted over cells of the picture.

    code(x) = sum_p 2^p [g_p >= g_x]        cell's histogram h[code] = sum over its pixels of contrast(x)
    token = sqrt(h of one of 8x8 cells)     vector = sqrt(h of the 4x4 cells of the ink's box)

The 58 uniform codes (at most two changes around the circle) keep their direction, all others share the last one. A pixel counts as much as
its contrast (spread of its 3x3 neighbours, less what 30 in 100 pixels have), so that flat or noisy ground does not drown the strokes. The
picture is turned so that ink is bright, and lightly smoothed. Adding a constant to all grey levels changes nothing.

Reference: Ojala 2002, Multiresolution Gray-Scale and Rotation Invariant Texture Classification with Local Binary Patterns; Ahonen 2004,
Face Recognition with Local Binary Patterns (cells, directed codes); Guo 2010 (counts weighted by local variance).
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared
from fusion.encoders.fixed import FixedEncoder
from fusion.encoders.image_cnn import grid_layout, letterbox
from fusion.encoders.ink import contrast, ink_box, lift, shares
from fusion.types import Panel

SIZE = 64  # pixels along one side of the canvas
GRID = 8  # cells along one side
BOX = 4  # cells along one side of the box around the strokes
CODES = 59  # 0 none is as bright, 1 + 8 (ones - 1) + direction, 57 all eight, 58 more than two changes
NAMES = (*("1" * ones + "0" * (8 - ones) for ones in range(9)), "0101…")  # what `plain_codes` count


def directed_codes(grey: np.ndarray) -> np.ndarray:
    """Codes 0-58 of a uint8 picture (S, S), int64; the border is repeated outwards."""
    from skimage.feature import local_binary_pattern

    codes: np.ndarray = local_binary_pattern(np.pad(grey, 1, "edge"), 8, 1, "nri_uniform")  # type: ignore[no-untyped-call]  # has no types
    return codes[1:-1, 1:-1].astype(np.int64)


def plain_codes(codes: np.ndarray) -> np.ndarray:
    """The same codes without their direction, 0-9: how many neighbours are as bright, 9 where there are more than two changes."""
    return np.where(codes == CODES - 1, 9, (codes + 7) // 8)


class ImageLBP(FixedEncoder[np.ndarray]):
    """Counts of local bright-dark patterns: 64 cells of the image, and 4x4 cells of the box around its strokes as the vector.

    Image (H, W, 3) uint8 of any size to raw tokens (64, 59) and a raw vector (944): square roots of shares in [0, 1].
    """

    modality = "image"
    title = "Local binary patterns"
    paper = "Ojala et al. 2002; Ahonen et al. 2004"

    def __init__(self, embed_dim: int = 96) -> None:
        super().__init__(embed_dim, CODES, BOX * BOX * CODES)

    def read(self, medium: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int], tuple[float, ...]]:
        """Codes and their weights (S, S), the box around the strokes in pixels, and the extent of the square on the picture."""
        square, extent = letterbox(medium, SIZE)
        spread = contrast(square, extent)
        codes = directed_codes(cv2.GaussianBlur(lift(square), (0, 0), 1.0))
        return codes, np.maximum(spread - np.percentile(spread, 30), 0), ink_box(spread), extent

    def prepare(self, medium: np.ndarray) -> Prepared:
        """Values (1, 64 + 16, 60): shares of the histograms of cells and box (each group sums to 1), then the cell's share of the box."""
        codes, weight, (x0, y0, x1, y1), extent = self.read(medium)
        layers = np.zeros((CODES, SIZE, SIZE), np.float32)
        np.put_along_axis(layers, codes[None], weight[None], 0)
        cell = np.repeat(np.eye(GRID, dtype=np.float32), SIZE // GRID, 1)  # (8, 64)
        rows = shares(y0, y1, BOX, SIZE)  # (4, 64)
        cols = shares(x0, x1, BOX, SIZE)
        cells = cell @ layers @ cell.T  # (59, 8, 8)
        box = rows @ layers @ cols.T  # (59, 4, 4)
        used = weight * np.outer(rows.sum(0), cols.sum(0))
        used = cell @ (used if used.any() else np.ones_like(weight)) @ cell.T
        values = np.zeros((1, GRID**2 + BOX**2, CODES + 1), np.float32)
        values[0, : GRID**2, :CODES] = cells.reshape(CODES, -1).T / max(cells.sum(), 1e-6)
        values[0, GRID**2 :, :CODES] = box.reshape(CODES, -1).T / max(box.sum(), 1e-6)
        values[0, : GRID**2, CODES] = used.ravel() / used.sum()
        return Prepared(torch.from_numpy(values), grid_layout(extent, GRID, GRID), extent)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        root = values[:, 0, :, :CODES].sqrt()  # (B, 80, 59); roots, so that common codes do not dominate rare ones
        return root[:, : GRID**2], mask.expand(-1, GRID**2), root[:, GRID**2 :].flatten(1), values[:, 0, : GRID**2, CODES]

    def panels(self, medium: np.ndarray, prepared: Prepared) -> list[Panel]:
        codes, weight, _, extent = self.read(medium)
        plain = plain_codes(codes)
        counts = np.bincount(plain.ravel(), weight.ravel(), len(NAMES)) / max(float(weight.sum()), 1e-6)
        return [
            Panel("maps", "lbp.codes", plain[None].astype(np.float32), extent),
            Panel("maps", "lbp.contrast", weight[None], extent),
            Panel("bars", "lbp.histogram", counts.astype(np.float32), names=NAMES),
        ]
