"""One oracle per strategy on pooled embeddings: a closed form, a reference implementation, or an answer known by construction."""

import pytest
import torch
from torch.nn import functional as F

from fusion.strategies.low_rank import LowRank
from fusion.strategies.multitask import Multitask
from fusion.strategies.tensor import TensorFusion
from fusion.types import Features
from tests.strategies.test_contract import MODALITIES, D, K, everyone, make_features


def normed(features: dict[str, Features], modality: str) -> torch.Tensor:
    return F.layer_norm(features[modality].pooled, (D,))


def test_tensor_is_the_outer_product() -> None:
    strategy, features = TensorFusion(MODALITIES, D, K, rank=2).eval(), make_features()
    z = [torch.cat([strategy.project[m](normed(features, m)), torch.ones(3, 1)], -1) for m in MODALITIES]
    outer = torch.einsum("bi,bj,bk,bl->bijkl", *z)
    torch.testing.assert_close(strategy.outer(features, everyone()), outer.flatten(1))


def test_tensor_without_a_modality_is_the_product_of_the_others() -> None:
    """What a missing modality multiplies is zero and the product of the others stays as it is."""
    strategy, features = TensorFusion(MODALITIES, D, K, rank=2).eval(), make_features()
    z = [torch.cat([strategy.project[m](normed(features, m)), torch.ones(3, 1)], -1) for m in ("image", "audio", "video")]
    outer = strategy.outer(features, torch.tensor([[True, False, True, True]] * 3)).view(3, 3, 3, 3, 3)
    torch.testing.assert_close(outer[:, :, 2], torch.einsum("bi,bk,bl->bikl", *z))
    assert (outer[:, :, :2] == 0).all()


@pytest.mark.parametrize("given", [(1, 1, 1, 1), (1, 0, 1, 1), (0, 1, 0, 0)])
def test_low_rank_equals_the_outer_product_with_its_weight_tensor(given: tuple[int, ...]) -> None:
    R, strategy, features = 3, LowRank(MODALITIES, D, K, rank=3).eval(), make_features()
    names = [m for m, there in zip(MODALITIES, given, strict=True) if there]
    outer, weight = torch.ones(3, 1), strategy.weights[:, None, None]  # (B, (D + 1)^M), (R, (D + 1)^M, D)
    for m in names:
        i = MODALITIES.index(m)
        factor = torch.cat([strategy.factors[i], strategy.biases[i]]).view(D + 1, R, D).transpose(0, 1)
        outer = torch.einsum("bp,bq->bpq", outer, torch.cat([normed(features, m), torch.ones(3, 1)], -1)).flatten(1)
        weight = torch.einsum("rpd,rqd->rpqd", weight.expand(R, -1, D), factor).flatten(1, 2)
    fused = strategy(features, torch.tensor([given] * 3).bool()).fused
    torch.testing.assert_close(fused, outer @ weight.sum(0), rtol=1e-4, atol=1e-4)


def test_low_rank_factors_are_registered_and_move_in_training() -> None:
    """In MultiBench they are neither: its factors lie in a plain list that no optimiser and no checkpoint ever sees."""
    strategy = LowRank(MODALITIES, D, K, rank=3)
    assert sum(p.numel() for p in strategy.parameters()) == 4 * (D + 1) * 3 * D + 3
    before = {name: p.detach().clone() for name, p in strategy.named_parameters()}
    optimizer = torch.optim.SGD(strategy.parameters(), 0.1)
    strategy(make_features(), everyone()).fused.square().mean().backward()
    optimizer.step()
    for name, p in strategy.named_parameters():
        assert ((p - before[name]).flatten(0, -2 if p.dim() > 1 else -1).abs() > 0).any(0).all(), name


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_low_rank_starts_with_products_of_size_one(count: int) -> None:
    """Mean square one for any number of modalities, so that training neither vanishes nor explodes."""
    wide, rows = 64, 512
    features = {m: Features(*[torch.zeros(0)] * 2, torch.randn(rows, wide), torch.zeros(0)) for m in MODALITIES[:count]}
    fused = LowRank(MODALITIES[:count], wide, K)(features, torch.ones(rows, count, dtype=torch.bool)).fused
    assert 0.6 < fused.square().mean() < 1.6


@pytest.mark.parametrize(("regression", "best"), [(False, 2.0), (True, 1.0)])
def test_multitask_weighs_a_loss_by_its_own_size(regression: bool, best: float) -> None:
    """The minimising s of a fixed loss L is ln 2L for a classification and ln L for a regression."""
    s, loss = torch.zeros((), requires_grad=True), torch.tensor(0.37)
    optimizer = torch.optim.LBFGS([s], max_iter=50, line_search_fn="strong_wolfe")

    def value() -> torch.Tensor:
        optimizer.zero_grad()
        total = Multitask.weigh(loss, s, regression)
        total.backward()
        return total

    optimizer.step(value)
    torch.testing.assert_close(s.detach(), (best * loss).log(), rtol=0, atol=1e-3)


def test_multitask_objective_by_hand() -> None:
    """Every loss of the task has its own s, a regression half the weight; a loss it does not know counts plainly."""
    strategy = Multitask(MODALITIES, D, K, auxiliary={"half": 2, "seen": 10}, places=True)
    assert strategy.weighted == ("label", "half", "seen", "box", "mask", "found")
    with torch.no_grad():
        for i, s in enumerate(strategy.log_variance):
            s.fill_(i / 10)
    losses = {name: torch.tensor(1.0 + i) for i, name in enumerate((*strategy.weighted, "other"))}
    features = make_features()
    output = strategy(features, everyone())
    assert {q: a.shape[1] for q, a in output.auxiliary.items()} == {"half": 2, "seen": 10}
    got = strategy.objective(losses, output, features, everyone(), torch.zeros(3, 4, dtype=torch.long))
    factors = [1, 1, 1, 0.5, 1, 1]
    wanted = sum(f * (1 + i) * torch.tensor(-i / 10).exp() + i / 20 for i, f in enumerate(factors)) + 7
    torch.testing.assert_close(got, wanted)
    got.backward()
    assert all(s.grad is not None and s.grad != 0 for s in strategy.log_variance)


def test_multitask_without_further_questions_is_one_question() -> None:
    strategy = Multitask(MODALITIES, D, K)
    assert strategy.weighted == ("label",) and strategy(make_features(), everyone()).auxiliary is None
