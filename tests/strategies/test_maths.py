"""One oracle per strategy: a closed form, a reference implementation, or an answer known by construction."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from fusion.strategies.base import Targets
from fusion.strategies.cross_attention import CrossAttention, attend
from fusion.strategies.dynamic import Dynamic
from fusion.strategies.early import Early
from fusion.strategies.late import Late
from fusion.types import FusionOutput
from tests.strategies.test_contract import MODALITIES, D, K, everyone, for_one, make_features


def test_early_equals_concatenation_by_hand() -> None:
    strategy = Early(MODALITIES, D, K).eval()
    features = make_features()
    by_hand = torch.cat([torch.cat([features[m].pooled, torch.ones(3, 1)], -1) for m in MODALITIES], -1)
    torch.testing.assert_close(strategy(features, everyone()).fused, strategy.mix(by_hand))


def test_late_is_the_weighted_product_of_votes() -> None:
    strategy = Late(MODALITIES, D, K).eval()
    with torch.no_grad():
        strategy.weight.copy_(torch.tensor([0.1, 1.0, 2.0, -1.0]))
        strategy.log_temperature.copy_(torch.tensor([0.0, 0.5, -0.5, 0.2]))
    features = make_features()
    product = torch.ones(3, K)
    for i, m in enumerate(MODALITIES):
        p = (for_one(strategy.classifiers, m)(features[m].pooled) / strategy.log_temperature[i].exp()).softmax(-1)
        product = product * p ** F.softplus(strategy.weight[i])
    torch.testing.assert_close(
        strategy(features, everyone()).fused.softmax(-1), product / product.sum(-1, keepdim=True), rtol=1e-4, atol=1e-6
    )


def test_late_cannot_express_synergy() -> None:
    """Log-odds of an additive vote have no mixed differences: f(a,b) - f(a',b) - f(a,b') + f(a',b') = 0."""
    strategy = Late(("image", "text"), D, K).eval()
    one, two = make_features(seed=1), make_features(seed=2)

    def logits(image: dict, text: dict) -> torch.Tensor:
        return strategy({"image": image["image"], "text": text["text"]}, torch.ones(3, 2, dtype=torch.bool)).fused

    mixed = logits(one, one) - logits(two, one) - logits(one, two) + logits(two, two)
    torch.testing.assert_close(mixed, torch.zeros_like(mixed), rtol=0, atol=1e-5)


def test_dynamic_gate_fixed_to_one_modality_is_that_modality() -> None:
    strategy = Dynamic(MODALITIES, D, K).eval()
    with torch.no_grad():
        strategy.gates[-1].bias[2] = 1e4
    features = make_features()
    output = strategy(features, everyone())
    alone = strategy.mix(for_one(strategy.values, "audio")(features["audio"].pooled).tanh())
    votes = for_one(strategy.classifiers, "audio")(features["audio"].pooled).log_softmax(-1)
    torch.testing.assert_close(output.fused, torch.cat([alone, votes], -1))
    torch.testing.assert_close(output.weights, F.one_hot(torch.full((3,), 2), 4).float())


def test_dynamic_with_even_gates_votes_like_late() -> None:
    """Sum of log-probabilities of all who are there: the product rule."""
    strategy, features = Dynamic(MODALITIES, D, K).eval(), make_features()
    with torch.no_grad():
        strategy.gates[-1].weight.zero_()
        strategy.gates[-1].bias.zero_()
    present = torch.tensor([[True, False, True, True]] * 3)
    product = sum(for_one(strategy.classifiers, m)(features[m].pooled).log_softmax(-1) for m in ("image", "audio", "video"))
    torch.testing.assert_close(strategy(features, present).fused[:, -K:], product)


def test_dynamic_gate_is_taught_who_believed_the_truth() -> None:
    """Image and audio believe it alike, text does not, video names nothing: the best gate is one half, 0, one half, 0."""
    strategy = Dynamic(MODALITIES, D, K, sharpness=0.1)
    sure, wrong = torch.tensor([[9.0, 0, 0, 0, 0]]), torch.tensor([[0.0, 9, 0, 0, 0]])
    votes = {"image": sure, "text": wrong, "audio": sure, "video": wrong}
    content = torch.tensor([[0, 0, 0, -1]])

    def loss(gate: list[float]) -> float:
        output = FusionOutput(torch.zeros(1, 1), torch.tensor([gate]), unimodal_logits=votes)
        return float(strategy.objective({"label": torch.zeros(())}, output, {}, everyone(1), Targets(content[:, 0], content, content)))

    best = loss([0.5, 0.0, 0.5, 0.0])
    assert best == pytest.approx(math.log(2), abs=1e-3)
    assert all(loss(g) > best + 0.01 for g in ([0.4, 0.2, 0.4, 0.0], [0.7, 0.0, 0.3, 0.0], [0.25] * 4, [0.4, 0.0, 0.4, 0.2]))


def test_dynamic_gate_sees_quality() -> None:
    """Entropy is ln K for a classifier that knows nothing and 0 for one that is sure."""
    strategy = Dynamic(MODALITIES, D, K)
    logits = torch.zeros(1, 4, K)
    logits[0, 1, 3] = 50.0
    quality = strategy.quality(logits, everyone(1))
    torch.testing.assert_close(quality[0, 0, 0], torch.tensor(float(K)).log())
    torch.testing.assert_close(quality[0, 1, 0], torch.tensor(0.0))


def test_attention_equals_torch_multihead() -> None:
    """Same projections, same mask: our two paths and nn.MultiheadAttention give one answer and one map."""
    torch.manual_seed(0)
    H, d, Tq, Tk = 2, 4, 5, 7
    reference = nn.MultiheadAttention(H * d, H, batch_first=True, bias=False).eval()
    x, y = torch.randn(3, Tq, H * d), torch.randn(3, Tk, H * d)
    mask = torch.arange(Tk)[None] < torch.tensor([7, 3, 1])[:, None]
    wanted, wanted_map = reference(x, y, y, key_padding_mask=~mask, average_attn_weights=False)
    wq, wk, wv = reference.in_proj_weight.chunk(3)
    q, k, v = ((t @ w.T).view(3, -1, H, d).transpose(1, 2) for t, w in ((x, wq), (y, wk), (y, wv)))
    for need_map in (False, True):
        answer, weights = attend(q, k, v, mask, need_map)
        torch.testing.assert_close(reference.out_proj(answer.transpose(1, 2).flatten(2)), wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weights, wanted_map, rtol=1e-4, atol=1e-6)


def test_cross_attention_finds_the_planted_key() -> None:
    """A query that equals one key of the other modality, with identity projections scaled up, attends to it alone."""
    q = torch.eye(4)[None, None, :1] * 40
    k = torch.eye(4)[None, None]
    _, weights = attend(q, k, k, torch.ones(1, 4, dtype=torch.bool), True)
    assert weights[0, 0, 0].argmax() == 0 and weights[0, 0, 0, 0] > 0.999


def test_cross_attention_alone_passes_through() -> None:
    """A modality that is alone attends to nothing: the weights of out_proj change nothing, only its bias does."""
    strategy = CrossAttention(MODALITIES, D, K, dim=8, num_heads=2).eval()
    features, present = make_features(), torch.tensor([[True, False, False, False]] * 3)
    before = strategy(features, present).fused
    with torch.no_grad():
        for layer in strategy.layers:
            layer.out_proj["image"].weight.mul_(7.0)
    torch.testing.assert_close(strategy(features, present).fused, before)
    assert (strategy(features, everyone()).fused - before).abs().max() > 1e-4


def test_maps_are_between_different_modalities_only() -> None:
    strategy = CrossAttention(MODALITIES, D, K, dim=8, num_heads=2, depth=3).eval()
    maps = strategy(make_features(), everyone(), need_attention=True).attention
    assert set(maps) == {(q, k) for q in MODALITIES for k in MODALITIES if q != k}
    assert maps["text", "image"].shape == (3, 3, 2, 4, 9)
    assert strategy(make_features(), everyone()).attention == {}
