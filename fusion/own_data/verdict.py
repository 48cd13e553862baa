"""The answer in one sentence: does fusion help, and which strategy to take.

"Fusion helps" is said of one strategy, the best on the validation samples, and only where it is better than every single modality, each at
the level of 5 %: this needs no correction for the number of strategies, which is what the choice on other samples is for. The table beside
it compares all strategies, corrected by Holm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusion.messages import Message, message
from fusion.own_data.bootstrap import LEVEL, Bootstrap, Difference


@dataclass(frozen=True)
class Verdict:
    """What is said of a comparison.

    helps        whether the chosen strategy is better than every single modality
    strategy     the best strategy on the validation samples; single: the best modality alone on the same
    sentence     for people
    difference   of the two on the test samples, the least of all single modalities where it helps
    recommended  the cheapest strategy that is not shown to be worse than the best
    """

    helps: bool
    strategy: str
    single: str
    sentence: Message
    difference: Difference
    recommended: str

    def to_json(self) -> dict[str, object]:
        return {
            "helps": self.helps,
            "strategy": self.strategy,
            "single": self.single,
            "sentence": str(self.sentence),
            "difference": self.difference.to_json(),
            "recommended": self.recommended,
        }


def judge(
    scores: Mapping[str, np.ndarray],
    chosen: Mapping[str, float],
    singles: Sequence[str],
    cost: Mapping[str, float],
    draws: Bootstrap,
    points: bool = True,
) -> Verdict:
    """The verdict on a comparison.

    Args:
        scores: {strategy or single modality: (S, N) score of each test sample}, larger is better.
        chosen: {the same: mean score on the validation samples}, which picks the strategy that the sentence is about.
        singles: those of them that are one modality alone.
        cost: {the same: what one answer costs}, in any unit.
        points: whether scores are shares, told in percentage points; else in the unit of the label.
    """
    fused = [name for name in scores if name not in singles]
    single = max(singles, key=lambda name: chosen[name])
    if not fused:
        alone = draws.difference(scores[single], scores[single])
        said = message("There is one modality, so nothing can be fused.")
        return Verdict(False, "", single, said, alone, single)
    strategy = max(fused, key=lambda name: chosen[name])
    against = {name: draws.difference(scores[strategy], scores[name]) for name in singles}
    helps = all(d.p < LEVEL and d.mean > 0 for d in against.values())
    if helps:
        single = min(against, key=lambda name: against[name].mean)
    found = against[single]
    hurts = found.p < LEVEL and found.mean < 0
    return Verdict(
        helps, strategy, single, sentence(helps, hurts, found, single, points), found, recommend({n: scores[n] for n in fused}, cost, draws)
    )


def sentence(helps: bool, hurts: bool, found: Difference, single: str, points: bool) -> Message:
    factor = 100.0 if points else 1.0
    alone = single.removesuffix("_only")
    values = {"mean": found.mean * factor, "low": found.low * factor, "high": found.high * factor, "alone": alone}
    if helps:
        return message("Fusion helps: {mean:+.1f} ({low:.1f} to {high:.1f}) over {alone} alone.", **values)
    if hurts:
        return message("Fusion is worse: {mean:+.1f} ({low:.1f} to {high:.1f}) against {alone} alone.", **values)
    return message("No difference shown: {mean:+.1f} ({low:.1f} to {high:.1f}) against {alone} alone.", **values)


def recommend(scores: Mapping[str, np.ndarray], cost: Mapping[str, float], draws: Bootstrap) -> str:
    """The cheapest that is not shown to be worse than the best, each at the level of 5 %."""
    best = max(scores, key=lambda name: draws.mean(scores[name]))
    others = {name: draws.difference(scores[name], scores[best]) for name in scores if name != best}
    candidates = [best, *(name for name, found in others.items() if found.p >= LEVEL)]
    return min(candidates, key=lambda name: cost[name])
