"""Whether an input shows one of the labels at all, or "none of these".

For each modality a small network is trained to tell media of the task from other media (outlier exposure); it reads what the encoder
found: its vector, and mean, spread and maximum of its tokens. What is given counts as known where the highest score of its modalities
reaches the threshold of this subset: a photo of a dog beside a silent recording is known by the photo. In tasks where two halves of the
modalities answer different questions (`Task.parts`), each half has to be known.

`python -m fusion calibrate` trains the networks and chooses the thresholds (`fusion.evaluation.rejection`); all strategies of a task share
them, because an input does not become stranger by being read by another strategy.

Reference: Hendrycks, Mazeika & Dietterich 2019, Deep Anomaly Detection with Outlier Exposure (arXiv 1812.04606);
Hendrycks & Gimpel 2017, A Baseline for Detecting Misclassified and Out-of-Distribution Examples (arXiv 1610.02136).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from fusion.config import OpenSetConfig
from fusion.types import Features

STATISTICS = 4  # vectors of the encoder's width that are read: the pooled vector, mean, spread and maximum of the tokens


def statistics_of(features: Features) -> Tensor:
    """What the network of a modality reads: (B, 4 D)."""
    real = features.mask[..., None]
    count = real.sum(1).clamp_min(1)
    mean = (features.tokens * real).sum(1) / count
    spread = (((features.tokens - mean[:, None]) ** 2 * real).sum(1) / count).sqrt()
    highest = features.tokens.masked_fill(~real, -torch.inf).amax(1)
    return torch.cat([features.pooled, mean, spread, highest], 1).float()


class OutlierHead(nn.Module):
    """Statistics (B, 4 D) of one modality to scores (B,): high where the medium shows one of the labels.

    score = a * network(statistics) + b * log-odds of the likeliest label by the unimodal baseline

    The network knows the kinds of other media that it was trained with, the confidence (Hendrycks & Gimpel 2017) also judges new ones;
    `shares` a, b are chosen on kinds that were left out.
    """

    def __init__(self, embed_dim: int = 96, hidden: int = 32, num_classes: int = 10) -> None:
        super().__init__()
        width = STATISTICS * embed_dim
        self.centre = nn.Buffer(torch.zeros(width))
        self.scale = nn.Buffer(torch.ones(width))
        self.inner = nn.Linear(width, hidden)
        self.outer = nn.Linear(hidden, 1)
        self.direct = nn.Linear(width, 1, bias=False)
        self.weight = nn.Buffer(torch.zeros(num_classes, embed_dim))  # of the baseline's classifier
        self.bias = nn.Buffer(torch.zeros(num_classes))
        self.shares = nn.Buffer(torch.tensor([1.0, 0.0]))

    def standardise(self, known: Tensor) -> None:
        """Centres and scales inputs like the statistics (N, 4 D) of known media."""
        self.centre.copy_(known.mean(0))
        self.scale.copy_(known.std(0).clamp_min(1e-2))

    def network(self, statistics: Tensor) -> Tensor:
        """Log-odds (B,) for known media."""
        x = ((statistics - self.centre) / self.scale).clamp(-8, 8)  # far away is far enough
        score: Tensor = self.direct(x) + self.outer(self.inner(x).relu())
        return score.squeeze(1)

    def confidence(self, statistics: Tensor) -> Tensor:
        """Log-odds (B,) of the likeliest label against all others."""
        logits = statistics[:, : self.weight.shape[1]] @ self.weight.T + self.bias
        ordered = logits.sort(-1, descending=True).values
        odds: Tensor = ordered[:, 0] - ordered[:, 1:].logsumexp(1)
        return odds

    def forward(self, statistics: Tensor) -> Tensor:
        return self.shares[0] * self.network(statistics) + self.shares[1] * self.confidence(statistics)


class OpenSet(nn.Module):
    """The networks of all modalities of a task, and their thresholds."""

    def __init__(self, config: OpenSetConfig) -> None:
        super().__init__()
        self.config = config
        self.parts = tuple(tuple(part.split("+")) for part in config.parts)
        self.heads = nn.ModuleDict({m: OutlierHead(config.embed_dim, config.hidden, config.num_classes) for m in config.modalities})

    @torch.inference_mode()
    def scores(self, features: Mapping[str, Features]) -> dict[str, Tensor]:
        """{modality: score of each sample (B,)} of the modalities that have a network."""
        return {m: self.heads[m](statistics_of(f)) for m, f in features.items() if m in self.heads}

    def known(self, scores: Mapping[str, Tensor]) -> Tensor:
        """Which samples (B,) show one of the labels, given the scores of the modalities that are there."""
        return known_by(scores, self.parts, self.config.thresholds)


def known_by(scores: Mapping[str, Tensor], parts: tuple[tuple[str, ...], ...], thresholds: Mapping[str, float]) -> Tensor:
    """Which samples (B,) are known in every part of which anything is given."""
    found = [joint_score(scores, given) >= thresholds["+".join(given)] for given in given_parts(parts, scores)]
    return torch.stack(found).all(0)


def joint_score(scores: Mapping[str, Tensor], given: tuple[str, ...]) -> Tensor:
    """The highest score (B,) of several modalities."""
    return torch.stack([scores[m] for m in given]).amax(0)


def given_parts(parts: tuple[tuple[str, ...], ...], given: Collection[str]) -> list[tuple[str, ...]]:
    """What is given of each part, without the parts of which nothing is."""
    several = [tuple(m for m in part if m in given) for part in parts]
    return [part for part in several if part]
