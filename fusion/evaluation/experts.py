"""Which experts of a mixture answer when which modalities are given."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from fusion.evaluation.measure import BATCH
from fusion.model import FusionModel
from fusion.training.features import FeatureCache

Map = dict[str, list[float]]  # {modalities, "image+text": share of each expert, which sum to 1}


@torch.inference_mode()
def measure_experts(models: Mapping[str, FusionModel], cache: FeatureCache, subsets: list[tuple[str, ...]]) -> dict[str, Map]:
    """{mixture of experts: its map of subsets to experts}, means over the samples; strategies without experts are left out."""
    found: dict[str, Map] = {}
    for name, model in models.items():
        for subset in subsets:
            shares = []
            for start in range(0, len(cache), BATCH):
                rows = torch.arange(start, min(start + BATCH, len(cache)))
                features = cache.features(rows, subset, with_tokens=model.strategy.fuses == "tokens")
                present = torch.tensor([[m in subset for m in model.strategy.modalities]]).expand(len(rows), -1)
                shown = model.strategy(features, present).experts
                if shown is None:
                    break
                shares.append(shown)
            if not shares:
                break
            found.setdefault(name, {})["+".join(subset)] = [round(s, 4) for s in torch.cat(shares).mean(0).tolist()]
    return found
