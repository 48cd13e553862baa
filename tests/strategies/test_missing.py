"""What stands in the place of a missing modality, by policy."""

import pytest
import torch

from fusion.strategies.early import Early
from fusion.strategies.missing import POLICIES, Missing, Policy
from tests.strategies.test_contract import MODALITIES, D, K, make_features, no_targets

PRESENT = torch.tensor([[True, True, False, True], [True, False, False, False], [True] * 4])


def embeddings() -> torch.Tensor:
    features = make_features()
    return torch.stack([features[m].pooled for m in MODALITIES], 1) * PRESENT[..., None]


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_there_stays_as_it_is(policy: Policy) -> None:
    x = embeddings()
    filled = Missing(policy, 4, D)(x, PRESENT)
    torch.testing.assert_close(filled[PRESENT], x[PRESENT], rtol=0, atol=0)
    assert (filled[~PRESENT] == 0).all() == (policy == "zero")


def test_a_learned_vector_is_the_same_for_every_sample() -> None:
    missing = Missing("learned", 4, D)
    filled = missing(embeddings(), PRESENT)
    torch.testing.assert_close(filled[0, 2], missing.vectors[2])
    torch.testing.assert_close(filled[1, 2], missing.vectors[2])


def test_a_reconstruction_is_the_mean_of_what_each_present_modality_expects() -> None:
    torch.manual_seed(0)
    missing, x = Missing("reconstruct", 4, D), embeddings()
    wanted = sum(x[0, k] @ missing.weight[k, 2] for k in (0, 1, 3)) / 3 + missing.bias[2]
    torch.testing.assert_close(missing(x, PRESENT)[0, 2], wanted)


def test_a_reconstruction_learns_what_the_others_determine() -> None:
    """Text is a linear map of the image: hidden text is found to within a hundredth of its variance."""
    torch.manual_seed(0)
    strategy = Early(("image", "text"), D, K, missing="reconstruct")
    true_map = torch.randn(D, D)
    optimizer = torch.optim.Adam(strategy.parameters(), 0.02)
    present = torch.tensor([[True, False]] * 64)
    loss = torch.tensor(0.0)
    for _ in range(300):
        features = {m: f for m, f in make_features(64, seed=int(torch.randint(1 << 30, ()))).items() if m in ("image", "text")}
        features["text"].pooled = features["image"].pooled @ true_map
        loss = strategy.objective({"label": torch.zeros(())}, strategy(features, present), features, present, no_targets(64))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.01 * features["text"].pooled.var()


def test_only_a_reconstruction_has_a_loss() -> None:
    features, x = make_features(), embeddings()
    for policy in POLICIES:
        losses = Missing(policy, 4, D).losses(x, features, MODALITIES, PRESENT)
        assert len(losses) == (policy == "reconstruct")
    assert Missing("reconstruct", 4, D).losses(x, features, MODALITIES, torch.ones_like(PRESENT))[0] == 0
