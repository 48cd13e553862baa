"""Convolutional networks of torchvision: a token for every cell of the last feature map, the vector their average.

    torchvision:resnet18        pictures, ImageNet
    torchvision:r3d_18          clips of 16 frames, Kinetics-400
    torchvision:r2plus1d_18     the same with convolutions apart in space and time

torchvision publishes pickles, which are never read here: weights come from safetensors that the user saved in the cache folder, or from a
copy on the hub. Networks and transforms are torchvision's own.

Reference: He 2016 (ResNet); Tran 2018, A Closer Look at Spatiotemporal Convolutions (R3D, R(2+1)D).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from fusion.config import cache_folder
from fusion.encoders.backbones.geometry import Window
from fusion.encoders.backbones.hub import find_folder
from fusion.encoders.backbones.pretrained import one_sentence
from fusion.encoders.backbones.tower import M, Tower, components
from fusion.encoders.backbones.video import motion_panel, tubes
from fusion.encoders.base import Prepared
from fusion.encoders.centring import picture_shift
from fusion.encoders.image_cnn import grid_layout
from fusion.encoders.unread import frame_note, picture_note
from fusion.encoders.video_tcn import sample_times
from fusion.messages import message
from fusion.types import Clip, FusionError, Panel

PREFIX = "torchvision:"


class Published(NamedTuple):
    """A network of torchvision."""

    modality: str
    weights: str  # name of its weights in torchvision
    repository: str | None  # the hub's copy of them as safetensors


MODELS = {
    "resnet18": Published("image", "ResNet18_Weights.IMAGENET1K_V1", "timm/resnet18.tv_in1k"),
    "r3d_18": Published("video", "R3D_18_Weights.KINETICS400_V1", None),
    "r2plus1d_18": Published("video", "R2Plus1D_18_Weights.KINETICS400_V1", None),
}
FRAMES = 16  # of a clip
SPOTS = 16  # with which a network for pictures is measured on loading
# of r3d_18 and r2plus1d_18, later in moments, to the right and down in cells: measured with untrained weights as `clip_shift` does, which
# takes half a minute. From three strides of two in time and four in space one would expect 0.4375 and 0.47.
CLIP_SHIFT = (0.4375, 0.43, 0.43)


def load_torchvision(source: str, modality: str) -> Tower[Any]:
    """The tower of "torchvision:<name>".

    Raises:
        FusionError: unknown name, another modality, or no weights.
    """
    name = source.removeprefix(PREFIX)
    if name not in MODELS:
        raise FusionError("There is no {source!r}; there are {known}.", source=source, known=[PREFIX + name for name in MODELS])
    reads = MODELS[name].modality
    if reads != modality:
        raise FusionError("{source} reads {reads}, not {modality}.", source=source, reads=message(reads), modality=message(modality))
    from torchvision.models import get_model, get_weight

    path = find_weights(source)
    network = get_model(name, weights=None)
    with one_sentence(source, message("has weights that cannot be read ({file})", file=path.name)):
        network.load_state_dict(load_file(path))
    transforms = get_weight(MODELS[name].weights).transforms()
    network = network.requires_grad_(False).eval()
    return ConvImage(network, transforms) if reads == "image" else ConvVideo(network, transforms)


def find_weights(source: str) -> Path:
    """The safetensors file of a model's weights: the user's own in the cache folder, else the hub's copy if it has one."""
    name = source.removeprefix(PREFIX)
    path = cache_folder() / "torchvision" / f"{name}.safetensors"
    if path.is_file():
        return path
    if repository := MODELS[name].repository:
        return find_folder(repository) / "model.safetensors"
    raise FusionError(
        "The weights of {source} are published only as a pickle, which is not loaded; checkpoints/README.md says how to convert them.",
        source=source,
    )


class ConvTower(Tower[M]):
    """A residual network up to its last map; `network` as torchvision builds it, `process` its transforms."""

    def __init__(self, network: nn.Module, process: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        network.fc = nn.Identity()
        self.network = network
        self.process = process
        self.window = Window(self.show, True)
        values = self.prepared(self.trials()[0])[0][None]
        on_meta = copy.deepcopy(network).to("meta")  # computes shapes only
        self.shape = tuple(self.maps(on_meta, values.to("meta")).shape[2:])  # of the last map

    def show(self, frames: np.ndarray) -> Tensor:
        """Frames (N, H, W, 3) to (N, C, h, w)."""
        return self.process(torch.from_numpy(frames).permute(0, 3, 1, 2))

    def prepared(self, medium: M) -> tuple[Tensor, tuple[float, float, float, float]]:
        """Values of one medium, and the extent of the frame they cover."""
        raise NotImplementedError

    def maps(self, network: Any, values: Tensor) -> Tensor:
        """Values (B, ...) through a residual network to (B, C, h, w) for pictures, (B, C, t, h, w) for clips."""
        stem = [network.stem] if hasattr(network, "stem") else [network.conv1, network.bn1, network.relu, network.maxpool]
        for stage in [*stem, network.layer1, network.layer2, network.layer3, network.layer4]:
            values = stage(values)
        return values

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        tokens = self.maps(self.network, values).flatten(2).transpose(1, 2)  # (B, T, C)
        return tokens, mask.new_ones(tokens.shape[:2]), tokens.mean(1)

    def tokens_of(self, prepared: Prepared) -> Tensor:
        values = prepared.values[None].to(next(self.network.parameters()).device)
        return self.describe(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))[0][0]


class ConvImage(ConvTower[np.ndarray]):
    """Pictures to the cells of a map of 7 by 7."""

    def __init__(self, network: nn.Module, process: Callable[[Tensor], Tensor]) -> None:
        super().__init__(network, process)
        self.shift: tuple[float, ...] = ()
        self.shift = picture_shift(self.prepare, lambda values, mask: self.describe(values, mask)[0], SPOTS)

    def trials(self) -> list[np.ndarray]:
        return [np.zeros((64, 64, 3), np.uint8)]

    def prepared(self, medium: np.ndarray) -> tuple[Tensor, tuple[float, float, float, float]]:
        values, extent = self.window(medium[None])
        return values[0], extent

    def prepare(self, medium: np.ndarray) -> Prepared:
        values, extent = self.prepared(medium)
        rows, cols = self.shape
        return Prepared(values, grid_layout(extent, rows, cols, self.shift), extent, picture_note(extent))

    def picture(self, values: Tensor) -> np.ndarray:
        return values.mean(0).cpu().numpy()

    def panels(self, prepared: Prepared) -> list[Panel]:
        parts = components(self.tokens_of(prepared)).reshape(-1, *self.shape)
        return [Panel("maps", "backbone.components", parts, prepared.extent, signed=True)]


class ConvVideo(ConvTower[Clip]):
    """Clips to the cells of a map over two moments of 16 frames."""

    shift = CLIP_SHIFT

    def show(self, frames: np.ndarray) -> Tensor:
        return super().show(frames).transpose(0, 1)  # from (C, N, h, w)

    def trials(self) -> list[Clip]:
        return [Clip(np.zeros((1, 64, 64, 3), np.uint8), np.zeros(1, np.float32))]

    def prepared(self, medium: Clip) -> tuple[Tensor, tuple[float, float, float, float]]:
        values, extent = self.window(medium.frames[sample_times(medium.times, FRAMES)])
        return values.contiguous(), extent  # (16, 3, h, w)

    def maps(self, network: Any, values: Tensor) -> Tensor:
        return super().maps(network, values.transpose(1, 2))

    def prepare(self, medium: Clip) -> Prepared:
        values, extent = self.prepared(medium)
        times = np.asarray(medium.times)[sample_times(medium.times, FRAMES)]
        moments, rows, cols = self.shape
        return Prepared(values, tubes(times, extent, moments, rows, cols, self.shift), extent, frame_note(extent))

    def picture(self, values: Tensor) -> np.ndarray:
        return values.mean(1).cpu().numpy()

    def panels(self, prepared: Prepared) -> list[Panel]:
        moments, rows, cols = self.shape
        return motion_panel(self.tokens_of(prepared), (moments, rows, cols), prepared)
