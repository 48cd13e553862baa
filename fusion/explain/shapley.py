"""What each modality contributes: exact Shapley values, leave-one-out, and how much of the value only coalitions have.

    Shapley value   phi_i = sum over S without i of  |S|! (M - |S| - 1)! / M!  * (v(S + i) - v(S))
    leave-one-out   v(all) - v(all - i)
    dividend        d(S) = sum over R in S of (-1)^(|S| - |R|) v(R), so that v(S) = v(none) + sum over non-empty R in S of d(R)
    interaction     sum of |d(S)| with |S| >= 2, over the sum of |d(S)| of all non-empty S; in [0, 1]

A game is any function of a set of players. It is asked once for each of the 2^M subsets, so nothing is sampled. Limits: a negative
dividend is redundancy, so several modalities that all say the same interact as well; and probabilities saturate, which alone makes
votes interact that are independent. On the scale "centred_log" an additive vote (late fusion) has an interaction share of 0.

Reference: Shapley 1953, A Value for n-Person Games; Harsanyi 1963 (dividends); Aitchison 1982 (centred log-ratios).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial

import numpy as np

from fusion.types import FusionError, Prediction

Value = Callable[[frozenset[str]], float]
MAX_PLAYERS = 12  # 4,096 subsets


def shapley_values(value: Value, players: Sequence[str]) -> dict[str, float]:
    """{player: Shapley value}; they sum to value(all) - value(none)."""
    v = _table(value, players)
    M = len(players)
    subsets = np.arange(2**M)
    size = _sizes(M)
    weight = np.array([factorial(s) * factorial(M - s - 1) / factorial(M) for s in range(M)])
    values = {}
    for i, player in enumerate(players):
        without = subsets[subsets & 1 << i == 0]
        gain = v[without | 1 << i] - v[without]
        values[player] = float((weight[size[without]] * gain).sum())
    return values


def leave_one_out(value: Value, players: Sequence[str]) -> dict[str, float]:
    """{player: what is lost when only that player is left out}."""
    _check(players)
    everyone = frozenset(players)
    full = value(everyone)
    return {p: float(full - value(everyone - {p})) for p in players}


def dividends(value: Value, players: Sequence[str]) -> dict[frozenset[str], float]:
    """{non-empty coalition: what it adds beyond all its parts}, positive for synergy, negative for redundancy."""
    found = _dividends(value, players)
    return {_coalition(players, s): float(found[s]) for s in range(1, len(found))}


def interaction_share(value: Value, players: Sequence[str]) -> float:
    """Share of the dividends that coalitions have: 0 for an additive or constant game, 1 for a product or XOR."""
    found = _dividends(value, players)
    sizes = np.abs(found[1:])
    total = sizes.sum()
    if total <= 1e-6 * abs(found[0]):  # rounding errors of a constant game
        return 0.0
    several = _sizes(len(players))[1:] > 1
    return float(sizes[several].sum() / total)


def value_of(prediction: Prediction, label: str | None = None, scale: str = "probability") -> Value:
    """The game of a prediction: what the model says of `label` (its answer, if None) when only some modalities are given.

    The players are the modalities that were given, `tuple(prediction.contributions)`. With none of them every label is as likely.

    Args:
        scale: "probability" in [0, 1], or "centred_log": log p minus its mean over labels, in nats, 0 with no modality.
    """
    labels = list(prediction.probs)
    name = prediction.label if label is None else label
    if name not in labels:
        raise FusionError("There is no label named {name!r}; there are {known}.", name=name, known=list(labels))
    if scale not in SCALES:
        raise FusionError("There is no scale named {scale!r}; there are {known}.", scale=scale, known=list(SCALES))
    index = labels.index(name)
    to_scale = SCALES[scale]
    uniform = np.full(len(labels), 1 / len(labels))
    known = {frozenset(names): float(to_scale(np.asarray(p, np.float64))[index]) for names, p in prediction.subsets.items()}
    known[frozenset()] = float(to_scale(uniform)[index])

    def value(given: frozenset[str]) -> float:
        if given not in known:
            raise FusionError("There is no prediction with {modalities} alone.", modalities=" and ".join(sorted(given)))
        return known[given]

    return value


def _centred_log(p: np.ndarray) -> np.ndarray:
    log = np.log(np.maximum(p, 1e-30))  # float32 may have rounded a probability to 0
    centred: np.ndarray = log - log.mean()
    return centred


SCALES: dict[str, Callable[[np.ndarray], np.ndarray]] = {"probability": lambda p: p, "centred_log": _centred_log}


def _check(players: Sequence[str]) -> None:
    if not players or len(set(players)) < len(players):
        raise FusionError("A game needs at least one player, and each player only once.")
    if len(players) > MAX_PLAYERS:
        raise FusionError("Exact Shapley values are for at most {most} players, not {count}.", most=MAX_PLAYERS, count=len(players))


def _table(value: Value, players: Sequence[str]) -> np.ndarray:
    """value of each subset (2^M,); bit i of the index says whether player i is in it."""
    _check(players)
    return np.array([value(_coalition(players, s)) for s in range(2 ** len(players))], np.float64)


def _coalition(players: Sequence[str], subset: int) -> frozenset[str]:
    """The players whose bit is set."""
    return frozenset(p for i, p in enumerate(players) if subset >> i & 1)


def _sizes(M: int) -> np.ndarray:
    """Number of players in each subset (2^M,)."""
    return np.array([s.bit_count() for s in range(2**M)])


def _dividends(value: Value, players: Sequence[str]) -> np.ndarray:
    """Moebius transform of the table, one player at a time; index 0 is value(none)."""
    found = _table(value, players)
    for i in range(len(players)):
        pairs = found.reshape(-1, 2, 1 << i)  # without and with player i; a view
        pairs[:, 1] -= pairs[:, 0]
    return found
