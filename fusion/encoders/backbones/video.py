"""The video tower of a pretrained model: a token for every patch of every few frames (a tubelet).

Frames are taken evenly over the clip, as many as the network reads; a token's time is the mean of the times of its frames. Tokens run
through time, each moment row by row, also where the network itself keeps all moments of one patch together (TimeSformer).

Reference: Arnab 2021, ViViT (tubelets); Tong 2022, VideoMAE; Bertasius 2021, TimeSformer.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.backbones.geometry import Window
from fusion.encoders.backbones.pretrained import Pretrained
from fusion.encoders.backbones.tower import Tower, components, vector_of
from fusion.encoders.base import Prepared
from fusion.encoders.image_cnn import grid_layout
from fusion.encoders.unread import frame_note
from fusion.encoders.video_tcn import sample_times
from fusion.types import Clip, FusionError, Layout, Panel

FRAMES = 16  # default, and the limit for networks that take any number of frames
PATCHES_FIRST = ("timesformer",)
BY_CLASS = ("timesformer",)  # families that classify from the class token without a pooler


def tubes(
    times: np.ndarray, extent: tuple[float, ...], moments: int, rows: int, cols: int, shift: tuple[float, ...] = (0.0, 0.0, 0.0)
) -> Layout:
    """Places of a (moments, rows, cols) grid of tokens over frames at `times` (N,), N a multiple of `moments` and in order.

    They are moved back by `shift` t, x, y: in steps from one moment to the next, and in cells.
    """
    step = (times[-1] - times[0]) / max(len(times) - 1, 1) * len(times) / moments
    middle = times.reshape(moments, -1).mean(1) - shift[0] * step
    cells = grid_layout(extent, rows, cols, shift[1:]).places
    return Layout("frames", np.column_stack([middle.repeat(len(cells)), np.tile(cells, (moments, 1))]).astype(np.float32))


def motion_panel(tokens: Tensor, shape: tuple[int, int, int], prepared: Prepared) -> list[Panel]:
    """The first principal component of a clip's tokens (T * h * w, F), one map for every moment."""
    maps = components(tokens, 1).reshape(shape)
    times = prepared.layout.places[:: shape[1] * shape[2], 0]
    return [Panel("maps", "backbone.components", maps, prepared.extent, times=tuple(float(t) for t in times), signed=True)]


class VideoTower(Tower[Clip]):
    """Clips of any length and size to the tubelets of evenly chosen frames."""

    def __init__(self, model: Pretrained) -> None:
        super().__init__()
        self.network = model.network
        self.run = model.run
        self.pooler = model.pooler
        self.entry = model.entry
        config = model.config
        self.frames = getattr(config, "num_frames", None) or min(FRAMES, getattr(config, "frames_per_clip", FRAMES))
        self.processor = model.preparer
        self.kind = config.model_type
        self.window = Window(self._process, True)
        values = self.window(np.zeros((self.frames, 64, 64, 3), np.uint8))[0]
        tube = getattr(config, "tubelet_size", 1)
        tube, *patch = tube if isinstance(tube, (list, tuple)) else (tube, config.patch_size, config.patch_size)
        patch = [p for size in patch for p in (size if isinstance(size, (list, tuple)) else [size])]
        self.shape = (self.frames // tube, values.shape[2] // patch[0], values.shape[3] // patch[-1])
        found = self.run(**{self.entry: values[None]}).last_hidden_state
        self.before = found.shape[1] - int(np.prod(self.shape)) if found.ndim == 3 else -1
        if not 0 <= self.before <= 1:
            raise FusionError(
                "{source} returns tokens of shape {shape}, which form no grid over the frames.",
                source=model.source,
                shape=tuple(found.shape[1:]),
            )

    def trials(self) -> list[Clip]:
        return [Clip(np.zeros((1, 64, 64, 3), np.uint8), np.zeros(1, np.float32))]

    def prepare(self, medium: Clip) -> Prepared:
        index = sample_times(medium.times, self.frames)
        values, extent = self.window(medium.frames[index])
        return Prepared(values.float(), tubes(np.asarray(medium.times)[index], extent, *self.shape), extent, frame_note(extent))

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.run(**{self.entry: values})
        tokens = output.last_hidden_state[:, self.before :]
        if self.kind in PATCHES_FIRST:
            tokens = tokens.unflatten(1, (-1, self.shape[0])).transpose(1, 2).flatten(1, 2)
        by_class = self.kind in BY_CLASS
        vector = output.last_hidden_state[:, 0] if by_class else vector_of(output, self.pooler, tokens.mean(1), self.before > 0)
        return tokens, mask.new_ones(tokens.shape[:2]), vector

    def picture(self, values: Tensor) -> np.ndarray:
        return values.float().mean(1).cpu().numpy()

    def panels(self, prepared: Prepared) -> list[Panel]:
        values = prepared.values[None].to(next(self.network.parameters()).device)
        tokens = self.describe(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))[0]
        return motion_panel(tokens[0], self.shape, prepared)

    def _process(self, frames: np.ndarray) -> Tensor:
        found = self.processor([list(frames)], return_tensors="pt", input_data_format="channels_last")
        pixels: Tensor = found["pixel_values_videos"] if "pixel_values_videos" in found else found["pixel_values"]
        return pixels[0]
