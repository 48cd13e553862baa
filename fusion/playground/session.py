"""A training that a visitor watches: two to six strategies on the same batches, a few steps at a time.

session = Session(Setup(data="xor"))
session.train(seconds=0.1)                 at least one step of each strategy; all make equally many
session.learners[0], session.steps         see `measure.py` for what is shown of them
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fusion.playground.data import Samples, draw, leave_out_one
from fusion.playground.encoding import encode_sides, rows_of
from fusion.playground.measure import Score, score
from fusion.playground.model import Learner
from fusion.playground.setup import Setup
from fusion.types import Features

MOST_STEPS = 3000  # after which a training ends by itself
TEST_POINTS = 400


@dataclass(frozen=True)
class Encoded:
    """Samples as the strategies read them."""

    features: dict[str, Features]
    present: Tensor  # (N, 2) bool
    labels: Tensor  # (N,)

    @classmethod
    def of(cls, samples: Samples) -> Encoded:
        return cls(encode_sides(torch.from_numpy(samples.values)), torch.from_numpy(samples.present), torch.from_numpy(samples.labels))


def training_points(setup: Setup) -> Samples:
    """The samples that the strategies are trained on."""
    return draw(setup.data, setup.points, setup.noise, np.random.default_rng([setup.seed, 0]))


class Session:
    """Depends on nothing but its setup and the number of steps. Not for several threads at once."""

    def __init__(self, setup: Setup) -> None:
        self.setup, self.steps = setup, 0
        self.points = training_points(setup)
        self._train = Encoded.of(self.points)
        self._test = Encoded.of(draw(setup.data, TEST_POINTS, setup.noise, np.random.default_rng([setup.seed, 1])))
        self._rng = np.random.default_rng([setup.seed, 2])
        self._order: list[np.ndarray] = []  # batches that are left of the epoch
        self._epoch = -1
        self._torch_state = torch.Generator().manual_seed(setup.seed).get_state()
        self.learners: list[Learner] = []
        for name in setup.strategies:
            with self._own_random_numbers():  # the same start, whichever strategies stand beside it
                torch.manual_seed(setup.seed)
                self.learners.append(Learner(name, setup))

    @property
    def done(self) -> bool:
        return self.steps >= MOST_STEPS or all(learner.diverged for learner in self.learners)

    def train(self, seconds: float = 0.0, steps: int = MOST_STEPS) -> None:
        """Up to `steps` steps of every strategy, for as long as `seconds`; at least one unless the training is done."""
        begin = time.monotonic()
        with self._own_random_numbers():
            for made in range(steps):
                if self.done or made and seconds and time.monotonic() - begin > seconds:
                    return
                self._step()

    def _step(self) -> None:
        rows = self._next_batch()
        index = torch.from_numpy(rows)
        present = leave_out_one(self.points.present[rows], self.setup.modality_dropout, self._rng)
        features, labels = rows_of(self._train.features, index), self._train.labels[index]
        for learner in self.learners:
            learner.step(features, torch.from_numpy(present), labels, index, self._epoch)
        self.steps += 1

    def _next_batch(self) -> np.ndarray:
        """Rows of the training set; each is seen once in an epoch."""
        if not self._order:
            size = min(self.setup.batch_size, self.setup.points)
            order = self._rng.permutation(self.setup.points)
            self._order = [order[i : i + size] for i in range(0, len(order) - size + 1, size)]
            self._epoch += 1
        return self._order.pop(0)

    @contextmanager
    def _own_random_numbers(self) -> Iterator[None]:
        """Strategies that draw random numbers draw this session's, whatever else draws some."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._torch_state)
            yield
            self._torch_state = torch.get_rng_state()

    def scores(self, learner: Learner) -> dict[str, Score]:
        """{"train", "test": score}."""
        parts = {"train": self._train, "test": self._test}
        return {part: score(learner, e.features, e.present, e.labels) for part, e in parts.items()}
