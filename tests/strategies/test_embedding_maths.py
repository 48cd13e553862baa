"""One oracle per strategy on pooled embeddings: a closed form, a reference implementation, or an answer known by construction."""

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

from fusion.heads.classification import CosineHead, Temperature
from fusion.strategies.autoencoder import Autoencoder, kl_to_prior, product_of_experts
from fusion.strategies.low_rank import LowRank
from fusion.strategies.multitask import Multitask
from fusion.strategies.shared_space import SharedSpace, contrastive
from fusion.strategies.tensor import TensorFusion
from fusion.types import Features
from tests.strategies.test_contract import MODALITIES, D, K, everyone, for_one, make_features, no_targets


def normed(features: dict[str, Features], modality: str) -> torch.Tensor:
    return F.layer_norm(features[modality].pooled, (D,))


def test_tensor_is_the_outer_product() -> None:
    strategy, features = TensorFusion(MODALITIES, D, K, rank=2).eval(), make_features()
    z = [torch.cat([for_one(strategy.project, m)(normed(features, m)), torch.ones(3, 1)], -1) for m in MODALITIES]
    outer = torch.einsum("bi,bj,bk,bl->bijkl", *z)
    torch.testing.assert_close(strategy.outer(features, everyone()), outer.flatten(1))


def test_tensor_without_a_modality_is_the_product_of_the_others() -> None:
    """What a missing modality multiplies is zero and the product of the others stays as it is."""
    strategy, features = TensorFusion(MODALITIES, D, K, rank=2).eval(), make_features()
    z = [torch.cat([for_one(strategy.project, m)(normed(features, m)), torch.ones(3, 1)], -1) for m in ("image", "audio", "video")]
    outer = strategy.outer(features, torch.tensor([[True, False, True, True]] * 3)).view(3, 3, 3, 3, 3)
    torch.testing.assert_close(outer[:, :, 2], torch.einsum("bi,bk,bl->bikl", *z))
    assert (outer[:, :, :2] == 0).all()


@pytest.mark.parametrize("given", [(1, 1, 1, 1), (1, 0, 1, 1), (0, 1, 0, 0)])
def test_low_rank_equals_the_outer_product_with_its_weight_tensor(given: tuple[int, ...]) -> None:
    R, dim, features = 3, 5, make_features()
    strategy = LowRank(MODALITIES, D, K, R, dim).eval()
    names = [m for m, there in zip(MODALITIES, given, strict=True) if there]
    outer, weight = torch.ones(3, 1), strategy.weights[:, None, None]  # (B, (D + 1)^M), (R, (D + 1)^M, dim)
    for m in names:
        i = MODALITIES.index(m)
        factor = torch.cat([strategy.factors[i], strategy.biases[i]]).view(D + 1, R, dim).transpose(0, 1)
        outer = torch.einsum("bp,bq->bpq", outer, torch.cat([normed(features, m), torch.ones(3, 1)], -1)).flatten(1)
        weight = torch.einsum("rpd,rqd->rpqd", weight.expand(R, -1, dim), factor).flatten(1, 2)
    fused = strategy(features, torch.tensor([given] * 3).bool()).fused
    torch.testing.assert_close(fused, outer @ weight.sum(0), rtol=1e-4, atol=1e-4)


def test_low_rank_factors_are_registered_and_move_in_training() -> None:
    """In MultiBench they are neither: its factors lie in a plain list that no optimiser and no checkpoint ever sees."""
    strategy = LowRank(MODALITIES, D, K, rank=3, dim=5)
    assert sum(p.numel() for p in strategy.parameters()) == 4 * (D + 1) * 3 * 5 + 3
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
    fused = LowRank(MODALITIES[:count], wide, K, dim=wide).eval()(features, torch.ones(rows, count, dtype=torch.bool)).fused
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
        for i, s in enumerate(strategy.log_variance.values()):
            s.fill_(i / 10)
    losses = {name: torch.tensor(1.0 + i) for i, name in enumerate((*strategy.weighted, "other"))}
    features = make_features()
    output = strategy(features, everyone())
    assert {q: a.shape[1] for q, a in output.auxiliary.items()} == {"half": 2, "seen": 10}
    got = strategy.objective(losses, output, features, everyone(), no_targets(3))
    factors = [1, 1, 1, 0.5, 1, 1]
    wanted = sum(f * (1 + i) * torch.tensor(-i / 10).exp() + i / 20 for i, f in enumerate(factors)) + 7
    torch.testing.assert_close(got, wanted)
    got.backward()
    assert all(s.grad is not None and s.grad != 0 for s in strategy.log_variance.values())


def test_multitask_loads_weights_whose_heads_are_numbered() -> None:
    torch.manual_seed(0)
    questions = {"half": 2, "seen": 10}
    old, new = (Multitask(MODALITIES, D, K, auxiliary=questions, places=True).eval() for _ in range(2))
    state = old.state_dict()
    for i, name in enumerate(questions):
        for part in ("weight", "bias"):
            state[f"heads.{i}.{part}"] = state.pop(f"heads.to_{name}.{part}")
    for i, name in enumerate(old.weighted):
        state[f"log_variance.{i}"] = state.pop(f"log_variance.to_{name}") + i
    new.load_state_dict(state)
    for question, answer in old(make_features(), everyone()).auxiliary.items():
        torch.testing.assert_close(new(make_features(), everyone()).auxiliary[question], answer)
    assert [s.item() for s in new.log_variance.values()] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]


def test_multitask_without_further_questions_is_one_question() -> None:
    strategy = Multitask(MODALITIES, D, K)
    assert strategy.weighted == ("label",) and strategy(make_features(), everyone()).auxiliary is None


def test_product_of_experts_is_the_gaussian_closed_form() -> None:
    """The product of densities, with the prior, on a grid: a Gaussian of our mean and variance up to a factor."""
    means, precisions = torch.tensor([[[0.7], [-1.2]]]), torch.tensor([[[2.0], [0.5]]])
    mean, log_variance = product_of_experts(means, precisions)
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = Normal(0.0, 1.0).log_prob(z).exp()
    for m, p in zip(means.flatten().tolist(), precisions.flatten().tolist(), strict=True):
        density = density * Normal(m, p**-0.5).log_prob(z).exp()
    density = density / density.sum()
    first = (density * z).sum()
    torch.testing.assert_close(mean.double().squeeze(), first)
    torch.testing.assert_close(log_variance.double().exp().squeeze(), (density * (z - first) ** 2).sum(), rtol=1e-4, atol=1e-6)


def test_autoencoder_without_a_modality_is_the_product_of_the_other_experts() -> None:
    strategy, features = Autoencoder(MODALITIES, D, K, latent_dim=3).eval(), make_features()
    said = [for_one(strategy.experts, m)(features[m].pooled).chunk(2, -1) for m in ("image", "video")]
    means, precisions = torch.stack([s[0] for s in said], 1), F.softplus(torch.stack([s[1] for s in said], 1))
    wanted = product_of_experts(means, precisions)
    output = strategy(features, torch.tensor([[True, False, False, True]] * 3))
    for got, want in zip(output.latent, wanted, strict=True):
        torch.testing.assert_close(got, want)
    assert set(output.reconstructions) == set(MODALITIES)


def test_kl_equals_torch_distributions() -> None:
    mean, log_variance = torch.randn(5, 3), torch.randn(5, 3)
    wanted = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(torch.zeros(()), torch.ones(())))
    torch.testing.assert_close(kl_to_prior(mean, log_variance), wanted)


def test_autoencoder_objective_is_the_elbo_over_all_that_is_known() -> None:
    """Also a dropped modality is a target, its expert sees nothing of it; one that nobody has is none."""
    strategy, features = Autoencoder(MODALITIES, D, K, beta=0.5).eval(), make_features()
    del features["video"]
    present = torch.tensor([[True, False, True, False]] * 3)
    output = strategy(features, present)
    errors = [(output.reconstructions[m] - features[m].pooled).square().mean() for m in ("image", "text", "audio")]
    wanted = 2.0 + 0.5 * kl_to_prior(*output.latent).mean() + torch.stack(errors).mean()
    got = strategy.objective({"label": torch.tensor(2.0)}, output, features, present, no_targets(3))
    torch.testing.assert_close(got, wanted)


def test_autoencoder_samples_in_training_only() -> None:
    strategy, features = Autoencoder(MODALITIES, D, K), make_features()
    drawn = [strategy.train()(features, everyone()).fused for _ in range(2)]
    fixed = [strategy.eval()(features, everyone()).fused for _ in range(2)]
    assert (drawn[0] - drawn[1]).abs().max() > 1e-3
    torch.testing.assert_close(*fixed, rtol=0, atol=0)


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape), dim=-1)


def test_contrastive_equals_info_nce_where_all_contents_differ() -> None:
    one, other, scale = unit(5, 4), unit(5, 4), Temperature(7.0)
    content = torch.tensor([4, 2, 0, 3, 1]).expand(2, -1)
    scores, which = 7.0 * one @ other.T, torch.arange(5)
    wanted = (F.cross_entropy(scores, which) + F.cross_entropy(scores.T, which)) / 2
    torch.testing.assert_close(contrastive(torch.stack([one, other]), content, scale), wanted)


def test_contrastive_by_hand() -> None:
    """Three modalities, equal contents, some that say nothing: the definition written as loops."""
    space, scale = unit(3, 6, 4), Temperature(5.0)
    content = torch.tensor([[0, 0, 1, 2, -1, 1], [1, 0, 1, -1, 2, 1], [-1, -1, -1, 3, 0, 2]])
    losses = []
    for m in range(3):
        for n in range(3):
            columns = [j for j in range(6) if content[n, j] >= 0]
            for i in range(6):
                partners = [j for j in columns if content[n, j] == content[m, i]]
                if m == n or content[m, i] < 0 or not partners:
                    continue
                scores = {j: 5.0 * space[m, i] @ space[n, j] for j in columns}
                total = torch.stack([*scores.values()]).logsumexp(0)
                losses.append(torch.stack([total - scores[j] for j in partners]).mean())
    torch.testing.assert_close(contrastive(space, content, scale), torch.stack(losses).mean())


def test_contrastive_is_symmetric() -> None:
    space, content, scale = unit(3, 6, 4), torch.randint(-1, 4, (3, 6)), Temperature()
    swap = [2, 1, 0]
    torch.testing.assert_close(contrastive(space[swap], content[swap], scale), contrastive(space, content, scale))


def test_contrastive_is_smallest_where_equal_contents_coincide() -> None:
    """The corners of a simplex, the same in each modality, reach the known minimum ln(1 + (B - 1) exp(-t B / (B - 1)))."""
    B, t = 5, 3.0
    corners = F.normalize(torch.eye(B) - 1 / B, dim=-1)
    content, scale = torch.arange(B).expand(2, -1), Temperature(t)
    least = contrastive(torch.stack([corners, corners]), content, scale)
    torch.testing.assert_close(least.item(), math.log(1 + (B - 1) * math.exp(-t * B / (B - 1))), rtol=1e-5, atol=1e-6)
    for shift in range(1, B):
        assert contrastive(torch.stack([corners, corners.roll(shift, 0)]), content, scale) > least + 0.1
    for _ in range(20):
        assert contrastive(unit(2, B, B), content, scale) > least


@pytest.mark.parametrize("content", [[[0, 1, 2]], [[0, 1, 2], [-1, -1, -1]], [[0, 0, 0], [1, 1, 1]]])
def test_contrastive_is_zero_where_nobody_has_a_partner(content: list[list[int]]) -> None:
    space = unit(len(content), 3, 4).requires_grad_()
    loss = contrastive(space, torch.tensor(content), Temperature())
    loss.backward()
    assert loss == 0 and (space.grad == 0).all()


def test_shared_space_compares_unit_vectors_by_cosine() -> None:
    strategy, features = SharedSpace(MODALITIES, D, K).eval(), make_features()
    output = strategy(features, torch.tensor([[True, False, True, True]] * 3))
    assert (output.space["text"] == 0).all()
    for vector in (output.fused, output.space["image"], output.space["audio"], output.space["video"]):
        torch.testing.assert_close(vector.norm(dim=-1), torch.ones(3))
    mean = torch.stack([output.space[m] for m in ("image", "audio", "video")]).mean(0)
    head = strategy.build_head()
    assert isinstance(head, CosineHead)
    wanted = 10 * F.cosine_similarity(mean[:, None], head.classes[None], dim=-1)
    torch.testing.assert_close(head(output.fused), wanted)


def test_temperature_is_clamped() -> None:
    scale = Temperature()
    for value, wanted in ((-3.0, 1.0), (9.0, 100.0)):
        torch.nn.init.constant_(scale.log_scale, value)
        torch.testing.assert_close(scale(torch.ones(())).item(), wanted, rtol=1e-5, atol=1e-5)
