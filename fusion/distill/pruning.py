"""Makes the blocks of a network narrower inside: removes the hidden channels that the others can best replace.

The cost of a channel is how much the squared error of the block's output over real inputs grows when it is removed and the projection of
the others is fitted anew. One is removed at a time, and each time the fit is exact, by the inverse of the channels' covariance.

Reference: Hassibi & Stork 1993 (Optimal Brain Surgeon); He 2017 (Channel Pruning for Accelerating Very Deep Neural Networks).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.encoders.image_efficientnet import LiteBlock

ROWS = 12000  # cells that a projection is fitted on


def choose(hidden: Tensor, weight: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which `count` channels are kept.

    Args:
        hidden: values of the channels (N, C).
        weight: projection (O, C) of them to the output.

    Returns:
        Indices (count,), their new weights (O, count), and what has to be added to every output (O,) for the mean to stay the same.
    """
    hidden = hidden.double()
    weight = weight.double()
    mean = hidden.mean(0)
    covariance = (hidden - mean).T @ (hidden - mean) / len(hidden)
    ridge = 1e-5 * covariance.diagonal().mean() + 1e-12
    inverse = torch.linalg.inv(covariance + ridge * torch.eye(len(covariance), dtype=torch.double))
    fitted = weight.clone()
    kept = torch.ones(weight.shape[1], dtype=torch.bool)
    for _ in range(weight.shape[1] - count):
        cost = fitted.square().sum(0) / inverse.diagonal()
        c = int(cost.masked_fill(~kept, float("inf")).argmin())
        fitted -= torch.outer(fitted[:, c] / inverse[c, c], inverse[c])
        inverse -= torch.outer(inverse[:, c], inverse[c]) / inverse[c, c]
        inverse[c, c] = 1.0
        kept[c] = False
        fitted[:, ~kept] = 0
    index = kept.nonzero()[:, 0]
    shift = (weight - fitted) @ mean
    return index, fitted[:, index].float(), shift.float()


@torch.no_grad()
def narrow(wide: LiteBlock, slim: LiteBlock, inputs: Tensor, generator: torch.Generator) -> None:
    """Fills an inverted bottleneck of fewer hidden channels from a wider one; its outputs of `inputs` (N, C, H, W) change least."""
    (expand, depthwise, project), (slim_expand, slim_depthwise, slim_project) = steps_of(wide), steps_of(slim)
    hidden = torch.cat([depthwise(expand(x)) for x in torch.split(inputs, 20)]).permute(0, 2, 3, 1).flatten(0, 2)
    rows = torch.randperm(len(hidden), generator=generator)[:ROWS]
    weight = project[0].get_parameter("weight")[:, :, 0, 0]
    kept, fitted, shift = choose(hidden[rows], weight, len(slim_depthwise[0].get_parameter("weight")))
    for target, source in ((slim_expand, expand), (slim_depthwise, depthwise)):
        for layer, wide_layer in zip(list(target)[:2], list(source)[:2], strict=True):  # convolution and normalisation
            for name, value in wide_layer.state_dict().items():
                layer.state_dict()[name].copy_(value[kept] if value.dim() else value)
    slim_project[0].get_parameter("weight").copy_(fitted[:, :, None, None])
    slim_project[1].load_state_dict(project[1].state_dict())
    slim_project[1].get_buffer("running_mean").sub_(shift)


def steps_of(block: LiteBlock) -> tuple[nn.Sequential, nn.Sequential, nn.Sequential]:
    """Expansion, depth-wise convolution and projection, each a convolution with its normalisation."""
    expand, depthwise, project = block.block
    assert isinstance(expand, nn.Sequential) and isinstance(depthwise, nn.Sequential) and isinstance(project, nn.Sequential)
    return expand, depthwise, project
