"""Narrowing a block: a channel that others can stand in for goes first and at no cost, and what stays is the least-squares fit."""

import torch
from torchvision.models.efficientnet import MBConvConfig

from fusion.distill.pruning import choose, narrow
from fusion.encoders.image_efficientnet import HalvingConv, LiteBlock


def test_channels_that_are_sums_of_others_go_first_and_cost_nothing() -> None:
    generator = torch.Generator().manual_seed(1)
    own, weight = torch.randn(4000, 6, generator=generator), torch.randn(3, 8, generator=generator)
    hidden = torch.cat([own, own[:, :1] + own[:, 1:2] + 5, 2 * own[:, 2:3]], 1)
    kept, fitted, shift = choose(hidden, weight, 6)
    assert torch.allclose(hidden[:, kept] @ fitted.T + shift, hidden @ weight.T, atol=5e-3)


def test_what_stays_is_the_least_squares_fit_of_what_was() -> None:
    generator = torch.Generator().manual_seed(2)
    hidden = torch.randn(3000, 10, generator=generator) @ torch.randn(10, 10, generator=generator) + 3
    weight = torch.randn(4, 10, generator=generator)
    kept, fitted, shift = choose(hidden, weight, 7)
    wanted = hidden @ weight.T
    best = torch.linalg.lstsq(torch.cat([hidden[:, kept], torch.ones(3000, 1)], 1), wanted).solution
    assert torch.allclose(fitted, best[:-1].T, atol=2e-3)
    assert torch.allclose(shift, best[-1], atol=2e-2)


def test_a_block_that_carries_dead_channels_is_narrowed_without_a_change() -> None:
    torch.manual_seed(0)
    blocks = [LiteBlock(MBConvConfig(ratio, 3, 1, 16, 16, 1, block=LiteBlock), 0.0, torch.nn.BatchNorm2d).eval() for ratio in (4, 3)]
    wide, slim = blocks
    pictures = torch.randn(8, 16, 10, 10)
    with torch.no_grad():
        for norm in (wide.block[0][1], wide.block[1][1], wide.block[2][1]):
            norm.running_mean.normal_(), norm.running_var.uniform_(0.5, 2)
        wide.block[1][1].bias[::4] = -50.0  # dead behind ReLU6
        narrow(wide, slim, pictures, torch.Generator().manual_seed(0))
        assert torch.allclose(slim(pictures), wide(pictures), atol=1e-3)


@torch.no_grad()
def test_halving_convolution_pads_as_tensorflow_does() -> None:
    """ "SAME" of an even length at stride 2: kernel - 2 zeros in all, the odd one behind; output i looks from 2 i - (kernel - 2) // 2."""
    for kernel in (3, 5):
        layer = HalvingConv(1, 1, kernel, 2, bias=False)
        layer.weight.data.copy_(torch.arange(kernel * kernel, dtype=torch.float32).view(1, 1, kernel, kernel))
        x = torch.randn(1, 1, 6, 6)
        padded = torch.zeros(6 + kernel, 6 + kernel)
        before = (kernel - 2) // 2
        padded[before : before + 6, before : before + 6] = x[0, 0]
        wanted = [[(padded[2 * i : 2 * i + kernel, 2 * j : 2 * j + kernel] * layer.weight[0, 0]).sum() for j in range(3)] for i in range(3)]
        assert torch.allclose(layer(x)[0, 0], torch.tensor(wanted), atol=1e-4)
