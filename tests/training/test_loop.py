"""The training loop: it learns, it resumes to the very same weights, and it never harms a finished checkpoint."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.config import TrainConfig
from fusion.training.batches import drop_modalities
from fusion.training.loop import OPTIMIZERS, forget_state, rate_at, train
from fusion.training.losses import soft_target
from fusion.types import MODALITIES, FusionError


class Line:
    """y = sign of the first of four numbers; other samples in every epoch."""

    epoch = 0

    def __len__(self) -> int:
        return 256

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        x = np.random.default_rng([self.epoch, index]).normal(size=4).astype(np.float32)
        return torch.from_numpy(x), int(x[0] > 0)

    def collate(self, samples: list[Any]) -> dict[str, Any]:
        return {"x": torch.stack([s[0] for s in samples]), "y": torch.tensor([s[1] for s in samples])}


def loss(model: nn.Module, batch: dict[str, Any]) -> tuple[Tensor, Tensor]:
    logits = model(batch["x"])
    return F.cross_entropy(logits, batch["y"]), (logits.argmax(-1) == batch["y"]).float().mean()


def make_model() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.2), nn.ReLU(), nn.Linear(8, 2))


def config(**changes: Any) -> TrainConfig:
    return TrainConfig(**{"epochs": 4, "batch_size": 16, "lr": 0.05, "precision": "fp32", "workers": 0} | changes)


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS])
def test_learns(optimizer: str, tmp_path) -> None:
    model, data = make_model(), Line()
    steps = list(train(model, data, loss, config(optimizer=optimizer, lr=0.3 if optimizer == "sgd" else 0.03), tmp_path, "cpu"))
    assert len(steps) == 4 * 16 and not model.training
    data.epoch = 99  # samples it never saw
    fresh = data.collate([data[i] for i in range(len(data))])
    before, after = (loss(m.eval(), fresh) for m in (make_model(), model))
    assert after[1] > 0.93 > before[1] and after[0] < 0.5 * before[0]


@pytest.mark.parametrize("optimizer", [*OPTIMIZERS])
def test_resumes_to_the_same_weights(optimizer: str, tmp_path) -> None:
    whole, broken = make_model(), make_model()
    list(train(whole, Line(), loss, config(optimizer=optimizer), tmp_path / "whole", "cpu"))
    for step in train(broken, Line(), loss, config(optimizer=optimizer), tmp_path / "broken", "cpu"):
        if step.epoch == 3 and step.step == 2:
            break  # pulled out in the middle of the third epoch
    resumed = make_model()
    steps = list(train(resumed, Line(), loss, config(optimizer=optimizer), tmp_path / "broken", "cpu"))
    assert steps[0].epoch == 3, "at most one epoch is lost"
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_another_configuration_starts_anew(tmp_path) -> None:
    list(train(make_model(), Line(), loss, config(), tmp_path, "cpu"))
    assert next(iter(train(make_model(), Line(), loss, config(lr=0.01), tmp_path, "cpu"))).epoch == 1


def test_broken_state_starts_anew(tmp_path) -> None:
    list(train(make_model(), Line(), loss, config(), tmp_path, "cpu"))
    (tmp_path / ".training" / "state.safetensors").write_bytes(b"cut off")
    assert next(iter(train(make_model(), Line(), loss, config(), tmp_path, "cpu"))).epoch == 1
    forget_state(tmp_path)
    assert not (tmp_path / ".training").exists()


def test_diverging_run_is_one_sentence(tmp_path) -> None:
    with pytest.raises(FusionError, match="no longer finite"):
        list(train(make_model(), Line(), lambda m, b: (loss(m, b)[0] * float("nan"), torch.tensor(0.0)), config(), tmp_path, "cpu"))


def test_too_few_samples_is_one_sentence(tmp_path) -> None:
    with pytest.raises(FusionError, match="fewer samples"):
        next(iter(train(make_model(), Line(), loss, config(batch_size=300), tmp_path, "cpu")))


def test_schedule_warms_up_and_ends_at_zero() -> None:
    rates = [rate_at(i, 1000, 2.0) for i in range(1001)]
    assert rates[29] == pytest.approx(2.0) and rates[1000] == pytest.approx(0.0) and max(rates) == pytest.approx(2.0)
    assert rates[(1000 + 30) // 2] == pytest.approx(1.0, abs=0.01)


def test_soft_target_of_nothing_is_uniform() -> None:
    target = soft_target(torch.tensor([2, -1]), 4, 0.1)
    torch.testing.assert_close(target, torch.tensor([[0.025, 0.025, 0.925, 0.025], [0.25, 0.25, 0.25, 0.25]]))


def test_modality_dropout_never_drops_all_and_gives_every_subset() -> None:
    present = drop_modalities(4000, MODALITIES, np.random.default_rng(0))
    assert present.any(1).all()
    assert len(np.unique(present, axis=0)) == 15
    assert 0.38 < present.all(1).mean() < 0.5
