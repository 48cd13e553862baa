"""Gradient relevance against closed forms, and completeness where a network begins with a norm that is steep beside zero."""

import numpy as np
import pytest
import torch
from torch import nn

from fusion.explain import relevance
from fusion.types import FusionError


def make_tokens() -> dict[str, torch.Tensor]:
    return {"image": torch.randn(1, 4, 3), "text": torch.randn(1, 2, 3)}


@pytest.mark.parametrize("method", ["integrated_gradients", "input_x_gradient"])
def test_linear_function_in_closed_form(method: str) -> None:
    tokens, weights = make_tokens(), make_tokens()
    scores = relevance(lambda t: 5 + sum((t[m] * weights[m]).sum((1, 2)) for m in t), tokens, method)
    for m in tokens:
        np.testing.assert_allclose(scores[m], (tokens[m] * weights[m]).sum((0, 2)), atol=1e-5)


def test_product_of_two_tokens_in_closed_form() -> None:
    """f = x * y: both methods differ, integrated gradients gives each half of the product, input x gradient the whole."""
    tokens = {"a": torch.full((1, 1, 1), 3.0), "b": torch.full((1, 1, 1), 5.0)}

    def product(t: dict[str, torch.Tensor]) -> torch.Tensor:
        return (t["a"] * t["b"]).sum((1, 2))

    assert {m: float(s[0]) for m, s in relevance(product, tokens).items()} == pytest.approx({"a": 7.5, "b": 7.5}, rel=1e-5)
    assert {m: float(s[0]) for m, s in relevance(product, tokens, "input_x_gradient").items()} == {"a": 15, "b": 15}


@pytest.mark.parametrize("first", [nn.Identity, lambda: nn.LayerNorm(3)])
def test_completeness(first) -> None:
    tokens = make_tokens()
    net = nn.Sequential(first(), nn.Linear(3, 16), nn.GELU(), nn.Linear(16, 1))

    def f(t: dict[str, torch.Tensor]) -> torch.Tensor:
        return net(torch.cat([*t.values()], 1)).squeeze(-1).sum(1).tanh()

    with torch.no_grad():
        change = float(f(tokens)) - float(f({m: torch.zeros_like(x) for m, x in tokens.items()}))
    assert sum(s.sum() for s in relevance(f, tokens).values()) == pytest.approx(change, abs=1e-3)


def test_tokens_that_are_never_read_have_none() -> None:
    tokens = make_tokens()
    scores = relevance(lambda t: t["image"][:, 1].sum(-1), tokens)
    assert not scores["text"].any() and scores["image"].nonzero()[0].tolist() == [1]


def test_works_where_gradients_are_off_and_leaves_the_tokens_alone() -> None:
    tokens = make_tokens()
    before = {m: x.clone() for m, x in tokens.items()}
    with torch.no_grad():
        assert relevance(lambda t: t["image"].square().sum((1, 2)) + 0 * t["text"].sum((1, 2)), tokens)["image"].any()
    assert all(torch.equal(x, before[m]) and not x.requires_grad for m, x in tokens.items())


def test_refusals() -> None:
    with pytest.raises(FusionError, match="no gradient method named 'magic'"):
        relevance(lambda t: t["image"].sum((1, 2)), make_tokens(), "magic")
    for tokens in ({}, {"image": torch.zeros(2, 4, 3)}, {"image": torch.zeros(4, 3)}):
        with pytest.raises(FusionError, match="tokens of one sample"):
            relevance(lambda t: t["image"].sum((1, 2)), tokens)
