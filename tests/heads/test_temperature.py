"""Temperatures: what is recovered in closed form, and that they change no answer."""

from __future__ import annotations

import pytest
import torch

from fusion.config import StrategyConfig
from fusion.evaluation.measure import calibration_error
from fusion.heads.temperature import Temperatures, every_subset, fit_temperature
from fusion.model import FusionModel, build_strategy, load_temperatures, save_temperatures
from fusion.types import MODALITIES, Features, FusionError


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_scaled_logits_recover_their_temperature(temperature: float) -> None:
    """Labels as often as the softmax of z says: the likeliest temperature of z T is T, and the calibration error becomes that of chance."""
    torch.manual_seed(0)
    z = torch.randn(40_000, 5) * 2
    labels = torch.multinomial(z.softmax(-1), 1).squeeze(1)
    found = fit_temperature(z * temperature, labels)
    assert found == pytest.approx(temperature, rel=0.03)
    assert calibration_error((z * temperature / found).softmax(-1), labels) < 0.01
    if temperature != 1.0:
        assert calibration_error((z * temperature).softmax(-1), labels) > 0.1


def test_the_likelihood_is_highest_there() -> None:
    torch.manual_seed(1)
    logits = torch.randn(200, 4) * 3
    labels = torch.multinomial((logits / 2).softmax(-1), 1).squeeze(1)
    best = fit_temperature(logits, labels)
    losses = [torch.nn.functional.cross_entropy(logits / t, labels).item() for t in (best, 0.9 * best, 1.1 * best)]
    assert losses[0] == min(losses)


@pytest.mark.parametrize(("right", "limit"), [(True, 0.25), (False, 20.0)])
def test_a_temperature_stays_in_its_range(right: bool, limit: float) -> None:
    """Always right: the surer the better; always wrong: the less sure the better."""
    logits = torch.tensor([[2.0, 0.0]]).repeat(50, 1)
    labels = torch.zeros(50, dtype=torch.long) if right else torch.ones(50, dtype=torch.long)
    assert fit_temperature(logits, labels) == pytest.approx(limit, rel=1e-3)


def test_each_subset_has_its_own() -> None:
    temperatures = Temperatures(("image", "text"))
    temperatures.set({"image": 0.5, "text": 2.0, "image+text": 4.0})
    logits = torch.tensor([[4.0, 8.0]]).repeat(3, 1)
    present = torch.tensor([[True, False], [False, True], [True, True]])
    torch.testing.assert_close(temperatures(logits, present), torch.tensor([[8.0, 16.0], [2.0, 4.0], [1.0, 2.0]]))
    assert temperatures.get(("text",)) == 2.0 and temperatures.get(("image", "text")) == 4.0


@pytest.mark.parametrize("wrong", [{"image": 1.0}, {"image": 0, "text": 1, "image+text": 1}, {"image": "x", "text": 1, "image+text": 1}])
def test_every_subset_needs_a_usable_one(wrong: dict) -> None:
    with pytest.raises(FusionError, match="no usable temperature"):
        Temperatures(("image", "text")).set(wrong)


def test_answers_stay_and_probabilities_change(tmp_path) -> None:
    torch.manual_seed(2)
    config = StrategyConfig("early", "digits", 10, MODALITIES)
    model = FusionModel({}, build_strategy(config)).eval()
    pooled = {m: torch.randn(30, 96) for m in MODALITIES}
    features = {m: Features(x[:, None], torch.ones(30, 1, dtype=torch.bool), x, torch.ones(30, 1)) for m, x in pooled.items()}
    present = torch.rand(30, 4) < 0.7
    present[:, 0] = True
    with torch.inference_mode():
        before = model.fuse(features, present).logits
        save_temperatures(tmp_path, {"+".join(given): 0.5 * len(given) for given in every_subset(MODALITIES)})
        load_temperatures(tmp_path, model)
        after = model.fuse(features, present).logits
    torch.testing.assert_close(after * 0.5 * present.sum(1, keepdim=True), before)
    assert torch.equal(after.argmax(-1), before.argmax(-1)) and not any("temperatures" in key for key in model.state_dict())
