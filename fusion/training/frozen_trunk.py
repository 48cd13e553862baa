"""Further training of what lies on a frozen trunk (`fusion.training.consistency`): the trunk runs only once over all samples.

What is learned goes into an adapter (`fusion.encoders.concepts.LearnedReading`) and, where it helps, into the layers that were there;
at the end, part of it is taken back. The samples are made once, and the vectors that the trunk gives for them are kept in 16 bits, in
files beside the run, so that an interrupted run goes on. An epoch then takes seconds, and all epochs see the same samples.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from fusion.config import EncoderConfig, TrainConfig
from fusion.encoders import Encoder, TrunkEncoder, collate
from fusion.files import load_tensors, save_tensors
from fusion.model import FusionModel, build_encoder
from fusion.training.consistency import ConsistencyBatch, ConsistencyData, ConsistencyLoss, Weights
from fusion.training.loop import StepResult, train
from fusion.types import Features

RECIPE = TrainConfig(epochs=16, samples=2800, batch_size=64, lr=1e-3, weight_decay=0.01, precision="fp32", workers=0)
WEIGHTS = Weights(tokens=20.0)
ADAPTER = 48  # units
LEARNED = 0.75  # share of what was learned in the mean with the start, which reads media as before a little better (measured)
OUTPUTS = ".trunk"  # folder of the vectors beside the weights, until the run is done
CHUNK = 50  # samples of one file
Kept = dict[str, Tensor]


class Reading(Encoder):
    """The layers of an encoder that lie on its trunk, as an encoder of the trunk's vectors (B, T, W)."""

    def __init__(self, encoder: TrunkEncoder) -> None:
        super().__init__(encoder.embed_dim, pools=False)
        self.modality = encoder.modality
        self.inner = encoder

    def forward(self, values: Tensor, mask: Tensor) -> Features:
        tokens = self.inner.read(values, mask)
        assert isinstance(self.inner.pool, nn.Module)
        pooled, weights = self.inner.pool(tokens, mask)
        return Features(tokens, mask, pooled, weights)


class TrunkOutputs:
    """What the trunks of student and teacher give for all samples of `ConsistencyData`; batches are like those of the samples.

    Args:
        student: whose reading is trained.
        teacher: an encoder with the same layers, which may see a medium in other pixels.
        folder: where the vectors are kept.
    """

    def __init__(self, data: ConsistencyData, student: TrunkEncoder, teacher: TrunkEncoder, folder: Path) -> None:
        self.data = data
        self.encoders = {"": student.eval(), "easy_": teacher.eval()}
        self.folder = folder
        self.samples = [row for first in range(0, len(data), CHUNK) for row in self._chunk(first)]
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Kept:
        return self.samples[index]

    def _chunk(self, first: int) -> list[Kept]:
        path = self.folder / f"{first}.safetensors"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [self._run(index) for index in range(first, min(first + CHUNK, len(self.data)))]
            save_tensors(path, {f"{name}.{i}": value for i, row in enumerate(rows) for name, value in row.items()}, checksum=False)
        stored = load_tensors(path)
        found: dict[int, Kept] = {}
        for key, value in stored.items():
            name, number = key.rsplit(".", 1)
            found.setdefault(int(number), {})[name] = value
        return [found[i] for i in sorted(found)]

    @torch.inference_mode()
    def _run(self, index: int) -> Kept:
        sample = self.data[index]
        row = {"label": torch.tensor(sample.label), "new": torch.tensor(sample.new)}
        for name, encoder in self.encoders.items():
            prepared = sample.easy if name else sample.prepared
            with torch.autocast("cpu", torch.bfloat16):  # more than twice as fast
                hidden, mask = encoder.run_trunk(*collate([prepared]))
            row[f"{name}values"] = hidden[0][mask[0]].to(torch.float16).clone()
        return row

    def collate(self, samples: list[Kept]) -> ConsistencyBatch:
        padded: dict[str, Tensor] = {}
        for name in self.encoders:
            values = [s[f"{name}values"].float() for s in samples]
            lengths = torch.tensor([len(v) for v in values])
            padded[f"{name}values"] = nn.utils.rnn.pad_sequence(values, batch_first=True)
            padded[f"{name}mask"] = torch.arange(int(lengths.max()))[None] < lengths[:, None]
        return {
            "values": padded["values"],
            "mask": padded["mask"],
            "easy_values": padded["easy_values"],
            "easy_mask": padded["easy_mask"],
            "label": torch.stack([s["label"] for s in samples]),
            "new": torch.stack([s["new"] for s in samples]),
        }


def train_reading(
    student: TrunkEncoder,
    teacher: TrunkEncoder,
    model: FusionModel,
    data: ConsistencyData,
    readers: Sequence[FusionModel],
    config: TrainConfig,
    folder: Path,
    device: str = "auto",
) -> Iterator[StepResult]:
    """Trains the reading of `student` in place and ends at its mean with the start; `model` is its linear head, which stays.

    Args:
        teacher: the encoder as it was; may be the student itself.
        folder: the checkpoint folder, for the state of the run.
    """
    outputs = TrunkOutputs(data, student, teacher, folder / OUTPUTS)
    before = with_reading(model, copy.deepcopy(teacher))
    trained = with_reading(model, student)
    start = {name: value.detach().clone() for name, value in student.named_parameters()}
    yield from train(trained, outputs, ConsistencyLoss(trained, readers, WEIGHTS, before), config, folder, device)
    take_back(student, start)
    shutil.rmtree(folder / OUTPUTS)


def with_adapter(encoder: TrunkEncoder, config: EncoderConfig) -> tuple[TrunkEncoder, EncoderConfig]:
    """The same encoder with an adapter that adds nothing yet, and its configuration; encoders without that option as they are."""
    if config.options.get("adapter") or not hasattr(encoder, "adapter"):
        return encoder, config
    larger = replace(config, options=config.options | {"adapter": ADAPTER})
    grown = build_encoder(larger)
    assert isinstance(grown, TrunkEncoder)
    grown.load_state_dict(encoder.state_dict(), strict=False)
    return grown.eval(), larger


@torch.no_grad()
def take_back(student: TrunkEncoder, start: dict[str, Tensor]) -> None:
    """The mean with the start; of a new adapter, whose last layer was zero, only that layer is scaled (Wortsman 2022)."""
    for name, value in student.named_parameters():
        if ".adapter.0." not in name:
            value.copy_(start[name].lerp(value.cpu(), LEARNED))


def with_reading(model: FusionModel, encoder: TrunkEncoder) -> FusionModel:
    """The same strategy and head behind the reading of an encoder; only the reading has gradients."""
    encoder.freeze()
    whole = FusionModel({encoder.modality: Reading(encoder)}, copy.deepcopy(model.strategy))
    whole.load_state_dict(model.state_dict(), strict=False)
    return whole
