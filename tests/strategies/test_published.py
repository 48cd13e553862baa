"""An oracle for each strategy that follows a paper closely: its formula by hand, a reference implementation, or an axiom."""

import pytest
import torch
from torch import nn
from torch.distributions import Dirichlet, kl_divergence
from torch.nn import functional as F

from fusion.heads.temperature import fit_temperature
from fusion.strategies.evidential import REFUSES, Evidential, combine, evidential_loss, kl_to_flat
from fusion.strategies.gmu import GMU
from fusion.strategies.late import Late
from fusion.strategies.low_rank import LowRank
from fusion.strategies.moe import MixtureOfExperts, squared_variation
from fusion.strategies.quality_aware import QualityAware, confidence, ranking_loss
from fusion.training.history import LossHistory
from tests.strategies.test_contract import MODALITIES, D, K, everyone, for_one, make_features


def test_gmu_by_hand() -> None:
    torch.manual_seed(0)
    strategy, features = GMU(MODALITIES, D, K).eval(), make_features()
    together = torch.cat([features[m].pooled for m in MODALITIES], -1)
    gates = (together @ strategy.gates.weight.T).sigmoid().chunk(4, -1)
    total = sum(z * (for_one(strategy.values, m)(features[m].pooled)).tanh() for m, z in zip(MODALITIES, gates, strict=True))
    torch.testing.assert_close(strategy(features, everyone()).fused, strategy.mix(total))


def test_gmu_of_two_modalities_lies_between_their_values() -> None:
    """With two modalities one gate is shared, so each number is a weighted mean of the two."""
    torch.manual_seed(0)
    strategy, features = GMU(MODALITIES[:2], D, K).eval(), make_features()
    seen = []
    strategy.mix.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    strategy(features, everyone()[:, :2])
    x = torch.stack([features[m].pooled for m in MODALITIES[:2]], 1)
    values = strategy.values(x).tanh()
    assert ((values.amin(1) <= seen[0]) & (seen[0] <= values.amax(1))).all()
    torch.testing.assert_close(strategy.open_gates(x).sum(1), torch.ones(3, D))


def dempster(one: tuple[torch.Tensor, torch.Tensor], two: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """The rule as it is printed (definition 4 of the paper), for two opinions (B, K) and (B,), not yet divided by 1 - conflict."""
    (b1, u1), (b2, u2) = one, two
    return b1 * b2 + b1 * u2[:, None] + b2 * u1[:, None], u1 * u2


def test_dempsters_rule_one_after_the_other_equals_the_closed_form() -> None:
    torch.manual_seed(0)
    evidence = torch.rand(50, 4, K, dtype=torch.float64) * torch.tensor([0.1, 3.0, 40.0, 1000.0])[:, None]
    total = evidence.sum(-1, keepdim=True) + K
    opinions = [(evidence[:, m] / total[:, m], K / total[:, m, 0]) for m in range(4)]
    belief, doubt = opinions[0]
    for opinion in opinions[1:]:
        belief, doubt = dempster((belief, doubt), opinion)
    agreed = belief.sum(-1) + doubt
    found = combine(evidence)
    torch.testing.assert_close(found.belief, belief / agreed[:, None])
    torch.testing.assert_close(found.doubt, doubt / agreed)
    torch.testing.assert_close(found.conflict, 1 - agreed)


def test_opinions_keep_the_axioms() -> None:
    """Belief and doubt sum to 1, a vacuous opinion is neutral, order does not matter, agreement lowers doubt, contradiction is conflict."""
    torch.manual_seed(0)
    evidence = 5 * torch.rand(20, 3, K)
    found = combine(evidence)
    torch.testing.assert_close(found.belief.sum(-1) + found.doubt, torch.ones(20))
    assert (found.belief >= 0).all() and (found.conflict >= 0).all() and (found.conflict <= 1).all()
    with_vacuous = combine(torch.cat([evidence, torch.zeros(20, 1, K)], 1))
    for name in ("belief", "doubt", "conflict"):
        torch.testing.assert_close(getattr(with_vacuous, name), getattr(found, name))
    torch.testing.assert_close(combine(evidence.flip(1)).belief, found.belief)
    says_0, says_1 = 20 * F.one_hot(torch.tensor([[0], [1]]), K).float()
    agree, differ = combine(torch.stack([says_0, says_0], 1)), combine(torch.stack([says_0, says_1], 1))
    assert agree.doubt < agree.doubts.amin() and agree.conflict < 1e-6
    torch.testing.assert_close(differ.conflict, torch.tensor([(20 / 25) ** 2]))


def test_evidential_refuses_without_evidence_and_sums_to_one() -> None:
    strategy = Evidential(MODALITIES, D, K).eval()
    with torch.no_grad():
        strategy.classifiers.bias.fill_(-50.0)
        strategy.classifiers.weight.zero_()
    output = strategy(make_features(), everyone())
    assert (output.opinion.doubt > REFUSES).all() and (output.opinion.doubt > 0.999).all()
    torch.testing.assert_close(output.fused.exp(), torch.full((3, K), 1 / K))
    torch.manual_seed(0)
    probs = Evidential(MODALITIES, D, K).eval()(make_features(), everyone()).fused.exp()
    torch.testing.assert_close(probs.sum(-1), torch.ones(3))


def test_evidential_loss_equals_torch_distributions() -> None:
    torch.manual_seed(0)
    alpha = 1 + 4 * torch.rand(6, K)
    torch.testing.assert_close(kl_to_flat(alpha), kl_divergence(Dirichlet(alpha), Dirichlet(torch.ones(6, K))), rtol=1e-4, atol=1e-5)
    label = torch.tensor([0, 1, 2, 3, 4, -1])
    drawn = -Dirichlet(alpha).sample((200_000,)).log().mean(0)  # (6, K) expected cross-entropy of each class
    wanted = drawn[torch.arange(5), label[:5]]
    torch.testing.assert_close(evidential_loss(alpha, label, 0.0)[:5], wanted, rtol=0.02, atol=0.02)
    assert evidential_loss(alpha, label, 0.0)[5] == 0, "what decides nothing has no right class"
    without_truth = torch.where(F.one_hot(label.clamp_min(0), K).bool() & (label >= 0)[:, None], torch.ones(()), alpha)
    torch.testing.assert_close(evidential_loss(alpha, label, 2.0) - evidential_loss(alpha, label, 0.0), 2 * kl_to_flat(without_truth))


def test_quality_aware_by_hand() -> None:
    torch.manual_seed(0)
    strategy, features = QualityAware(MODALITIES, D, K).eval(), make_features()
    with torch.no_grad():
        strategy.classifiers.bias.fill_(2.0)  # all energies negative, all confidences positive
    present = torch.tensor([[True, True, False, True]] * 3)
    votes = {m: for_one(strategy.classifiers, m)(features[m].pooled) for m in ("image", "text", "video")}
    energies = {m: z.exp().sum(-1).log() / 10 for m, z in votes.items()}
    assert min(e.min() for e in energies.values()) > 0
    output = strategy(features, present)
    torch.testing.assert_close(output.fused, sum(energies[m][:, None] * z for m, z in votes.items()))
    torch.testing.assert_close(output.weights[:, 0], energies["image"] / sum(energies.values()))


def test_ranking_loss_equals_torch() -> None:
    """The authors' loss: torch's margin ranking loss of neighbours, whose margin is the difference of their past losses."""
    torch.manual_seed(0)
    weights, history = torch.rand(9, 2), 3 * torch.rand(9, 2)
    wanted = 0.0
    for m in range(2):
        past = history[:, m] / history[:, m].max()
        other, difference = past.roll(-1), past - past.roll(-1)
        assert (other != past).all()
        for i in range(9):
            criterion = nn.MarginRankingLoss(margin=float(difference[i].abs()))
            wanted += criterion(weights[i : i + 1, m], weights[(i + 1) % 9 : (i + 1) % 9 + 1, m], -difference[i : i + 1].sign()) / 9
    torch.testing.assert_close(ranking_loss(weights, history, torch.ones(9, 2, dtype=torch.bool)), wanted)


def test_ranking_loss_is_zero_for_the_right_order_and_ignores_the_missing() -> None:
    history = torch.tensor([[0.0], [1.0], [4.0], [float("nan")]])
    right = 1 - history.nan_to_num() / 4
    present = torch.ones(4, 1, dtype=torch.bool)
    assert ranking_loss(right, history, present) == 0
    assert ranking_loss(1 - right, history, present) > 0.5
    absent = present.clone()
    absent[1:3] = False
    assert ranking_loss(1 - right, history, absent) == 0


def test_confidence_grows_with_evidence() -> None:
    logits = torch.zeros(1, 2, K)
    logits[0, 1, 0] = 12.0
    low, high = confidence(logits)[0]
    assert low < high and confidence(torch.full((1, 1, K), -100.0)).item() == pytest.approx(1e-3)


def test_history_is_the_mean_over_the_epochs() -> None:
    history = LossHistory(5, 2)
    index, known = torch.tensor([3, 1]), torch.tensor([[True, False], [True, True]])
    history.update(index, torch.tensor([[1.0, 9.0], [2.0, 3.0]]), known)
    found = history.update(index, torch.tensor([[3.0, 9.0], [4.0, 5.0]]), known)
    torch.testing.assert_close(found, torch.tensor([[2.0, float("nan")], [3.0, 4.0]]), equal_nan=True)


def test_experts_equal_plain_loops() -> None:
    """One token, one expert at a time, of which each takes only the two that its gates name."""
    torch.manual_seed(0)
    strategy, features = MixtureOfExperts(MODALITIES, D, K, dim=8).eval(), make_features()
    present = torch.tensor([[True, True, True, True], [True, False, True, False], [False, False, False, True]])
    output, t = strategy(features, present), strategy.tokens(features, present)
    attention = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    attention.in_proj_weight, attention.in_proj_bias = strategy.qkv.weight, strategy.qkv.bias
    attention.out_proj.weight, attention.out_proj.bias = strategy.out_proj.weight, strategy.out_proj.bias
    normed = strategy.norm1(t)
    t = t + attention(normed, normed, normed)[0]
    first, second = strategy.experts[0], strategy.experts[3]
    for b in range(3):
        rows = []
        for x in t[b]:
            h = strategy.norm2(x)
            scores, chosen = strategy.router(h).topk(2)
            y = x
            for gate, e in zip(scores.softmax(-1), chosen, strict=True):
                y = y + gate * (F.gelu(h @ first.weight[e] + first.bias[e, 0]) @ second.weight[e] + second.bias[e, 0])
            rows.append(y)
        torch.testing.assert_close(output.fused[b], torch.stack(rows).mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(output.experts.sum(-1), torch.ones(3))
    assert output.experts.shape == (3, 15)


def test_every_combination_has_its_expert_and_its_vectors() -> None:
    strategy = MixtureOfExperts(MODALITIES, D, K, dim=8).eval()
    present = torch.tensor([[bool(code >> i & 1) for i in range(4)] for code in range(1, 16)])
    assert strategy.combination(present).tolist() == [*range(15)]
    features = {m: type(f)(f.tokens[:1], f.mask[:1], f.pooled[:1], f.weights[:1]) for m, f in make_features().items()}
    tokens = strategy.tokens(features, present)
    assert all((tokens[s, m] == strategy.bank[s, m]).all() for s in range(15) for m in range(4) if not present[s, m])


def test_router_learns_which_combination_is_given() -> None:
    """Its loss is least where the first gate of an incomplete sample is the expert of its combination; even gates have no variation."""
    torch.manual_seed(0)
    strategy = MixtureOfExperts(MODALITIES, D, K, dim=8)
    present = torch.tensor([[True, False, False, False]] * 5)
    own = strategy.combination(present)
    right, wrong = 9 * F.one_hot(own, 15).float(), 9 * F.one_hot(own + 1, 15).float()
    losses = [strategy.router_loss(z[:, None].expand(-1, 4, -1), torch.zeros(5, 4, 15), present) for z in (right, wrong)]
    assert losses[0] < losses[1]
    assert squared_variation(torch.ones(15)) == 0 < squared_variation(torch.arange(15.0))


def test_low_rank_counts_a_missing_modality_as_its_bias_factor() -> None:
    """What x = 0 gives in the paper, where the 1 is appended to every modality."""
    torch.manual_seed(0)
    strategy, features = LowRank(MODALITIES, D, K, rank=3, dim=5, missing="bias").eval(), make_features()
    present = torch.tensor([[True, False, True, True]] * 3)
    product = torch.ones(3, 15)
    for i, m in enumerate(MODALITIES):
        x = F.layer_norm(features[m].pooled, (D,)) if present[0, i] else torch.zeros(3, D)
        product = product * (x @ strategy.factors[i] + strategy.biases[i])
    wanted = torch.einsum("r,brd->bd", strategy.weights, product.view(3, 3, 5))
    torch.testing.assert_close(strategy(features, present).fused, wanted)


def test_temperature_undoes_overconfidence() -> None:
    """Labels drawn from softmax(z) and logits three times z: the temperature is three."""
    torch.manual_seed(0)
    z = 2 * torch.randn(20_000, K)
    labels = torch.distributions.Categorical(logits=z).sample()
    assert fit_temperature(3 * z, labels) == pytest.approx(3.0, rel=0.05)


def test_late_calibrates_after_training_only() -> None:
    strategy = Late(MODALITIES, D, K, temperatures="calibrated")
    assert "log_temperature" not in dict(strategy.named_parameters()) and strategy.held_out > 0
    assert Late(MODALITIES, D, K).held_out == 0 and "log_temperature" in dict(Late(MODALITIES, D, K).named_parameters())
