"""The axioms of Shapley on random games, the mean over all orders as a reference, and interaction in games whose share is known."""

from itertools import chain, combinations, permutations

import numpy as np
import pytest

from fusion.explain import dividends, interaction_share, leave_one_out, shapley_values, value_of
from fusion.types import FusionError, Prediction

PLAYERS = ("image", "text", "audio", "video")


def subsets_of(players: tuple[str, ...]) -> list[frozenset[str]]:
    return [frozenset(c) for c in chain.from_iterable(combinations(players, n) for n in range(len(players) + 1))]


def random_game(seed: int, players: tuple[str, ...] = PLAYERS) -> dict[frozenset[str], float]:
    rng = np.random.default_rng(seed)
    return {s: float(rng.normal()) for s in subsets_of(players)}


@pytest.mark.parametrize("seed", range(5))
def test_mean_over_all_orders(seed: int) -> None:
    v, total = random_game(seed), dict.fromkeys(PLAYERS, 0.0)
    for order in permutations(PLAYERS):
        for i, p in enumerate(order):
            total[p] += v[frozenset(order[: i + 1])] - v[frozenset(order[:i])]
    assert shapley_values(v.__getitem__, PLAYERS) == pytest.approx({p: t / 24 for p, t in total.items()})


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_efficiency(seed: int, count: int) -> None:
    players = PLAYERS[:count]
    v = random_game(seed, players)
    assert sum(shapley_values(v.__getitem__, players).values()) == pytest.approx(v[frozenset(players)] - v[frozenset()])


@pytest.mark.parametrize("seed", range(5))
def test_a_dummy_gets_what_it_brings_alone(seed: int) -> None:
    v = random_game(seed, PLAYERS[:3])
    assert shapley_values(lambda s: v[s - {"video"}], PLAYERS)["video"] == pytest.approx(0, abs=1e-12)
    assert shapley_values(lambda s: v[s - {"video"}] + 0.7 * ("video" in s), PLAYERS)["video"] == pytest.approx(0.7)
    assert leave_one_out(lambda s: v[s - {"video"}], PLAYERS)["video"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_symmetric_players_get_equal_shares(seed: int) -> None:
    v, rng = random_game(seed, PLAYERS[:2]), np.random.default_rng(seed)
    either, both = rng.normal(size=2)

    def value(s: frozenset[str]) -> float:
        return v[s - {"audio", "video"}] + (0.0, either, both)[len(s & {"audio", "video"})] * (1 + ("image" in s))

    phi = shapley_values(value, PLAYERS)
    assert phi["audio"] == pytest.approx(phi["video"]) and phi["audio"] != pytest.approx(phi["image"])


@pytest.mark.parametrize("seed", range(5))
def test_linearity(seed: int) -> None:
    a, b = random_game(seed), random_game(seed + 100)
    one, two = shapley_values(a.__getitem__, PLAYERS), shapley_values(b.__getitem__, PLAYERS)
    both = shapley_values(lambda s: 2 * a[s] - 3 * b[s], PLAYERS)
    assert both == pytest.approx({p: 2 * one[p] - 3 * two[p] for p in PLAYERS})


@pytest.mark.parametrize("seed", range(5))
def test_dividends_rebuild_the_game_and_split_evenly(seed: int) -> None:
    v = random_game(seed)
    d = dividends(v.__getitem__, PLAYERS)
    assert len(d) == 15
    for s in subsets_of(PLAYERS):
        assert v[s] == pytest.approx(v[frozenset()] + sum(x for r, x in d.items() if r <= s))
    shares = {p: sum(x / len(r) for r, x in d.items() if p in r) for p in PLAYERS}
    assert shapley_values(v.__getitem__, PLAYERS) == pytest.approx(shares)


def test_interaction_share_of_known_games() -> None:
    worth = dict(zip(PLAYERS, (0.3, -0.2, 0.1, 0.0), strict=True))
    assert interaction_share(lambda s: 0.1 + sum(worth[p] for p in s), PLAYERS) == pytest.approx(0, abs=1e-12)
    assert interaction_share(lambda s: float({"image", "audio"} <= s), PLAYERS) == 1, "a product: neither alone says anything"
    assert interaction_share(lambda s: 0.1 + 1e-9 * len(s), PLAYERS) == 0, "nothing happens"
    assert interaction_share(lambda s: 0.0, PLAYERS) == 0
    assert interaction_share(lambda s: float(bool(s)), PLAYERS[:2]) == pytest.approx(1 / 3), "two that say the same: 1, 1, -1"
    assert all(0 <= interaction_share(random_game(seed).__getitem__, PLAYERS) <= 1 for seed in range(20))


def test_leave_one_out_is_the_last_marginal() -> None:
    v = random_game(0)
    everyone = frozenset(PLAYERS)
    assert leave_one_out(v.__getitem__, PLAYERS) == {p: v[everyone] - v[everyone - {p}] for p in PLAYERS}


def predicted(subsets: dict[tuple[str, ...], np.ndarray]) -> Prediction:
    whole = subsets[max(subsets, key=len)]
    probs = dict(zip("abc", whole.tolist(), strict=True))
    return Prediction(max(probs, key=probs.get), probs, None, dict.fromkeys(max(subsets, key=len), 0.0), None, {}, {}, None, 0.0, subsets)


def test_value_of_a_prediction() -> None:
    p = predicted(
        {("image",): np.array([0.2, 0.5, 0.3]), ("text",): np.array([0.1, 0.1, 0.8]), ("image", "text"): np.array([0.1, 0.3, 0.6])}
    )
    value, b = value_of(p), value_of(p, "b")
    assert [value(frozenset(s)) for s in ((), ("image",), ("text", "image"))] == pytest.approx([1 / 3, 0.3, 0.6])
    assert b(frozenset({"image"})) == 0.5
    log = value_of(p, "b", "centred_log")
    assert log(frozenset()) == 0 and log(frozenset({"text"})) == pytest.approx(np.log(0.1) - np.log([0.1, 0.1, 0.8]).mean())
    with pytest.raises(FusionError, match="no prediction with audio alone"):
        value(frozenset({"audio"}))
    with pytest.raises(FusionError, match="no label named 'd'"):
        value_of(p, "d")
    with pytest.raises(FusionError, match="no scale named 'percent'"):
        value_of(p, scale="percent")


def test_a_product_of_votes_is_additive_on_the_log_scale() -> None:
    votes = dict(zip(PLAYERS[:3], np.random.default_rng(0).dirichlet(np.ones(3), 3), strict=True))
    together = {tuple(p for p in PLAYERS if p in s): np.prod([votes[p] for p in s], 0) for s in subsets_of(PLAYERS[:3]) if s}
    p = predicted({s: x / x.sum() for s, x in together.items()})
    assert interaction_share(value_of(p, scale="centred_log"), PLAYERS[:3]) == pytest.approx(0, abs=1e-9)
    assert interaction_share(value_of(p), PLAYERS[:3]) > 0.1


@pytest.mark.parametrize("explain", [shapley_values, leave_one_out, dividends, interaction_share])
@pytest.mark.parametrize(("players", "words"), [((), "at least one"), (("a", "a"), "only once"), (tuple("abcdefghijklm"), "at most 12")])
def test_bad_players(explain, players: tuple[str, ...], words: str) -> None:
    with pytest.raises(FusionError, match=words):
        explain(lambda s: 0.0, players)
