"""Fusion strategies: features of several modalities in, one answer out. One idea, one file, one line here, in screen order."""

from fusion.strategies.additive_attention import AdditiveAttention
from fusion.strategies.autoencoder import Autoencoder
from fusion.strategies.base import Strategy
from fusion.strategies.bottleneck import Bottleneck
from fusion.strategies.cross_attention import CrossAttention
from fusion.strategies.dynamic import Dynamic
from fusion.strategies.early import Early
from fusion.strategies.early_tokens import EarlyTokens
from fusion.strategies.late import Late
from fusion.strategies.low_rank import LowRank
from fusion.strategies.multitask import Multitask
from fusion.strategies.shared_space import SharedSpace
from fusion.strategies.tcn import TCN
from fusion.strategies.tensor import TensorFusion
from fusion.strategies.unimodal import Unimodal

STRATEGIES: dict[str, type[Strategy]] = {
    "early": Early,
    "early_tokens": EarlyTokens,
    "late": Late,
    "dynamic": Dynamic,
    "additive_attention": AdditiveAttention,
    "cross_attention": CrossAttention,
    "bottleneck": Bottleneck,
    "tensor": TensorFusion,
    "low_rank": LowRank,
    "tcn": TCN,
    "autoencoder": Autoencoder,
    "shared_space": SharedSpace,
    "multitask": Multitask,
}

__all__ = ["STRATEGIES", "Strategy", "Unimodal"]
