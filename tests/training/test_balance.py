"""Balancing modalities that learn at different speeds: coefficients, gradients and weights in closed form."""

import math

import pytest
import torch
from torch import nn

from fusion.training.balance import GradientModulation, LossPair, blending_weights, modulation, scores


def test_with_two_modalities_the_ratio_is_the_papers() -> None:
    k = modulation(torch.tensor([0.8, 0.2]), alpha=0.3)
    assert k.tolist() == pytest.approx([1 - math.tanh(0.3 * 4), 1.0])


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_equal_modalities_are_left_alone(count: int) -> None:
    assert modulation(torch.full((count,), 0.4)).tolist() == [1.0] * count


def test_only_those_ahead_of_the_others_are_slowed_down() -> None:
    k = modulation(torch.tensor([0.9, 0.5, 0.1]))
    assert k[0] < 1 and k[1:].tolist() == [1.0, 1.0]
    faster = modulation(torch.tensor([0.9, 0.3, 0.1]))
    assert faster[0] < k[0], "the further ahead, the slower"


def test_scores_are_the_mean_probability_of_the_truth() -> None:
    probs = torch.tensor([[[0.7, 0.3], [0.2, 0.8]], [[0.1, 0.9], [0.5, 0.5]], [[0.5, 0.5], [0.5, 0.5]]])
    present = torch.tensor([[True, True], [True, False], [True, True]])
    found = scores(probs.log(), torch.tensor([0, 1, -1]), present)
    assert found.tolist() == pytest.approx([0.8, 0.2])


def test_gradients_are_scaled_by_modality() -> None:
    fast, slow = nn.Linear(3, 1), nn.Linear(3, 1)
    balance = GradientModulation({"image": fast.parameters(), "text": slow.parameters()}, noise=False)
    balance.coefficients = torch.tensor([0.25, 1.0])
    x = torch.ones(2, 3)
    (fast(x).sum() + slow(x).sum()).backward()
    torch.testing.assert_close(fast.weight.grad, torch.full((1, 3), 0.5))
    torch.testing.assert_close(slow.weight.grad, torch.full((1, 3), 2.0))


def test_noise_has_the_spread_of_the_gradient_and_only_where_it_was_scaled() -> None:
    torch.manual_seed(0)
    fast, slow = nn.Parameter(torch.zeros(20_000)), nn.Parameter(torch.zeros(20_000))
    balance = GradientModulation({"image": [fast], "text": [slow]})
    balance.coefficients = torch.tensor([0.5, 1.0])
    gradient = torch.randn(20_000)
    (gradient @ fast + gradient @ slow).backward()
    torch.testing.assert_close(slow.grad, gradient)
    rest = fast.grad - 0.5 * gradient
    assert rest.std() == pytest.approx(float(gradient.std()), rel=0.05) and abs(float(rest.mean())) < 0.03


def test_blending_weighs_gain_over_squared_overfitting() -> None:
    before = {"fused": LossPair(2.0, 2.0), "image": LossPair(2.0, 2.0), "text": LossPair(2.0, 2.0)}
    after = {"fused": LossPair(0.5, 1.0), "image": LossPair(0.9, 1.0), "text": LossPair(1.0, 2.1)}
    gains = {"fused": 1.0 / 0.5**2, "image": 1.0 / 0.1**2}
    total = sum(gains.values())
    found = blending_weights(before, after)
    assert found == pytest.approx({"fused": gains["fused"] / total, "image": gains["image"] / total, "text": 0.0})


def test_blending_is_even_where_nothing_generalised() -> None:
    same = {"fused": LossPair(1.0, 1.0), "image": LossPair(1.0, 1.0)}
    assert blending_weights(same, same) == {"fused": 0.5, "image": 0.5}
