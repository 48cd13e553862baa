"""What strategies are taught: every one has a finite loss on tasks of one vector per modality, and its own classifiers the right lesson."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fusion.config import StrategyConfig
from fusion.model import FusionModel, build_strategy, forget_temperatures, save_temperatures, strategy_options
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS
from fusion.training.batches import make_batch
from fusion.training.losses import Fuser, strategy_loss
from fusion.types import MODALITIES
from tests.training.test_data import D, make_cache

ALL = torch.ones(60, 4, dtype=torch.bool)


def make_model(name: str, task: str) -> Fuser:
    torch.manual_seed(0)
    config = StrategyConfig(name, task, 10, embed_dim=D, options=strategy_options(TASKS[task], name))
    return Fuser(FusionModel({}, build_strategy(config)), 60).eval()


def batch_of(task: str) -> dict:
    return make_batch(TASKS[task], make_cache(), torch.arange(60), MODALITIES, ALL, np.random.default_rng(0), False)


@pytest.mark.parametrize("task", ["digits", "digits-add"])
@pytest.mark.parametrize("name", [*STRATEGIES])
def test_loss_is_finite_and_reaches_the_head(name: str, task: str) -> None:
    model = make_model(name, task)
    loss, accuracy = strategy_loss(model, batch_of(task))
    loss.backward()
    assert loss.isfinite() and 0 <= accuracy <= 1
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.model.head.parameters())


@pytest.mark.parametrize(("name", "taught"), [("late", "nothing"), ("dynamic", "digit")])
def test_what_the_classifiers_of_one_modality_are_taught_in_a_sum(name: str, taught: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Votes on the sum know nothing alone, which is uniform; those that measure trust name the digit they saw or heard."""
    model, batch, seen = make_model(name, "digits-add"), batch_of("digits-add"), {}

    def objective(losses, output, *rest):
        seen.update(losses=losses, logits=output.unimodal_logits)
        return losses["label"]

    monkeypatch.setattr(model.strategy, "objective", objective)
    strategy_loss(model, batch)
    total = 0.0
    for i, logits in enumerate(seen["logits"].values()):
        said = batch["content"][:, i]
        digit = F.one_hot(said.clamp_min(0), 10) * 0.98 + 0.002 if taught == "digit" else torch.full((60, 10), 0.1)
        target = torch.where(said[:, None] >= 0, digit, torch.full((60, 10), 0.1))
        total += F.cross_entropy(logits, target).item()
    assert seen["losses"]["unimodal"].item() == pytest.approx(model.strategy.unimodal_weight * total, rel=1e-4)


def test_temperatures_of_former_weights_are_forgotten(tmp_path: Path) -> None:
    save_temperatures(tmp_path, {"image": 0.5})
    assert (tmp_path / "calibration.json").exists()
    forget_temperatures(tmp_path)
    assert not (tmp_path / "calibration.json").exists() and "calibration.json" not in (tmp_path / "SHA256SUMS").read_text()
    forget_temperatures(tmp_path)
