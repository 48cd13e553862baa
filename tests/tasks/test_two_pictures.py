"""A task with two modalities of one kind, written here as anybody would: it trains, predicts and is explained from Python."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fusion.config import TrainConfig
from fusion.lab import Lab
from fusion.model import load_encoder
from fusion.training.encoder import train_encoder
from fusion.training.features import PreparedSamples, fill
from fusion.training.strategy import train_strategy
from fusion.types import FusionError, Medium
from tests.two_pictures import TwoPictures, make_encoders

QUICK = TrainConfig(epochs=5, samples=96, batch_size=16, lr=3e-3, precision="fp32", workers=0)
TRAINED = ("early", "late", "cross_attention", "tcn", "left_only")


TASK = TwoPictures()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder: encoders as they are initialised, and a few strategies trained on them."""
    folder = tmp_path_factory.mktemp("checkpoints")
    make_encoders(TASK, folder)
    encoders = {m: load_encoder(folder / TASK.name / "encoders" / m) for m in TASK.modalities}
    cache = fill(PreparedSamples(TASK.samples("train", None), encoders, QUICK.samples, 0), encoders, 0, torch.float32)
    for name in TRAINED:
        for _ in train_strategy(TASK, name, cache, folder / TASK.name, QUICK, "cpu"):
            pass
    return folder


@pytest.fixture(scope="module")
def lab(home: Path) -> Lab:
    return Lab(TASK, "cpu", home)


def media(index: int = 0) -> dict[str, Medium]:
    return TASK.samples("test", None).sample(index, 5).inputs


def test_both_pictures_are_read_by_their_names(lab: Lab) -> None:
    encoded = lab.encode(media(), {"right": 2})
    assert set(encoded.features) == {"left", "right"} and set(lab.encoder_views(encoded)) == {"left", "right"}
    assert not np.array_equal(encoded.media["right"], media()["right"]) and np.array_equal(encoded.media["left"], media()["left"])


def test_what_was_trained_answers_and_the_rest_is_listed(lab: Lab) -> None:
    found = lab.compare(media())
    assert set(found) == set(TRAINED) == {*lab.strategies, *lab.baselines}
    assert "tensor" in lab.untrained and not set(TRAINED) & set(lab.untrained) and lab.unavailable.keys() <= {"right_only"}
    assert all(set(p.probs) == set(TASK.labels) for p in found.values())
    assert set(found["cross_attention"].contributions) == {"left", "right"}
    assert set(found["cross_attention"].attention) >= {("left", "right"), ("right", "left")}
    assert lab.models["tcn"].strategy.still == ("left", "right")


def test_it_learned_which_picture_it_is(lab: Lab) -> None:
    samples = [TASK.samples("test", None).sample(i, 5) for i in range(24)]
    labels = [TASK.labels[s.label] for s in samples]
    right = np.mean([p.label == label for p, label in zip(lab.predict_batch([s.inputs for s in samples], "early"), labels, strict=True)])
    assert right > 0.8


def test_a_subset_and_a_stranger(lab: Lab) -> None:
    assert lab.predict({"left": media()["left"]}, "late").label in TASK.labels
    with pytest.raises(FusionError, match="left, right"):
        lab.encode({"image": media()["left"]})


def test_an_encoder_of_one_of_them_trains(tmp_path: Path) -> None:
    config = TrainConfig(epochs=1, samples=16, batch_size=8, precision="fp32", workers=0)
    for _ in train_encoder(TASK, "right", tmp_path, tmp_path, config, device="cpu"):
        pass
    assert (tmp_path / "encoders" / "right" / "model.safetensors").exists() and (tmp_path / "right_only" / "model.safetensors").exists()
