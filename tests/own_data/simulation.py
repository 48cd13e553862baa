"""Data whose answer is known, and how often the sentence about it is right.

    OMP_NUM_THREADS=1 python -m tests.own_data.simulation 100          all four; names after the number pick some

redundant   both modalities show the same noisy measurement of the label: fusion cannot help
unique      each modality shows another half of the label: fusion helps
xor         the label is the exclusive or of what the two show: fusion helps, and only strategies that combine
none        the label is a coin: nothing helps
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from fusion.own_data.bootstrap import Bootstrap
from fusion.own_data.compare import Comparison, names_for
from fusion.own_data.encoders.build import build_encoders
from fusion.own_data.encoding import encode_samples
from fusion.own_data.recipes import Recipe
from fusion.own_data.samples import Samples
from fusion.own_data.splits import make_plan
from fusion.own_data.targets import build_target
from fusion.own_data.verdict import Verdict, judge

COUNT, WIDTH, SEEDS = 500, 4, 3
RECIPE = Recipe(epochs=40, batch_size=128, lr=1e-2, dropout=0.1, patience=10)
HELPS = {"redundant": False, "unique": True, "xor": True, "none": False}


def make(kind: str, seed: int, count: int = COUNT) -> Samples:
    """Vectors `a` and `b` (4,) and labels."""
    rng = np.random.default_rng([seed, list(HELPS).index(kind)])
    bits = rng.integers(0, 2, (count, 2))
    shown = bits.astype(float)
    if kind == "redundant":
        shown = np.repeat(bits[:, :1] + rng.normal(0, 0.6, (count, 1)), 2, 1)
    labels = {
        "redundant": bits[:, 0],
        "unique": bits[:, 0] * 2 + bits[:, 1],
        "xor": bits[:, 0] ^ bits[:, 1],
        "none": rng.integers(0, 2, count),
    }[kind]
    mix = rng.normal(size=(2, WIDTH))
    noise = rng.normal(0, 0.05 if kind == "redundant" else 0.3, (2, count, WIDTH))
    vectors = [shown[:, m, None] * mix[m] + noise[m] for m in range(2)]
    media = {name: list(x.astype(np.float32)) for name, x in zip("ab", vectors, strict=True)}
    names = tuple(sorted({str(x) for x in labels}))
    rows = [f"row {i}" for i in range(count)]
    return Samples(kind, Path("."), rows, (), {"a": "vector", "b": "vector"}, media, [str(x) for x in labels], "class", names)


def verdict_of(samples: Samples, strategies: str = "early,late", seeds: int = SEEDS, recipe: Recipe = RECIPE) -> Verdict:
    """What is said of a data set."""
    encoders = build_encoders(samples, embed_dim=8)
    encoded = encode_samples(samples, encoders)
    target = build_target(samples.labels, samples.answer)
    comparison = Comparison(samples, encoders, encoded, make_plan(samples, seeds), target, 10.0, recipe)
    names = names_for(samples, strategies)
    results = comparison.run(names)
    chosen = {n: float(np.mean(results.val[n])) for n in names}
    return judge(results.scores, chosen, names[:2], {n: float(i) for i, n in enumerate(names)}, Bootstrap(results.tested))


def main(runs: int, kinds: list[str]) -> None:
    for kind in kinds or HELPS:
        right = [verdict_of(make(kind, seed)).helps == HELPS[kind] for seed in range(runs)]
        print(f"{kind:<10} right in {sum(right)} of {runs}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100, sys.argv[2:])
