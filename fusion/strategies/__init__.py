"""Fusion strategies: features of several modalities in, one answer out. One idea, one file, one line here, in screen order."""

from fusion.strategies.additive_attention import AdditiveAttention
from fusion.strategies.autoencoder import Autoencoder
from fusion.strategies.base import Strategy
from fusion.strategies.bottleneck import Bottleneck
from fusion.strategies.cross_attention import CrossAttention
from fusion.strategies.dynamic import Dynamic
from fusion.strategies.early import Early
from fusion.strategies.early_tokens import EarlyTokens
from fusion.strategies.evidential import Evidential
from fusion.strategies.film import FiLM
from fusion.strategies.gated_cross_attention import GatedCrossAttention
from fusion.strategies.gmu import GMU
from fusion.strategies.late import Late
from fusion.strategies.low_rank import LowRank
from fusion.strategies.moe import MixtureOfExperts
from fusion.strategies.mult import MulT
from fusion.strategies.multitask import Multitask
from fusion.strategies.perceiver import Perceiver
from fusion.strategies.quality_aware import QualityAware
from fusion.strategies.shared_space import SharedSpace
from fusion.strategies.tcn import TCN
from fusion.strategies.tensor import TensorFusion
from fusion.strategies.unimodal import Unimodal

STRATEGIES: dict[str, type[Strategy]] = {
    "early": Early,
    "early_tokens": EarlyTokens,
    "late": Late,
    "quality_aware": QualityAware,
    "evidential": Evidential,
    "dynamic": Dynamic,
    "gmu": GMU,
    "additive_attention": AdditiveAttention,
    "moe": MixtureOfExperts,
    "cross_attention": CrossAttention,
    "gated_cross_attention": GatedCrossAttention,
    "mult": MulT,
    "bottleneck": Bottleneck,
    "perceiver": Perceiver,
    "film": FiLM,
    "tensor": TensorFusion,
    "low_rank": LowRank,
    "tcn": TCN,
    "autoencoder": Autoencoder,
    "shared_space": SharedSpace,
    "multitask": Multitask,
}

__all__ = ["STRATEGIES", "Strategy", "Unimodal"]
