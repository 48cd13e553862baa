"""Encoders and a strategy trained together: every way to balance learns, and what is left behind can be loaded."""

import json
from pathlib import Path

import pytest
import torch

from fusion.config import TrainConfig
from fusion.model import load_encoder, load_model
from fusion.tasks import TASKS
from fusion.training import joint
from fusion.training.balance import BALANCES, Balance
from fusion.types import MODALITIES, FusionError

CONFIG = TrainConfig(epochs=2, samples=32, batch_size=16, lr=1e-3, precision="fp32", workers=0)


@pytest.mark.parametrize("balance", BALANCES)
def test_every_way_to_balance_trains_and_says_how_fast_each_modality_learns(
    balance: Balance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint, "VALIDATION", 16)
    task = TASKS["digits"]
    steps = [*joint.train_jointly(task, "early", None, tmp_path, CONFIG, balance, "cpu")]
    assert len(steps) == 4 and all(step.loss > 0 for step in steps)
    learning = json.loads((tmp_path / "early" / "learning.json").read_text())
    assert learning["balance"] == balance and len(learning["epochs"]) == 2
    assert all(set(epoch) == {"fused", *MODALITIES} and min(epoch.values()) >= 0 for epoch in learning["epochs"])
    encoders = {m: load_encoder(tmp_path / "encoders" / m) for m in MODALITIES}
    assert load_model(tmp_path / "early", encoders).strategy.modalities == MODALITIES


def test_where_classifiers_only_measure_they_teach_the_encoders_nothing() -> None:
    """Without balance an encoder's gradient is that of the fused loss; with unimodal losses it is another."""
    task, gradients = TASKS["digits"], {}
    for balance in ("none", "unimodal"):
        torch.manual_seed(0)
        encoders = {m: joint.build_encoder(joint.EncoderConfig(task.encoders[m])) for m in MODALITIES}
        built = joint.strategy_config(task, "early", MODALITIES)
        model = joint.JointModel(joint.FusionModel({}, joint.build_strategy(built)), encoders, balance, 8).eval()
        data = joint.JointData(task, task.samples("train", None), encoders, 8, 1)
        fused, losses, _ = model(data.collate([data[i] for i in range(8)]))
        model.weighted(fused, losses).backward()
        gradients[balance] = next(encoders["image"].parameters()).grad.clone()
        if balance == "none":
            model.zero_grad()
            model(data.collate([data[i] for i in range(8)]))[0].backward()
            torch.testing.assert_close(next(encoders["image"].parameters()).grad, gradients["none"])
    assert (gradients["none"] - gradients["unimodal"]).abs().max() > 0


@pytest.mark.parametrize("task", ["digits-add", "digits-find", "scenes"])
def test_tasks_on_other_encoders_are_not_trained_from_scratch(task: str, tmp_path: Path) -> None:
    with pytest.raises(FusionError, match="not trained from scratch|not from scratch"):
        next(joint.train_jointly(TASKS[task], "early", None, tmp_path, CONFIG))
