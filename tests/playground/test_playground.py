"""The playground: its data sets, the bits about their labels, what strategies learn of them, and what may be set."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from fusion.playground.data import DATA_SETS, SIDES, draw, leave_out_one
from fusion.playground.encoding import TOKENS, WIDTH, encode
from fusion.playground.information import decompose, information
from fusion.playground.measure import CELLS, surfaces
from fusion.playground.session import MOST_STEPS, Session
from fusion.playground.setup import PLAYABLE, Setup
from fusion.playground.store import Store
from fusion.types import FusionError
from fusion.ui.pages.base import reply_to
from fusion.ui.pages.playground.page import Playground, known, payload, problem

COIN = np.array([[1, 0], [0, 1]]) / 2


def joint(rule: Any) -> np.ndarray:
    """p(s, x, y) of two fair coins x and y and a label that follows from them."""
    found = np.zeros((2, 2, 2))
    for x in (0, 1):
        for y in (0, 1):
            found[rule(x, y), x, y] = 1 / 4
    return found


def test_xor_is_synergy_and_nothing_else() -> None:
    assert decompose(joint(lambda x, y: x ^ y)) == pytest.approx((0, 0, 0, 1))


def test_a_copy_is_redundant_and_nothing_else() -> None:
    copy = np.zeros((2, 2, 2))
    copy[0, 0, 0] = copy[1, 1, 1] = 1 / 2
    assert decompose(copy) == pytest.approx((1, 0, 0, 0))


def test_what_one_side_alone_says_is_unique() -> None:
    assert decompose(joint(lambda x, y: x)) == pytest.approx((0, 1, 0, 0))
    assert decompose(joint(lambda x, y: y)) == pytest.approx((0, 0, 1, 0))


def test_and_has_the_bits_of_the_paper() -> None:
    """Williams and Beer 2010: 0.311 bits are redundant and 0.5 synergistic."""
    assert decompose(joint(lambda x, y: x & y)) == pytest.approx((0.311, 0, 0, 0.5), abs=5e-4)


def test_the_parts_add_up_to_the_mutual_information() -> None:
    p = np.random.default_rng(0).dirichlet(np.ones(24)).reshape(2, 3, 4)
    marginal = p.sum((1, 2), keepdims=True) * p.sum(0, keepdims=True)
    assert sum(decompose(p)) == pytest.approx(float((p * np.log2(p / marginal)).sum()))


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("redundant", "redundant"),
        ("unique", "unique_a"),
        ("additive", "synergistic"),
        ("xor", "synergistic"),
        ("spiral", "synergistic"),
        ("noisy", "unique_a"),
        ("missing", "redundant"),
    ],
)
def test_each_data_set_is_mostly_what_its_name_says(name: str, most: str) -> None:
    bits = information(name, 0.0)._asdict()
    assert max(bits, key=lambda part: bits[part]) == most
    assert min(bits.values()) >= 0 and sum(bits.values()) <= 1.001


def test_without_noise_xor_is_one_bit_of_synergy() -> None:
    assert information("xor", 0.0) == pytest.approx((0, 0, 0, 1), abs=0.005)
    assert information("unique", 0.0) == pytest.approx((0, 1, 0, 0), abs=0.005)


@pytest.mark.parametrize("name", DATA_SETS)
def test_samples_have_both_labels_and_at_least_one_side(name: str) -> None:
    samples = draw(name, 200, 0.1, np.random.default_rng(0))
    assert samples.values.shape == (200, 2) and np.abs(samples.values).max() <= 1
    assert set(samples.labels) == {0, 1} and samples.present.any(1).all()
    assert samples.present.all() == (name != "missing")


def test_modality_dropout_leaves_one_side() -> None:
    present = leave_out_one(np.ones((2000, 2), dtype=bool), 0.5, np.random.default_rng(0))
    assert present.any(1).all() and (~present).mean(0) == pytest.approx(0.25, abs=0.03)


def test_a_number_becomes_tokens_and_a_vector() -> None:
    features = encode(torch.tensor([-1.0, 0.0, 1.0]))
    assert features.tokens.shape == (3, TOKENS, WIDTH) and features.pooled.shape == (3, WIDTH)
    assert features.weights.sum(1).tolist() == pytest.approx([1, 1, 1])


def accuracies(setup: Setup, steps: int) -> dict[str, float]:
    session = Session(setup)
    session.train(steps=steps)
    return {learner.name: session.scores(learner)["test"].accuracy for learner in session.learners}


@pytest.mark.parametrize("seed", range(5))
def test_xor_is_learned_by_strategies_that_interact_and_not_by_late_fusion(seed: int) -> None:
    """A sum of what each side says gets three quadrants of four at most."""
    found = accuracies(Setup(data="xor", strategies=("late", "early", "gmu", "tensor", "cross_attention"), noise=0.0, seed=seed), 300)
    assert found.pop("late") < 0.77
    assert min(found.values()) > 0.92, found


def test_addition_is_learned_by_late_fusion() -> None:
    assert min(accuracies(Setup(data="additive", strategies=("late", "early"), noise=0.0), 200).values()) > 0.92


def test_the_same_seed_gives_the_same_training() -> None:
    setup = Setup(strategies=("gmu", "autoencoder", "dynamic"), modality_dropout=0.3, points=40)
    first, second = Session(setup), Session(setup)
    first.train(steps=12)
    torch.rand(3)  # random numbers that others draw in between
    for _ in range(4):
        second.train(steps=3)
        payload(second)
    assert payload(first) == payload(second)
    other = Session(Setup(strategies=setup.strategies, modality_dropout=0.3, points=40, seed=2))
    other.train(steps=12)
    assert payload(other) != payload(first)


def test_a_strategy_learns_the_same_whatever_stands_beside_it() -> None:
    alone, beside = Session(Setup(strategies=("early", "late"))), Session(Setup(strategies=("late", "gmu")))
    for session in (alone, beside):
        session.train(steps=3)
    assert payload(alone)["strategies"][1] == payload(beside)["strategies"][0]  # in screen order, "early" comes before "late"


@pytest.mark.parametrize("name", PLAYABLE)
@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_every_strategy_can_be_trained_and_shown(name: str, loss: str) -> None:
    session = Session(Setup(data="missing", strategies=(name,), loss=loss, optimizer="sgd", points=40, modality_dropout=0.2))
    session.train(steps=3)
    learner = session.learners[0]
    shown = surfaces(learner)
    assert not learner.diverged and session.steps == 3
    assert shown.probability.shape == (CELLS, CELLS) and shown.only["a"].shape == (CELLS,)
    assert all(values.min() >= 0 and values.max() <= 1.001 for values in (shown.probability, *shown.only.values(), *shown.focus.values()))
    json.dumps(payload(session), allow_nan=False)


def test_surfaces_have_x_along_a_row() -> None:
    session = Session(Setup(data="unique", strategies=("late", "early"), noise=0.0))
    session.train(steps=150)
    shown = surfaces(session.learners[0])
    assert shown.probability[:, -1].min() > 0.8 and shown.probability[:, 0].max() < 0.2  # the label is the sign of x
    assert shown.only["a"][-1] > 0.8 and abs(shown.only["b"] - 0.5).max() < 0.4


def test_a_training_that_diverges_ends() -> None:
    session = Session(Setup(strategies=("early", "late"), points=20))
    for learner in session.learners:
        for weights in learner.fuser.parameters():
            weights.data.fill_(math.nan)
    session.train(steps=5)
    said = payload(session)
    assert said["done"] and all(row["diverged"] and row["scores"]["test"]["loss"] is None for row in said["strategies"])


def test_a_training_ends_by_itself() -> None:
    session = Session(Setup(strategies=("late", "early"), points=20))
    session.steps = MOST_STEPS - 1
    session.train(steps=10)
    assert session.done and session.steps == MOST_STEPS


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"learning_rate": 7}, "The learning rate must be between 0.0001 and 1."),
        ({"learning_rate": math.nan}, "The learning rate must be a number."),
        ({"noise": "much"}, "The noise must be a number."),
        ({"points": 20.5}, "The number of points must be a whole number."),
        ({"points": True}, "The number of points must be a number."),
        ({"seed": 10**400}, "The seed must be between 0 and 9999."),
        ({"batch_size": 0}, "The batch size must be between 1 and 256."),
        ({"data": "moons"}, f"The data set must be one of {', '.join(DATA_SETS)}."),
        ({"data": ["xor"]}, f"The data set must be one of {', '.join(DATA_SETS)}."),
        ({"optimizer": None}, "The optimizer must be one of adam, sgd."),
        ({"strategies": ["late"]}, "Choose two to six strategies."),
        ({"strategies": "late"}, "Choose two to six strategies."),
        ({"strategies": list(PLAYABLE[:7])}, "Choose two to six strategies."),
        ({"strategies": ["late", {}]}, f"A strategy of the playground must be one of {', '.join(PLAYABLE)}."),
    ],
)
def test_a_bad_value_is_one_sentence(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(FusionError) as raised:
        Setup.read(given)
    assert str(raised.value) == sentence
    said = json.loads(reply_to(lambda asked: Playground().answer({"setup": given}, "me"), {"number": 3}))
    assert said["number"] == 3 and set(said["error"]) == {"text"}


def test_what_is_known_is_what_can_be_set() -> None:
    assert Setup.read(known()["setup"]) == Setup() == Setup.read({})
    assert [row["name"] for row in known()["strategies"]] == list(PLAYABLE)


def test_a_store_keeps_each_visitor_apart_and_not_too_many() -> None:
    store, setup = Store(most=2, seconds=30), Setup(strategies=("late", "early"), points=20)

    def steps(owner: str, restart: bool = False, count: int = 2, chosen: Setup = setup) -> int:
        return store.advance(owner, chosen, restart, count, lambda session: session.steps)

    assert (steps("a"), steps("a"), steps("b")) == (2, 4, 2)
    assert steps("a", restart=True) == 2 and steps("a", count=0) == 2
    assert steps("a", chosen=Setup(strategies=("late", "early"), points=30)) == 2
    assert steps("c") == 2 and len(store) == 2
    assert steps("b") == 2  # it was dropped and began anew


def test_an_answer_has_what_is_drawn() -> None:
    playground, setup = Playground(), {"strategies": ["late", "cross_attention"], "points": 20}
    first = playground.answer({"setup": setup, "restart": True}, "me")
    assert first["step"] == 0 and len(first["points"]["values"]) == 20 and set(first["bits"]) == set(problem(Setup())["bits"])
    later = playground.answer({"setup": json.dumps(setup), "steps": 1}, "me")
    assert later["step"] == 1 and "points" not in later
    late, cross = later["strategies"]
    assert late["weight"] and not late["focus"] and cross["weight"] is None and set(cross["focus"]) == {"a>b", "b>a"}
    assert set(late["only"]) == set(SIDES) and len(json.dumps(later)) < 20000
