"""Conflicts made up from a cache: who says what is known, and strategies whose answer is known are counted as they must be."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from fusion.evaluation.conflict import contradict, measure_conflict
from fusion.training.features import FeatureCache
from fusion.types import MODALITIES, Features

K = 6


@pytest.fixture
def cache() -> FeatureCache:
    """Pooled vectors and one token that name the label; some samples say nothing in some modality, and nobody ever names the last label."""
    rng = np.random.default_rng(0)
    label = torch.from_numpy(rng.integers(0, K - 1, 90))
    content = torch.where(torch.from_numpy(rng.random((90, 4)) < 0.8), label[:, None], -1)
    pooled = {m: F.one_hot(label, K).float() for m in MODALITIES}
    for i, m in enumerate(MODALITIES):
        pooled[m][content[:, i] < 0] = float("nan")  # whoever drew it would be found out
    starts = {m: torch.arange(91) for m in MODALITIES}
    return FeatureCache(MODALITIES, pooled, starts, pooled, label, content, {})


def votes(features: dict[str, Features], weight: dict[str, float]) -> torch.Tensor:
    return torch.stack([weight[m] * f.pooled for m, f in features.items()]).sum(0)


def model(answer, tokens: bool = False) -> SimpleNamespace:
    strategy = SimpleNamespace(modalities=MODALITIES, fuses="tokens" if tokens else "embeddings")
    return SimpleNamespace(strategy=strategy, fuse=lambda features, present: SimpleNamespace(logits=answer(features)))


def test_groups_say_the_same_and_differ_from_one_another(cache: FeatureCache) -> None:
    rows, says = contradict(cache, {"image": 0, "text": 1, "audio": 0, "video": 2}, 200, np.random.default_rng(1))
    assert (says["image"] == says["audio"]).all()
    for a, b in (("image", "text"), ("image", "video"), ("text", "video")):
        assert (says[a] != says[b]).all()
    for i, m in enumerate(MODALITIES):
        assert cache.content[rows[m], i].tolist() == says[m].tolist()
    assert len({*says["image"].tolist()}) == K - 1 and len({*rows["image"].tolist()}) > 30


def test_whom_it_believes(cache: FeatureCache) -> None:
    even = dict.fromkeys(MODALITIES, 1.0)
    models = {
        "votes": model(lambda f: votes(f, even | {"audio": 1.5}), tokens=True),
        "text": model(lambda f: votes(f, even | {"text": 10.0})),
        "stranger": model(lambda f: F.one_hot(torch.full((len(f["text"].pooled),), K - 1), K)),
    }
    found = measure_conflict(models, cache, seed=3, count=300)
    nobody = dict.fromkeys(MODALITIES, 0.0)
    assert found["votes"] == {"three": 1.0, "one": nobody, "each": nobody | {"audio": 1.0}, "nobody": 0.0, "samples": 300}
    assert found["text"] == {"three": 0.75, "one": nobody | {"text": 1.0}, "each": nobody | {"text": 1.0}, "nobody": 0.0, "samples": 300}
    assert found["stranger"] == {"three": 0.0, "one": nobody, "each": nobody, "nobody": 1.0, "samples": 300}
