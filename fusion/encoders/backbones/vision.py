"""The image tower of a pretrained model: a token for every patch, or for every cell of a convolutional network's last map.

Patches and cells run row by row. Patches lie evenly over what the processor shows. Cells of a convolutional network are as wide as its
stride, and strided kernels of odd size look up to half a cell further to the upper left: how far is measured on loading. Class,
distillation, register and detection tokens are dropped. What the processor cropped away has no token, so tokens of a model with a centre
crop do not reach the border of the picture.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.backbones.geometry import Window
from fusion.encoders.backbones.pretrained import Pretrained
from fusion.encoders.backbones.tower import Tower, components, vector_of
from fusion.encoders.base import Prepared
from fusion.encoders.centring import picture_shift
from fusion.encoders.image_cnn import grid_layout
from fusion.encoders.unread import picture_note
from fusion.types import FusionError, Panel

HEADS_SHOWN = 6  # attention heads in the view
MOST_BEFORE = 32  # tokens without a place before the patches
SPOTS = 16  # with which a convolutional network is measured
TRIED = ((64, 64, 3), (48, 96, 3))  # pictures that must come out of a processor in one size


class VisionTower(Tower[np.ndarray]):
    """Pictures (H, W, 3) uint8 of any size to the grid of tokens a network gives for what its processor shows of them."""

    def __init__(self, model: Pretrained) -> None:
        super().__init__()
        self.network = model.network
        self.run = model.run
        self.pooler = model.pooler
        self.processor = model.preparer
        self.window = Window(self._process, getattr(model.preparer, "backend", "") == "torchvision")
        sizes = {tuple(self.window(np.zeros((1, *shape), np.uint8))[0].shape[1:]) for shape in TRIED}
        if len(sizes) > 1 or len(next(iter(sizes))) != 3:
            raise FusionError("{source} resizes each image to a different size, so images cannot form one batch.", source=model.source)
        size = sizes.pop()
        shape = self.run(pixel_values=torch.zeros(1, *size)).last_hidden_state.shape
        self.grid, self.before = _grid(model, shape, *size[1:])
        self.reach = (1.0, 1.0)  # width and height of the grid, as a share of what the processor passes on
        self.shift: tuple[float, ...] = (0.0, 0.0)
        if len(shape) == 4:
            self.reach = _reach(self.grid[1], size[2]), _reach(self.grid[0], size[1])
            self.shift = picture_shift(self.prepare, lambda values, mask: self.describe(values, mask)[0], SPOTS)

    def trials(self) -> list[np.ndarray]:
        return [np.zeros((64, 64, 3), np.uint8)]

    def prepare(self, medium: np.ndarray) -> Prepared:
        values, extent = self.window(medium[None])
        x0, y0, x1, y1 = extent
        cells = x0, y0, x0 + (x1 - x0) * self.reach[0], y0 + (y1 - y0) * self.reach[1]
        return Prepared(values[0].float(), grid_layout(cells, *self.grid, self.shift), extent, picture_note(extent))

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.run(pixel_values=values)
        tokens = self.tokens_of(output.last_hidden_state)
        return tokens, mask.new_ones(tokens.shape[:2]), vector_of(output, self.pooler, tokens.mean(1), self.before > 0)

    def tokens_of(self, hidden: Tensor) -> Tensor:
        """(B, C, h, w) or (B, special + h * w + special, F) to (B, h * w, F)."""
        if hidden.ndim == 4:
            return hidden.flatten(2).transpose(1, 2)
        return hidden[:, self.before : self.before + self.grid[0] * self.grid[1]]

    def picture(self, values: Tensor) -> np.ndarray:
        return values.float().mean(0).cpu().numpy()

    def panels(self, prepared: Prepared) -> list[Panel]:
        """The principal components of the tokens, and the attention of the class token in the last layer where there is one."""
        values = prepared.values[None].to(next(self.network.parameters()).device)
        output = self.run(pixel_values=values, output_attentions=True) if self.before else self.run(pixel_values=values)
        parts = components(self.tokens_of(output.last_hidden_state)[0]).reshape(-1, *self.grid)
        panels = [Panel("maps", "backbone.components", parts, prepared.extent, signed=True)]
        attention = getattr(output, "attentions", None)
        if attention and attention[-1] is not None and attention[-1].shape[-1] >= self.before + parts[0].size:
            shown = attention[-1][0, :HEADS_SHOWN, 0, self.before : self.before + parts[0].size]
            panels.append(Panel("maps", "backbone.attention", shown.float().cpu().numpy().reshape(-1, *self.grid), prepared.extent))
        return panels

    def _process(self, frames: np.ndarray) -> Tensor:
        pixels: Tensor = self.processor(list(frames), input_data_format="channels_last", return_tensors="pt")["pixel_values"]
        return pixels


def _reach(cells: int, pixels: int) -> float:
    """Size of `cells` of a convolutional network in all, as a share of `pixels`: its stride is the nearest power of two."""
    stride = 1 << round(math.log2(pixels / cells))
    return cells * stride / pixels


def _grid(model: Pretrained, hidden: torch.Size, height: int, width: int) -> tuple[tuple[int, int], int]:
    """Rows and columns of the tokens in the network's last output, and how many tokens without a place come before them."""
    if len(hidden) == 4:
        return (hidden[2], hidden[3]), 0
    patch = getattr(model.config, "patch_size", None) or height
    patch_height, patch_width = (patch, patch) if isinstance(patch, int) else tuple(patch)[-2:]
    rows, cols = height // patch_height, width // patch_width
    before = hidden[1] - rows * cols - (getattr(model.config, "num_detection_tokens", 0) or 0)
    if 0 <= before <= MOST_BEFORE:
        return (rows, cols), before
    for before in (0, 1, 2):  # networks that merge patches on their way
        rows = round(math.sqrt((hidden[1] - before) * height / width))
        if rows and rows * round(rows * width / height) == hidden[1] - before:
            return (rows, round(rows * width / height)), before
    raise FusionError("{source} returns {count} tokens, which form no grid over the image.", source=model.source, count=hidden[1])
