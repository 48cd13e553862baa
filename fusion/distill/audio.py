"""Distils the audio encoder of `scenes` from YAMNet.

    python -m fusion distill audio --data DIR --yamnet FILE

The student starts with the teacher's layers, the widest but one made narrower (`pruning`), and learns to reproduce the teacher's
embedding and its AudioSet answers: mean over a stretch of two seconds. The student gets the sound with noise and a cut band, the teacher
without. No label of the task is used here.

The result is then averaged with the start: the sounds at hand are few, and the start is better on all others.

Reference: Wortsman 2022 (WiSE-FT, robust fine-tuning by averaging weights).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import CHECKPOINTS, EncoderConfig, TrainConfig
from fusion.distill.pruning import ROWS, choose
from fusion.distill.teachers import YAMNet, class_names, patches_of
from fusion.encoders.audio_mobilenet import FFT, HOP, INNER, RATE, WIDTH, AudioMobileNet, at_level, build_trunk, fill_up, log_mel
from fusion.model import save_encoder
from fusion.tasks.scenes.concepts import AUDIOSET, AUDIOSET_NEUTRAL, groups_of
from fusion.tasks.scenes.sounds import (
    add_noise,
    change_speed,
    cut_band,
    make_noise,
    make_nothing,
    put_in_room,
    random_part,
    read_sound,
)  # fmt: skip
from fusion.tasks.scenes.sources import list_sounds
from fusion.tasks.scenes.task import ScenesTask
from fusion.training.averaging import average, kept
from fusion.training.loop import forget_state, train
from fusion.training.progress import report

RECIPE = TrainConfig(epochs=1, samples=8000, batch_size=48, lr=1e-4, weight_decay=1e-4, precision="fp32", workers=1)
FRAMES = 192
SPAN = (FRAMES - 1) * HOP + FFT
CALIBRATED = 600  # sounds that the pruning is fitted on
LEARNED = 0.5  # share of what was learned in the average with the start
SPOKEN = 600  # recordings of speech, which is a sound of no class


def copy_layer(layer: nn.Module, weight: Tensor, bias: Tensor) -> None:
    """Copies a layer of the teacher, whose normalisation is folded into weights and biases; the student's starts as the identity."""
    norm = layer.get_submodule("normalization")
    assert isinstance(norm, nn.BatchNorm2d)
    layer.get_parameter("convolution.weight").data.copy_(weight)
    norm.bias.data.copy_(bias)
    norm.weight.data.fill_((1 + norm.eps) ** 0.5)  # running mean 0 and variance 1


@torch.no_grad()
def start_from(student: AudioMobileNet, teacher: YAMNet, mel: Tensor) -> None:
    """Copies the teacher's layers; of the widest but one, the channels that the embedding of `mel` (B, N, 64) depends on most."""
    whole = build_trunk(WIDTH).eval()
    for layer, weight, bias in zip(whole, teacher.weights, teacher.biases, strict=True):
        copy_layer(layer, weight, bias)
    x = mel[:, None]
    for layer in whole[:-1]:
        x = layer(x)
    hidden = x.permute(0, 2, 3, 1).flatten(0, 2)
    rows = torch.randperm(len(hidden), generator=torch.Generator().manual_seed(0))[:ROWS]
    kept, weight, shift = choose(hidden[rows], teacher.weights[-1][:, :, 0, 0], INNER)
    for ours, theirs in zip(student.trunk[:-3], whole, strict=False):
        ours.load_state_dict(theirs.state_dict())
    for i in (-3, -2):
        copy_layer(student.trunk[i], teacher.weights[i][kept], teacher.biases[i][kept])
    copy_layer(student.trunk[-1], weight[:, :, None, None], teacher.biases[-1] + shift)


class Batch(TypedDict):
    """The same B sounds as log-mel (B, 192, 64): degraded for the student, clean for the teacher."""

    degraded: Tensor
    clean: Tensor


class SoundPairs:
    """Two seconds as the student and as the teacher get them, both as log-mel (192, 64)."""

    def __init__(self, data: Path, count: int, seed: int) -> None:
        speech = sorted((data / "fsdd" / "recordings").glob("*.wav"))
        paths = [item.path for item in list_sounds(data, "train")] + speech[:: max(1, len(speech) // SPOKEN)]
        self.sounds = [read_sound(p).samples for p in paths]
        lengths = np.array([min(len(s), 5 * RATE) for s in self.sounds], float)
        self.odds = lengths / lengths.sum()
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Two seconds of one recording, longer ones more often."""
        sound = self.sounds[int(rng.choice(len(self.sounds), p=self.odds))]
        sound = fill_up(random_part(sound, 2.4, rng), int(2.4 * RATE))
        if rng.random() < 0.6:
            sound = change_speed(sound, rng)
        return fill_up(sound[:SPAN], SPAN)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([self.seed, self.epoch, index])
        clean = fill_up(make_nothing(rng).samples, SPAN)[:SPAN] if rng.random() < 0.04 else self.draw(rng)
        if rng.random() < 0.35:
            clean = add_noise(clean, self.draw(rng), rng.uniform(-3, 15))  # two sounds at once, for the teacher too
        if rng.random() < 0.25:
            clean = put_in_room(clean, rng)
        degraded = clean
        if rng.random() < 0.5:
            degraded = add_noise(degraded, make_noise(SPAN, rng), rng.uniform(0, 30))
        if rng.random() < 0.5:
            degraded = cut_band(degraded, rng)
        gain = 10 ** rng.uniform(-0.4, 0.2)
        return log_mel(at_level(degraded) * gain)[:FRAMES], log_mel(at_level(clean))[:FRAMES]

    def collate(self, samples: list[tuple[np.ndarray, np.ndarray]]) -> Batch:
        degraded = torch.from_numpy(np.stack([sample[0] for sample in samples]))
        clean = torch.from_numpy(np.stack([sample[1] for sample in samples]))
        return {"degraded": degraded, "clean": clean}


class Distilled(nn.Module):
    """The student; the teacher is kept in a list, so that it is no part of the saved state."""

    def __init__(self, student: AudioMobileNet, teacher: YAMNet) -> None:
        super().__init__()
        self.student = student
        self.teachers = [teacher]

    def train(self, mode: bool = True) -> Distilled:
        """Normalisation keeps the teacher's statistics: the sounds at hand are not like all sounds."""
        super().train(mode)
        for layer in self.student.trunk.children():
            layer.get_submodule("normalization").eval()
        return self

    def forward(self, mel: Tensor) -> Tensor:
        mask = torch.ones(mel.shape[:2], dtype=torch.bool, device=mel.device)
        return self.student.hidden(mel, mask).mean(1)


@torch.no_grad()
def teacher_embedding(teacher: YAMNet, mel: Tensor) -> Tensor:
    """The teacher's embedding (B, 1024): mean over its patches of a second, half of one apart."""
    patches = patches_of(mel)  # (B, P, 96, 64)
    B, P = patches.shape[:2]
    embeddings, _ = teacher(patches.flatten(0, 1))
    mean: Tensor = embeddings.view(B, P, -1).mean(1)
    return mean


def loss(model: Distilled, batch: Batch) -> tuple[Tensor, Tensor]:
    """Squared error of the embedding relative to its variance, and cross-entropy of the AudioSet answers."""
    teacher = model.teachers[0]
    wanted = teacher_embedding(teacher, batch["clean"])
    found = model(batch["degraded"])
    error = (found - wanted).square().mean() / wanted.var()
    logits = F.linear(found, teacher.head, teacher.bias)
    target = F.linear(wanted, teacher.head, teacher.bias)
    answers = F.binary_cross_entropy_with_logits(logits, target.sigmoid(), reduction="none").sum(1).mean()
    return error + 0.2 * answers, (logits.argmax(-1) == target.argmax(-1)).float().mean()


def run(data: Path, yamnet: Path, home: Path = CHECKPOINTS / ScenesTask.name, config: TrainConfig = RECIPE) -> None:
    torch.manual_seed(config.seed)
    student = AudioMobileNet(names=class_names(yamnet), groups=groups_of(AUDIOSET), neutral=AUDIOSET_NEUTRAL)
    teacher = YAMNet(yamnet)
    sounds = SoundPairs(data, config.samples, config.seed)
    start_from(student, teacher, torch.from_numpy(np.stack([sounds[i][1] for i in range(CALIBRATED)])))
    start = kept(student.trunk)
    folder = home / "encoders" / "audio"
    report(train(Distilled(student, teacher), sounds, loss, config, folder, "cpu"), "audio")
    average(student.trunk, start, LEARNED)
    student.concepts.load_state_dict({"weight": teacher.head, "bias": teacher.bias}, strict=False)
    save_encoder(folder, student, EncoderConfig("audio_mobilenet", student.options()), half=True)
    forget_state(folder)
