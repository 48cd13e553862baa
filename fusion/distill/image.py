"""Distils the image encoder of `scenes` from EfficientNet-Lite0.

    python -m fusion distill image --data DIR

The student starts with the teacher's blocks, the widest of them made narrower (`pruning`), and learns to reproduce the teacher's last
maps: cell by cell, their mean, and the ImageNet answers that the teacher's own classifier gives for them. The student sees a degraded
picture, the teacher the original. No label of the task is used here.

The result is then averaged with the start: the pictures at hand are small, and the start is better on sharp ones.

Reference: Wortsman 2022 (WiSE-FT, robust fine-tuning by averaging weights); Beyer 2022 (a patient and consistent teacher).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, TrainConfig
from fusion.distill.pruning import narrow
from fusion.distill.teachers import image_classifier, image_maps, load_image_teacher
from fusion.encoders.image_efficientnet import STAGES, ImageEfficientNet, LiteBlock, build_trunk, standardised
from fusion.model import save_encoder
from fusion.tasks.scenes.concepts import IMAGENET, groups_of
from fusion.tasks.scenes.photos import crop, light, make_blank, mosaic, read_photo, resize, wear
from fusion.tasks.scenes.sources import list_photos, list_unlabelled
from fusion.tasks.scenes.task import ScenesTask
from fusion.training.averaging import average, kept
from fusion.training.loop import forget_state, train
from fusion.training.progress import report

RECIPE = TrainConfig(epochs=3, samples=8000, batch_size=32, lr=1e-4, weight_decay=1e-4, precision="fp32", workers=1)
SIZES = (160, 192, 224)
KEPT = 4  # stem and three stages are the teacher's own and stay: half of the time goes there
SHARP = 150  # pixels: pictures at least this long have detail
SHARP_SHARE = 0.4  # of the single pictures, how many are such
CALIBRATED = 160  # pictures that the pruning is fitted on
LEARNED = 0.6  # share of what was learned in the average with the start
LAYERS = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")


def copy_teacher(teacher: nn.Module) -> nn.Sequential:
    """The teacher as a trunk of this project, block by block."""
    trunk = build_trunk(tuple((6 if s[0] > 1 else 1, *s[1:]) for s in STAGES)).eval()
    first, *blocks, last = _steps(trunk)
    copy_layers(first, [teacher.get_submodule("_conv_stem"), teacher.get_submodule("_bn0")])
    copy_layers(last, [teacher.get_submodule("_conv_head"), teacher.get_submodule("_bn1")])
    for block, source in zip(blocks, teacher.get_submodule("_blocks").children(), strict=True):
        sources = [getattr(source, name) for name in LAYERS if hasattr(source, name)]
        assert isinstance(block, LiteBlock)
        for i, step in enumerate(block.block):
            copy_layers(step, sources[2 * i : 2 * i + 2])
    return trunk


def copy_layers(step: nn.Module, sources: list[nn.Module]) -> None:
    """Convolution and normalisation of the teacher into those at the beginning of `step`."""
    targets = list(step.children())[:2]
    for target, source in zip(targets, sources, strict=True):
        known = target.state_dict()
        target.load_state_dict({k: v for k, v in source.state_dict().items() if k in known})


@torch.no_grad()
def start_from(trunk: nn.Sequential, teacher: nn.Module, pictures: Tensor) -> None:
    """The teacher's weights where the sizes agree; where the student is narrower, what changes its maps of `pictures` least."""
    generator = torch.Generator().manual_seed(0)
    trunk.eval()
    x = pictures
    for wide, slim in zip(_steps(copy_teacher(teacher)), _steps(trunk), strict=True):
        if isinstance(wide, LiteBlock) and isinstance(slim, LiteBlock) and hidden_channels(slim) != hidden_channels(wide):
            narrow(wide, slim, x, generator)
        else:
            slim.load_state_dict(wide.state_dict())
        x = torch.cat([slim(part) for part in torch.split(x, 20)])


def hidden_channels(block: LiteBlock) -> int:
    """Of the depth-wise convolution, which is the last but one step."""
    return len(block.block[-2].get_parameter("0.weight"))


def _steps(trunk: nn.Sequential) -> list[nn.Module]:
    """Stem, all blocks, and head."""
    first, *stages, last = trunk.children()
    return [first, *(block for stage in stages for block in stage.children()), last]


class Batch(TypedDict):
    """The same B crops (B, 3, S, S): degraded for the student, clean for the teacher."""

    degraded: Tensor
    clean: Tensor


class PicturePairs:
    """What the student sees and what the teacher sees of the same crop; one size for a whole batch."""

    def __init__(self, data: Path, count: int, seed: int) -> None:
        self.pictures = [read_photo(path) for path in (*(item.path for item in list_photos(data, "train")), *list_unlabelled(data))]
        self.sharp = [p for p in self.pictures if max(p.shape) >= SHARP]
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> int:
        return index

    def make(self, index: int, size: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        kind = rng.random()
        if kind < 0.4:
            side = int(rng.integers(2, 4))
            clean = mosaic([self.pictures[i] for i in rng.integers(len(self.pictures), size=side * side)], side, size, rng)
        elif kind < 0.42:
            clean = resize(make_blank(rng), size, size)
        else:
            pool = self.sharp if self.sharp and rng.random() < SHARP_SHARE else self.pictures
            clean = resize(crop(pool[int(rng.integers(len(pool)))], rng, 0.35), size, size)
        if rng.random() < 0.5:
            clean = light(clean, rng)
        degraded = wear(clean, rng) if rng.random() < 0.5 else clean
        return degraded, clean

    def collate(self, indices: list[int]) -> Batch:
        size = SIZES[int(np.random.default_rng([self.seed, self.epoch, indices[0], 1]).integers(len(SIZES)))]
        pairs = [self.make(i, size) for i in indices]
        degraded = np.stack([pair[0] for pair in pairs])
        clean = np.stack([pair[1] for pair in pairs])
        return {"degraded": standardised(degraded), "clean": standardised(clean)}


class Distilled(nn.Module):
    """The student's trunk, its first stages frozen; the teacher is kept in a list, so that it is no part of the saved state."""

    def __init__(self, trunk: nn.Sequential, teacher: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.teachers = [teacher]
        self.trunk[:KEPT].requires_grad_(False)

    def train(self, mode: bool = True) -> Distilled:
        """Normalisation keeps the teacher's statistics: those of blurred training pictures spoil the answers to sharp ones."""
        super().train(mode)
        for layer in self.trunk.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.eval()
        return self

    def forward(self, pictures: Tensor) -> Tensor:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            x = self.trunk[:KEPT](pictures)
        maps: Tensor = self.trunk[KEPT:](x.float())
        return maps


def loss(model: Distilled, batch: Batch) -> tuple[Tensor, Tensor]:
    """Squared error of cells and of their mean, relative to the teacher's variance, and divergence of the ImageNet answers."""
    teacher = model.teachers[0]
    classify = image_classifier(teacher)
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        wanted = image_maps(teacher, batch["clean"].contiguous(memory_format=torch.channels_last)).float()
    wanted = wanted.clone()
    found = model(batch["degraded"].contiguous(memory_format=torch.channels_last)).float()
    cells = (found - wanted).square().mean() / wanted.var()
    mine = found.mean((2, 3))
    theirs = wanted.mean((2, 3))
    means = (mine - theirs).square().mean() / theirs.var()
    logits = classify(mine)
    target = classify(theirs)
    answers = F.kl_div(logits.log_softmax(-1), target.softmax(-1), reduction="batchmean")
    return cells + means + answers, (logits.argmax(-1) == target.argmax(-1)).float().mean()


def run(data: Path, home: Path = CHECKPOINTS / ScenesTask.name, config: TrainConfig = RECIPE) -> None:
    torch.manual_seed(config.seed)
    encoder = ImageEfficientNet(groups=groups_of(IMAGENET))
    teacher = load_image_teacher().to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    pairs = PicturePairs(data, config.samples, config.seed)
    start_from(encoder.trunk, teacher, standardised(np.stack([pairs.make(i, 224)[1] for i in range(CALIBRATED)])))
    start = kept(encoder.trunk)
    trunk = encoder.trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # not in torch's stubs
    model = Distilled(trunk, teacher)
    folder = home / "encoders" / "image"
    report(train(model, pairs, loss, config, folder, "cpu"), "image")
    average(encoder.trunk, start, LEARNED)
    encoder.concepts.load_state_dict(image_classifier(teacher).state_dict(), strict=False)
    save_encoder(folder, encoder, EncoderConfig("image_efficientnet", encoder.options()), half=True)
    forget_state(folder)
