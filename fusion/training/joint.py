"""Encoders and one strategy trained together from scratch, with a choice of how the modalities are kept in balance.

Beside the checkpoints it leaves `learning.json`: how fast each modality learns, {"balance": ..., "epochs": [{"fused": accuracy of the
epoch, "<modality>": mean probability that its own classifier gives the true class}]}. The classifiers of single modalities are there to
measure, and in `unimodal` and `blending` also to teach; they are not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from fusion.config import EncoderConfig, TrainConfig
from fusion.encoders import ENCODERS, Encoder, Prepared, TrunkEncoder, collate
from fusion.files import save_json
from fusion.model import FusionModel, build_encoder, build_strategy, fuser_state, save_encoder, save_weights
from fusion.tasks import Task
from fusion.tasks.base import SampleSource
from fusion.training.balance import Balance, GradientModulation, LossPair, blending_weights, modulation, scores
from fusion.training.batches import StrategyBatch, decided_alone, drop_modalities
from fusion.training.loop import StepResult, forget_state, train, unwrap
from fusion.training.losses import Fuser, masked_cross_entropy, strategy_loss
from fusion.training.strategy import strategy_config
from fusion.types import FusionError

RECIPE = TrainConfig(epochs=12, samples=12000, lr=2e-3)
VALIDATION = 512  # samples on which generalisation is measured, for `blending`


class JointBatch(TypedDict):
    """values {modality: (values, mask)} as `fusion.encoders.collate` makes them; the rest as in `StrategyBatch`."""

    values: dict[str, tuple[Tensor, Tensor]]
    present: Tensor
    content: Tensor
    own: Tensor
    label: Tensor
    auxiliary: dict[str, Tensor]
    index: Tensor
    epoch: int


class JointData(Dataset[tuple[dict[str, Prepared], int, list[int], int]]):
    """Fresh samples of all modalities in every epoch, with modality dropout."""

    def __init__(self, task: Task, source: SampleSource, encoders: dict[str, Encoder], count: int, seed: int) -> None:
        self.task = task
        self.source = source
        self.prepare = {m: encoder.prepare for m, encoder in encoders.items()}
        self.count = count
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[dict[str, Prepared], int, list[int], int]:
        """Prepared media, the label, what each modality shows (-1 for nothing), and the index."""
        sample = self.source.sample(self.epoch * self.count + index, self.seed, "train", nothing=True)
        prepared = {m: prepare(sample.inputs[m]) for m, prepare in self.prepare.items()}
        return prepared, sample.label, [sample.label if m in sample.named else -1 for m in self.prepare], index

    def collate(self, samples: list[tuple[dict[str, Prepared], int, list[int], int]]) -> JointBatch:
        rng = np.random.default_rng([self.seed, self.epoch, samples[0][3]])
        names = tuple(self.prepare)
        present = torch.from_numpy(drop_modalities(len(samples), names, rng, self.task.anchors))
        shown = torch.tensor([content for _, _, content, _ in samples])
        content = torch.where(present, shown, torch.full_like(shown, -1))
        label = self.task.decide(content.numpy())
        return {
            "values": {m: collate([prepared[m] for prepared, *_ in samples]) for m in names},
            "present": present,
            "content": content,
            "own": decided_alone(self.task, content.numpy(), [*range(len(names))]),
            "label": torch.from_numpy(label),
            "auxiliary": {q: torch.from_numpy(a) for q, a in self.task.answers(label, content.numpy()).items()},
            "index": torch.tensor([index for *_, index in samples]),
            "epoch": self.epoch,
        }


class JointModel(nn.Module):
    """Encoders, a strategy, and a linear classifier on each encoder."""

    blend: Tensor  # (M + 1,) weight of the fused loss and of each modality's

    def __init__(self, model: FusionModel, encoders: dict[str, Encoder], balance: Balance, samples: int) -> None:
        super().__init__()
        self.fuser = Fuser(model, samples)
        self.balance = balance
        self.names = tuple(encoders)
        self.encoders = nn.ModuleDict(dict(encoders))
        self.alone = nn.ModuleDict({m: nn.Linear(e.embed_dim, model.strategy.num_classes) for m, e in encoders.items()})
        self.register_buffer("blend", torch.ones(len(self.names) + 1))
        groups = {m: [*encoder.parameters()] for m, encoder in encoders.items()}
        self.modulation = GradientModulation(groups) if balance == "ogm_ge" else None
        self.seen: list[Tensor] = []  # scores of this epoch's batches, (M,) each

    def forward(self, batch: JointBatch) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of the fused answer, losses (M,) of each modality alone, and the accuracy of the fused answer."""
        features = {m: self.encoders[m](*batch["values"][m]) for m in self.names}
        parts = {m: (f.tokens, f.mask, f.pooled, f.weights) for m, f in features.items()}
        known: StrategyBatch = {
            "features": parts,
            "present": batch["present"],
            "content": batch["content"],
            "own": batch["own"],
            "label": batch["label"],
            "auxiliary": batch["auxiliary"],
            "index": batch["index"],
            "epoch": batch["epoch"],
        }
        fused, accuracy = strategy_loss(self.fuser, known)
        teaches = self.balance in ("unimodal", "blending")
        logits = torch.stack([self.alone[m](f.pooled if teaches else f.pooled.detach()) for m, f in features.items()], 1).float()
        present, own = batch["present"], batch["own"]
        losses = torch.stack([masked_cross_entropy(logits[:, i], own[:, i], present[:, i]) for i in range(len(self.names))])
        found = scores(logits.detach(), batch["label"], present & (own >= 0))
        if self.training:
            self.seen.append(found.cpu())
        if self.modulation is not None:
            self.modulation.coefficients = modulation(found)
        return fused, losses, accuracy

    def weighted(self, fused: Tensor, losses: Tensor) -> Tensor:
        """The sum that is minimised; where the classifiers of single modalities only measure, their losses reach nothing else."""
        return self.blend[0] * fused + (self.blend[1:] * losses).sum()


def joint_loss(model: JointModel, batch: JointBatch) -> tuple[Tensor, Tensor]:
    fused, losses, accuracy = model(batch)
    return unwrap(model).weighted(fused, losses), accuracy


def check(task: Task) -> None:
    """Raises FusionError for tasks whose samples are made of features, or whose encoders rest on a distilled trunk."""
    if task.pairing or task.heads.localization:
        raise FusionError(f"The task {task.name} is trained on the features of another task's encoders, and not from scratch.")
    if any(issubclass(ENCODERS[name], TrunkEncoder) for name in task.encoders.values()):
        raise FusionError(f"The encoders of the task {task.name} rest on distilled networks, and are not trained from scratch.")


def train_jointly(
    task: Task,
    name: str,
    data: Path | None,
    out: Path,
    config: TrainConfig = RECIPE,
    balance: Balance = "none",
    device: str = "auto",
    resume: bool = True,
) -> Iterator[StepResult]:
    """Encoders and a strategy from scratch; writes `out/encoders/<modality>`, `out/<name>` and `out/<name>/learning.json`.

    Raises:
        FusionError: the task cannot be trained so.
    """
    check(task)
    torch.manual_seed(config.seed)
    configs = {m: EncoderConfig(encoder) for m, encoder in task.encoders.items()}
    encoders = {m: build_encoder(own) for m, own in configs.items()}
    built = strategy_config(task, name, task.modalities)
    model = JointModel(FusionModel({}, build_strategy(built)), encoders, balance, config.samples)
    samples = JointData(task, task.samples("train", data), encoders, config.samples, config.seed + 1)
    folder = out / name
    learning = Learning(model, task, data, balance, folder, config)
    for step in train(model, samples, joint_loss, config, folder, device, resume):
        if step.step == step.steps:
            learning.end_epoch(step)
        yield step
    for m, encoder in encoders.items():
        save_encoder(out / "encoders" / m, encoder, configs[m])
    save_weights(folder, fuser_state(model.fuser.model), built)
    forget_state(folder)


class Learning:
    """How fast each modality learns, epoch by epoch; for `blending` also what its losses should weigh in the next epoch."""

    def __init__(self, model: JointModel, task: Task, data: Path | None, balance: Balance, folder: Path, config: TrainConfig) -> None:
        self.model = model
        self.folder = folder
        self.balance = balance
        self.config = config
        self.epochs: list[dict[str, float]] = []
        self.before: dict[str, LossPair] | None = None
        self.held_out: list[JointBatch] = []
        self.known: list[JointBatch] = []
        if balance == "blending":
            encoders = {m: encoder for m, encoder in model.encoders.items() if isinstance(encoder, Encoder)}
            self.held_out = self.batches(JointData(task, task.samples("val", data), encoders, VALIDATION, config.seed + 3))
            self.known = self.batches(JointData(task, task.samples("train", data), encoders, VALIDATION, config.seed + 1))

    def batches(self, samples: JointData) -> list[JointBatch]:
        size = min(self.config.batch_size, VALIDATION)
        return [samples.collate([samples[i] for i in range(start, start + size)]) for start in range(0, VALIDATION - size + 1, size)]

    def end_epoch(self, step: StepResult) -> None:
        """Notes the epoch's scores, and weighs the losses anew."""
        mean = torch.stack(self.model.seen).mean(0).tolist()
        self.model.seen.clear()
        self.epochs.append({"fused": round(step.accuracy, 4)} | {m: round(s, 4) for m, s in zip(self.model.names, mean, strict=True)})
        if self.balance == "blending":
            after = self.losses()
            if self.before is not None:
                weights = blending_weights(self.before, after)
                count = len(weights)
                self.model.blend.copy_(torch.tensor([count * weights[n] for n in ("fused", *self.model.names)]))
            self.before = after
        found: dict[str, Any] = {"balance": self.balance, "epochs": self.epochs}
        save_json(self.folder / "learning.json", found, indent=1, checksum=False)

    @torch.no_grad()
    def losses(self) -> dict[str, LossPair]:
        """Mean losses on samples of the training and on held-out ones."""
        training = self.model.training
        self.model.eval()
        means = []
        for batches in (self.known, self.held_out):
            found = [self.model(batch)[:2] for batch in batches]
            means.append(torch.stack([torch.cat([fused[None], alone]) for fused, alone in found]).mean(0).tolist())
        self.model.train(training)
        return {n: LossPair(*pair) for n, pair in zip(("fused", *self.model.names), zip(*means, strict=True), strict=True)}
