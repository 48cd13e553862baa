"""The tab `playground`: strategies are trained on a problem of two numbers, a few steps for each request of the browser.

The browser asks {"setup", "restart", "steps"} as long as a visitor lets it run; see `fusion.playground`. It asks apart from the inputs of
the Fuse page, in a line of its own, which no answer about them has to wait for.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import gradio as gr
import numpy as np

from fusion.playground.data import DATA_SETS
from fusion.playground.information import information
from fusion.playground.measure import CELLS, surfaces
from fusion.playground.model import Learner
from fusion.playground.session import MOST_STEPS, Session, training_points
from fusion.playground.setup import FEWEST, LOSSES, MOST, OPTIMIZERS, PLAYABLE, RANGES, Setup
from fusion.playground.store import Store
from fusion.strategies import STRATEGIES
from fusion.ui.component import view
from fusion.ui.events import PLAYGROUND
from fusion.ui.pages.base import Page, reply_to
from fusion.ui.serialize import to_json
from fusion.ui.state import from_browser

decomposed = lru_cache(64)(information)


class Tab(Page):
    """One component, which asks for nothing until the page is opened."""

    title = "Playground"

    def layout(self) -> None:
        self.view = view("playground", known=to_json(known()))

    def wire(self) -> None:
        playground = Playground()

        def answered(question: Any, request: gr.Request) -> str:
            return reply_to(lambda asked: playground.answer(asked, str(request.session_hash)), question)

        self.view.input(answered, self.view, self.view, trigger_mode="multiple", **PLAYGROUND)


class Playground:
    """Answers what the page asks."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store or Store()

    def answer(self, question: Mapping[str, Any], owner: str) -> dict[str, Any]:
        """Trains a little and says how things stand, see `payload`.

        Args:
            question: {"setup": see `Setup`, "steps": at most so many, "restart": begin anew}; steps are 0 where none are named.
            owner: the visitor's session.

        Raises:
            FusionError: a setting has a value that it may not have.
        """
        setup = Setup.read(from_browser(question.get("setup")))
        steps, restart = question.get("steps"), question.get("restart") is True
        most = min(MOST_STEPS, max(0, steps)) if isinstance(steps, int) else 0
        shown = self.store.advance(owner, setup, restart, most, payload)
        return shown | problem(setup) if restart else shown


def known() -> dict[str, Any]:
    """What can be set, and what is set first."""
    default = Setup()
    ranges = {key: {"low": r.low, "high": r.high, "whole": r.whole} for key, r in RANGES.items()}
    strategies = [{"name": name, "title": STRATEGIES[name].title} for name in PLAYABLE]
    return {
        "setup": {key: getattr(default, key) for key in default.__dataclass_fields__},
        "data": list(DATA_SETS),
        "strategies": strategies,
        "ranges": ranges,
        "optimizers": OPTIMIZERS,
        "losses": LOSSES,
        "fewest": FEWEST,
        "most": MOST,
        "cells": CELLS,
        "mostSteps": MOST_STEPS,
    }


def payload(session: Session) -> dict[str, Any]:
    """{"step", "done", "strategies": see `row`}."""
    return {"step": session.steps, "done": session.done, "strategies": [row(session, learner) for learner in session.learners]}


def row(session: Session, learner: Learner) -> dict[str, Any]:
    """One strategy: its scores, and its surfaces as bytes (see `probabilities`), row by row from the lowest y."""
    shown, scores = surfaces(learner), session.scores(learner)
    focus = {f"{query}>{key}": probabilities(values) for (query, key), values in shown.focus.items()}
    return {
        "name": learner.name,
        "parameters": learner.parameters,
        "diverged": learner.diverged,
        "scores": {part: {"loss": score.loss, "accuracy": score.accuracy} for part, score in scores.items()},
        "surface": probabilities(shown.probability),
        "only": {side: probabilities(values) for side, values in shown.only.items()},
        "weight": None if shown.weight is None else probabilities(shown.weight),
        "focus": focus,
    }


def problem(setup: Setup) -> dict[str, Any]:
    """The points and the bits of a setup, which stay the same during a training."""
    points = training_points(setup)
    rows = [[round(float(x), 3), round(float(y), 3)] for x, y in points.values]
    shown = {"values": rows, "labels": points.labels.tolist(), "present": points.present.astype(int).tolist()}
    return {"points": shown, "bits": decomposed(setup.data, setup.noise)._asdict()}


def probabilities(values: np.ndarray) -> str:
    """Numbers in [0, 1] as bytes in base64."""
    return base64.b64encode((np.nan_to_num(values).clip(0, 1) * 255).round().astype(np.uint8).tobytes()).decode()
