"""Fusion strategies: features of several modalities in, one answer out. One idea, one file, one line here, in screen order."""

from fusion.strategies.autoencoder import Autoencoder
from fusion.strategies.base import Strategy
from fusion.strategies.cross_attention import CrossAttention
from fusion.strategies.dynamic import Dynamic
from fusion.strategies.early import Early
from fusion.strategies.early_tokens import EarlyTokens
from fusion.strategies.late import Late
from fusion.strategies.low_rank import LowRank
from fusion.strategies.multitask import Multitask
from fusion.strategies.shared_space import SharedSpace
from fusion.strategies.tensor import TensorFusion
from fusion.strategies.unimodal import Unimodal

STRATEGIES: dict[str, type[Strategy]] = {
    "early": Early,
    "early_tokens": EarlyTokens,
    "late": Late,
    "dynamic": Dynamic,
    "cross_attention": CrossAttention,
    "tensor": TensorFusion,
    "low_rank": LowRank,
    "autoencoder": Autoencoder,
    "shared_space": SharedSpace,
    "multitask": Multitask,
}

__all__ = ["STRATEGIES", "Strategy", "Unimodal"]
