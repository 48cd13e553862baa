"""Averaging a network with its start: both ends, the middle, and counters, which are no weights."""

import torch
from torch import nn

from fusion.training.averaging import average, kept


def test_a_share_of_the_way_from_the_start() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    start = kept(network)
    network(torch.randn(8, 2))
    with torch.no_grad():
        network[0].weight.add_(4.0)
    end = kept(network)
    for share in (1.0, 0.25, 0.0):
        network.load_state_dict(end)
        average(network, start, share)
        torch.testing.assert_close(network[0].weight.detach(), start["0.weight"] + 4 * share)
        wanted = start["1.running_mean"] + share * (end["1.running_mean"] - start["1.running_mean"])
        torch.testing.assert_close(network[1].running_mean, wanted)
        assert network[1].num_batches_tracked == 1
