"""Distils the image encoder of `scenes` from EfficientNet-Lite0.

    python -m fusion distill image --data DIR

The student starts with the teacher's blocks, the widest of them made narrower (`pruning`), and learns to give the teacher's last maps
again: cell by cell, their mean, and the ImageNet answers that the teacher's own classifier reads from them. It sees a picture worn and
blurred of which the teacher sees the original. No label of the task enters here.

What was learned is then averaged with the start: the pictures at hand are small, and the start knows sharp ones better.

Reference: Wortsman 2022 (WiSE-FT, robust fine-tuning by averaging weights); Beyer 2022 (a patient and consistent teacher).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, TrainConfig
from fusion.distill.averaging import average, kept
from fusion.distill.pruning import narrow
from fusion.distill.teachers import image_maps, load_image_teacher
from fusion.encoders.image_efficientnet import STAGES, ImageEfficientNet, LiteBlock, build_trunk, standardised
from fusion.model import save_encoder
from fusion.tasks.scenes.concepts import IMAGENET, groups_of
from fusion.tasks.scenes.photos import crop, light, make_blank, mosaic, read_photo, resize, wear
from fusion.tasks.scenes.sources import list_photos, list_unlabelled
from fusion.tasks.scenes.task import ScenesTask
from fusion.training.loop import forget_state, train
from fusion.training.progress import report

RECIPE = TrainConfig(epochs=3, samples=8000, batch_size=32, lr=1e-4, weight_decay=1e-4, precision="fp32", workers=1)
SIZES = (160, 192, 224)
KEPT = 4  # stem and three stages are the teacher's own and stay: half of the time goes there
SHARP, SHARP_SHARE = 150, 0.4  # pixels of a picture that has detail; how many of what is seen whole are such
CALIBRATED = 160  # pictures that the narrowing looks at
LEARNED = 0.6  # share of what was learned in the average with the start
LAYERS = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")


def copy_teacher(teacher: nn.Module) -> nn.Sequential:
    """The teacher as a trunk of our own, block by block."""
    trunk = build_trunk(tuple((6 if s[0] > 1 else 1, *s[1:]) for s in STAGES)).eval()
    pairs = [(trunk[0][0], teacher._conv_stem), (trunk[0][1], teacher._bn0), (trunk[8][0], teacher._conv_head), (trunk[8][1], teacher._bn1)]
    for ours, source in zip((block for stage in trunk[1:8] for block in stage), teacher._blocks, strict=True):
        layers = [layer for step in ours.block for layer in list(step)[:2]]
        pairs += list(zip(layers, (getattr(source, n) for n in LAYERS if hasattr(source, n)), strict=True))
    for target, source in pairs:
        target.load_state_dict({k: v for k, v in source.state_dict().items() if k in target.state_dict()})
    return trunk


@torch.no_grad()
def start_from(trunk: nn.Sequential, teacher: nn.Module, pictures: Tensor) -> None:
    """The teacher's weights where the sizes agree; where the student is narrower, what changes its maps of `pictures` least."""
    whole, x, generator = copy_teacher(teacher), pictures, torch.Generator().manual_seed(0)
    trunk.eval()
    for wide, slim in zip(_steps(whole), _steps(trunk), strict=True):
        if isinstance(slim, LiteBlock) and slim.block[1][0].weight.shape != wide.block[1][0].weight.shape:
            narrow(wide, slim, x, generator)
        else:
            slim.load_state_dict(wide.state_dict())
        x = torch.cat([slim(part) for part in x.split(20)])


def _steps(trunk: nn.Sequential) -> list[nn.Module]:
    return [trunk[0], *(block for stage in trunk[1:8] for block in stage), trunk[8]]


class Pairs:
    """What the student sees and what the teacher sees of the same crop; one size for a whole batch."""

    def __init__(self, data: Path, count: int, seed: int) -> None:
        self.pictures = [read_photo(path) for path in (*(item.path for item in list_photos(data, "train")), *list_unlabelled(data))]
        self.sharp = [p for p in self.pictures if max(p.shape) >= SHARP]
        self.count, self.seed, self.epoch = count, seed, 0

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
        clean = light(clean, rng) if rng.random() < 0.5 else clean
        return (wear(clean, rng) if rng.random() < 0.5 else clean), clean

    def collate(self, indices: list[int]) -> dict[str, Tensor]:
        size = SIZES[int(np.random.default_rng([self.seed, self.epoch, indices[0], 1]).integers(len(SIZES)))]
        worn, clean = zip(*(self.make(i, size) for i in indices), strict=True)
        return {"worn": standardised(np.stack(worn)), "clean": standardised(np.stack(clean))}


class Distilled(nn.Module):
    """The student's trunk, its first stages frozen; the teacher stands beside it, not in it, so that nothing of it is saved."""

    def __init__(self, trunk: nn.Sequential, teacher: nn.Module) -> None:
        super().__init__()
        self.trunk, self.teachers = trunk, [teacher]
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
        return self.trunk[KEPT:](x.float())


def loss(model: Distilled, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Squared error of cells and of their mean as shares of what the teacher varies, and cross-entropy of the ImageNet answers."""
    teacher = model.teachers[0]
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        wanted = image_maps(teacher, batch["clean"].contiguous(memory_format=torch.channels_last)).float()
    wanted = wanted.clone()
    found = model(batch["worn"].contiguous(memory_format=torch.channels_last)).float()
    cells = (found - wanted).square().mean() / wanted.var()
    mine, theirs = found.mean((2, 3)), wanted.mean((2, 3))
    means = (mine - theirs).square().mean() / theirs.var()
    said, right = teacher._fc(mine), teacher._fc(theirs)
    answers = F.kl_div(said.log_softmax(-1), right.softmax(-1), reduction="batchmean")
    return cells + means + answers, (said.argmax(-1) == right.argmax(-1)).float().mean()


def run(data: Path, home: Path = CHECKPOINTS / ScenesTask.name, config: TrainConfig = RECIPE) -> None:
    torch.manual_seed(config.seed)
    encoder, teacher = ImageEfficientNet(groups=groups_of(IMAGENET)), load_image_teacher().to(memory_format=torch.channels_last)
    pairs = Pairs(data, config.samples, config.seed)
    start_from(encoder.trunk, teacher, standardised(np.stack([pairs.make(i, 224)[1] for i in range(CALIBRATED)])))
    start = kept(encoder.trunk)
    model = Distilled(encoder.trunk.to(memory_format=torch.channels_last), teacher)
    folder = home / "encoders" / "image"
    report(train(model, pairs, loss, config, folder, "cpu"), "image")
    average(encoder.trunk, start, LEARNED)
    encoder.concepts.load_state_dict(teacher._fc.state_dict(), strict=False)
    save_encoder(folder, encoder, EncoderConfig("image_efficientnet", encoder.options()), half=True)
    forget_state(folder)
