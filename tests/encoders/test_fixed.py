"""What fixed encoders share: whitening against its definition."""

import torch

from fusion.encoders.fixed import FLOOR, Whitening


def correlated(count: int = 4000) -> torch.Tensor:
    """Three numbers of which the second follows the first, far from zero."""
    x = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return x @ torch.tensor([[3.0, 2.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]]) + torch.tensor([10.0, -5.0, 1.0])


def test_whitened_numbers_are_uncorrelated_with_unit_variance() -> None:
    layer, x = Whitening(3, 5), correlated()
    layer.fit(x)
    y = layer(x)
    torch.testing.assert_close(y[:, :3].mean(0), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(torch.cov(y[:, :3].T), torch.eye(3), rtol=0, atol=1e-3)
    assert (y[:, 3:] == 0).all(), "five wanted, three there"


def test_only_the_widest_directions_are_kept() -> None:
    layer, x = Whitening(3, 1), correlated()
    layer.fit(x)
    first = torch.pca_lowrank(x, 3)[2][:, 0]
    direction = layer.map[:, 0] / layer.map[:, 0].norm()
    torch.testing.assert_close((direction @ first).abs(), torch.tensor(1.0), rtol=0, atol=1e-4)


def test_directions_without_spread_are_not_blown_up() -> None:
    layer, x = Whitening(2, 2), torch.randn(500, 2) * torch.tensor([1.0, 1e-6])
    layer.fit(x)
    assert layer(x)[:, 1].std() < 1e-4 / FLOOR**0.5
    constant = Whitening(2, 2)
    constant.fit(torch.full((10, 2), 7.0))
    assert torch.isfinite(constant(torch.full((1, 2), 7.0))).all()


def test_the_same_samples_give_the_same_signs() -> None:
    one, two, x = Whitening(3, 3), Whitening(3, 3), correlated()
    one.fit(x)
    two.fit(x.flip(0))
    torch.testing.assert_close(one.map, two.map, rtol=1e-3, atol=1e-5)
