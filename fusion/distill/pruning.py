"""Makes the blocks of a network narrower inside: of the hidden channels those go that the others can best stand in for.

What a channel is worth is how much worse the block's output gets, in squared error over real inputs, when the channel goes and the
projection of the others is fitted anew. One goes at a time, and each time the fit is exact, by the inverse of the channels' covariance.

Reference: Hassibi & Stork 1993 (Optimal Brain Surgeon); He 2017 (Channel Pruning for Accelerating Very Deep Neural Networks).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

ROWS = 12000  # cells that a projection is fitted on


def choose(hidden: Tensor, weight: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Which `count` channels stay.

    Args:
        hidden: values of the channels (N, C).
        weight: projection (O, C) of them to the output.

    Returns:
        Indices (count,), their new weights (O, count), and what has to be added to every output (O,) for the mean to stay the same.
    """
    hidden, weight = hidden.double(), weight.double()
    mean = hidden.mean(0)
    covariance = (hidden - mean).T @ (hidden - mean) / len(hidden)
    ridge = 1e-5 * covariance.diagonal().mean() + 1e-12
    inverse = torch.linalg.inv(covariance + ridge * torch.eye(len(covariance), dtype=torch.double))
    fitted, stays = weight.clone(), torch.ones(weight.shape[1], dtype=torch.bool)
    for _ in range(weight.shape[1] - count):
        cost = fitted.square().sum(0) / inverse.diagonal()
        c = int(cost.masked_fill(~stays, float("inf")).argmin())
        fitted -= torch.outer(fitted[:, c] / inverse[c, c], inverse[c])
        inverse -= torch.outer(inverse[:, c], inverse[c]) / inverse[c, c]
        inverse[c, c], stays[c] = 1.0, False
        fitted[:, ~stays] = 0
    kept = stays.nonzero()[:, 0]
    return kept, fitted[:, kept].float(), ((weight - fitted) @ mean).float()


@torch.no_grad()
def narrow(wide: nn.Module, slim: nn.Module, inputs: Tensor, generator: torch.Generator) -> None:
    """Fills an inverted bottleneck of fewer hidden channels from a wider one; its outputs of `inputs` (N, C, H, W) change least."""
    (expand, expand_norm, _), (depth, depth_norm, _), (project, project_norm) = (list(step) for step in wide.block)
    hidden = torch.cat([wide.block[1](wide.block[0](x)) for x in inputs.split(20)]).permute(0, 2, 3, 1).flatten(0, 2)
    rows = torch.randperm(len(hidden), generator=generator)[:ROWS]
    kept, weight, shift = choose(hidden[rows], project.weight[:, :, 0, 0], len(slim.block[1][0].weight))
    for target, source in zip([*list(slim.block[0])[:2], *list(slim.block[1])[:2]], (expand, expand_norm, depth, depth_norm), strict=True):
        for name, value in source.state_dict().items():
            target.state_dict()[name].copy_(value[kept] if value.dim() else value)
    slim.block[2][0].weight.copy_(weight[:, :, None, None])
    slim.block[2][1].load_state_dict(project_norm.state_dict())
    slim.block[2][1].running_mean.sub_(shift)
