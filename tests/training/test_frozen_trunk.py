"""Further training of what lies on a trunk: the trunk runs once, and stays as it is."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.config import EncoderConfig, StrategyConfig, TrainConfig
from fusion.encoders import collate
from fusion.encoders.video_frames import VideoFrames
from fusion.model import FusionModel, build_strategy
from fusion.tasks.base import Sample
from fusion.training.consistency import ConsistencyData
from fusion.training.frozen_trunk import ADAPTER, LEARNED, OUTPUTS, Reading, TrunkOutputs, take_back, train_reading, with_adapter
from fusion.types import Clip

CONFIG = TrainConfig(epochs=3, samples=8, batch_size=4, lr=1e-2, precision="fp32", workers=0)


def clip(index: int) -> Clip:
    frames = np.random.default_rng(index).integers(0, 255, (4, 32, 40, 3), dtype=np.uint8)
    return Clip(frames, np.arange(4, dtype=np.float32))


class Clips:
    """Noise, labelled by turns."""

    def sample(self, index: int, *_: object, **__: object) -> Sample:
        return Sample({"video": clip(index)}, index % 2, ("video",))

    def pair(self, index: int, *_: object) -> tuple[Sample, Sample]:
        return self.sample(index), self.sample(index + 100)


@pytest.fixture(scope="module")
def student() -> VideoFrames:
    torch.manual_seed(0)
    return VideoFrames().eval()


def test_a_new_adapter_adds_nothing(student: VideoFrames) -> None:
    grown, config = with_adapter(student, EncoderConfig("video_frames", student.options()))
    assert config.options["adapter"] == ADAPTER and with_adapter(grown, config)[0] is grown
    values, mask = collate([student.prepare(clip(0))])
    with torch.inference_mode():
        torch.testing.assert_close(grown(values, mask).tokens, student(values, mask).tokens)


def test_part_of_what_was_learned_is_taken_back(student: VideoFrames) -> None:
    grown, _ = with_adapter(student, EncoderConfig("video_frames", student.options()))
    start = {name: value.detach().clone() for name, value in grown.named_parameters()}
    for value in grown.parameters():
        value.data += 1
    take_back(grown, start)
    moved = {name: float((value.detach() - start[name]).mean()) for name, value in grown.named_parameters()}
    assert moved["project.linear.bias"] == pytest.approx(LEARNED, abs=1e-4)
    assert moved["project.adapter.2.weight"] == pytest.approx(LEARNED, abs=1e-4)
    assert moved["project.adapter.0.bias"] == pytest.approx(1, abs=1e-4)


def test_a_reading_of_what_the_trunk_gives_is_the_encoder(student: VideoFrames) -> None:
    values, mask = collate([student.prepare(clip(0)), student.prepare(clip(1))])
    with torch.inference_mode():
        whole = student(values, mask)
        parts = Reading(student)(*student.run_trunk(values, mask))
    torch.testing.assert_close(whole.tokens, parts.tokens)
    torch.testing.assert_close(whole.pooled, parts.pooled)


def test_only_the_reading_is_trained_and_an_interrupted_run_goes_on(
    tmp_path: Path, student: VideoFrames, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = FusionModel({"video": student}, build_strategy(StrategyConfig("video_only", "scenes", 11, ("video",))))
    data = ConsistencyData(Clips(), Clips(), "video", student, CONFIG.samples, 0)
    trunk = {k: v.clone() for k, v in student.trunk.state_dict().items()}
    before = student.project.linear.weight.detach().clone()
    run = train_reading(student, student, model, data, [], CONFIG, tmp_path, "cpu")
    assert next(run).epoch == 1, "interrupted after the first step"
    run.close()
    assert not torch.equal(before, student.project.linear.weight)
    assert all(torch.equal(trunk[k], v) for k, v in student.trunk.state_dict().items())

    def fails(*_: object) -> None:
        raise AssertionError("the trunk ran again")

    monkeypatch.setattr(VideoFrames, "run_trunk", fails)
    kept = TrunkOutputs(data, student, student, tmp_path / OUTPUTS)
    batch = kept.collate([kept[i] for i in (0, 7)])
    assert batch["values"].shape == (2, 8, 1280) and batch["new"].tolist() == [True, False]
    assert list(train_reading(student, student, model, data, [], CONFIG, tmp_path, "cpu"))[-1].epoch == 3
    assert not (tmp_path / OUTPUTS).exists()
