"""Trains all strategies and every modality alone with several seeds, within the time that was announced."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from fusion.messages import Message, message
from fusion.own_data.encoders.base import OwnEncoder
from fusion.own_data.encoding import Encoded
from fusion.own_data.fold_features import FoldFeatures, project
from fusion.own_data.recipes import Recipe, recipe_for
from fusion.own_data.results import Results, subsets_of
from fusion.own_data.samples import Samples
from fusion.own_data.splits import Fold, Plan
from fusion.own_data.targets import Target
from fusion.own_data.training import TrainingData, answers, check, strategy_config, train_model
from fusion.strategies import STRATEGIES
from fusion.types import FusionError

FEWEST_SEEDS = 3  # of a strategy that is compared
ONE_LABEL = ("evidential",)  # strategies whose loss knows one class per sample only
TRIAL_EPOCHS = 1  # after which the time is estimated
SUBSETS_UP_TO = 4  # modalities


@dataclass(frozen=True)
class Progress:
    """What is being trained, and how far everything is: `share` in [0, 1]."""

    what: str
    share: float


OnProgress = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """For those who do not ask how far it is."""


def names_for(samples: Samples, wanted: str = "all") -> list[str]:
    """Single modalities first, then strategies: the cheap ones before those that read tokens.

    Raises:
        FusionError: an unknown strategy, in one sentence.
    """
    singles = [f"{m}_only" for m in samples.kinds]
    if len(samples.kinds) < 2:
        return singles
    several = samples.answer == "labels"
    every = sorted((n for n in STRATEGIES if not (several and n in ONE_LABEL)), key=lambda n: STRATEGIES[n].fuses == "tokens")
    names = every if wanted == "all" else [n for n in wanted.split(",") if n not in singles]
    if strays := [n for n in names if n not in STRATEGIES]:
        raise FusionError("There is no strategy named {name!r}; there are {known}.", name=strays[0], known=every)
    return [*singles, *names]


class Comparison:
    """Everything that is trained for one data set."""

    def __init__(
        self,
        samples: Samples,
        encoders: Mapping[str, OwnEncoder[Any]],
        encoded: Encoded,
        plan: Plan,
        target: Target,
        minutes: float,
        recipe: Recipe | None = None,
    ) -> None:
        self.samples, self.encoders, self.encoded, self.plan, self.target = samples, encoders, encoded, plan, target
        self.labels = target.encode(samples.labels)
        self.seconds = 60 * minutes
        tested = np.zeros((len(plan.folds), len(samples)), bool)
        for seed, fold in enumerate(plan.folds):
            tested[seed, fold.test] = True
        self.results = Results(tested)
        self.recipe = recipe or recipe_for(len(plan.folds[0].train))
        self.notes: list[Message] = []
        self._features: tuple[int, FoldFeatures] | None = None

    @property
    def folds(self) -> tuple[Fold, ...]:
        return self.plan.folds

    def features(self, seed: int) -> FoldFeatures:
        """Features with projections fitted to the training samples of a fold; those of the last fold are kept."""
        fold = self.folds[seed].train
        if self._features is None or not np.array_equal(self.folds[self._features[0]].train, fold):
            self._features = seed, project(self.encoders, self.encoded, fold)
        return self._features[1]

    def announce(self, names: list[str]) -> float:
        """Minutes that everything takes at full length, from a trial of two strategies for one epoch."""
        start = time.monotonic()
        features = self.features(0)
        fold = self.folds[0]
        costs = {}
        for kind in ("embeddings", "tokens"):
            mine = [n for n in names if (n in STRATEGIES and STRATEGIES[n].fuses == "tokens") == (kind == "tokens")]
            if mine:
                before = time.monotonic()
                self._train(mine[-1], features, fold, 0, replace(self.recipe, epochs=TRIAL_EPOCHS))
                costs[kind] = (time.monotonic() - before) * len(mine)
        epochs = 0.7 * self.recipe.epochs  # early stopping
        return (sum(costs.values()) * epochs * len(self.folds) + 3 * len(self.folds) + time.monotonic() - start) / 60

    def run(self, names: list[str], on_progress: OnProgress = ignore) -> Results:
        """Trains by seed: all strategies with the first seed, then all with the next, until the time is over.

        With the first seed it shows which strategies there is no time for, three seeds and the final training counted: they are left out,
        those that read tokens first, as they come last. Single modalities and late fusion are always compared.
        """
        needed = min(FEWEST_SEEDS, len(self.folds))
        left_out: list[str] = []
        begun = time.monotonic()
        for seed in range(len(self.folds)):
            spent = time.monotonic() - begun
            if seed >= needed and spent * (seed + 2) / seed > self.seconds:
                break
            features = self.features(seed)
            for i, name in enumerate(names):
                if seed == 0 and name in STRATEGIES and name != "late" and (time.monotonic() - begun) * (needed + 1) > self.seconds:
                    left_out.append(name)
                if name not in left_out:
                    self._one(name, features, seed)
                    on_progress(Progress(name, (seed * len(names) + i + 1) / (len(names) * len(self.folds))))
        if left_out:
            self.notes.append(message("Left out, as the time was too short: {names}.", names=left_out))
        return self.trimmed()

    def trimmed(self) -> Results:
        """The results with the seeds that all have."""
        seeds = min(len(each) for each in self.results.val.values())
        if seeds < len(self.folds):
            self.notes.append(message("The time was enough for {count} of {total} seeds.", count=seeds, total=len(self.folds)))
        found = self.results
        return Results(
            found.tested[:seeds],
            {n: x[:seeds] for n, x in found.scores.items()},
            {n: x[:seeds] for n, x in found.probs.items()},
            {n: x[:seeds] for n, x in found.val.items()},
            {n: x[:seeds] for n, x in found.epochs.items()},
            found.seconds,
            {n: {s: x[:seeds] for s, x in each.items()} for n, each in found.subsets.items()},
        )

    def _one(self, name: str, features: FoldFeatures, seed: int) -> None:
        before = time.monotonic()
        fold = self.folds[seed]
        model, epoch = self._train(name, features, fold, seed, self.recipe)
        probs = answers(model, features, self.target, fold.test)
        scores = self.target.scores(probs, self.labels[fold.test])
        self.results.put(name, seed, fold.test, scores.numpy(), probs.numpy())
        self.results.val.setdefault(name, []).append(check(model, features, self.target, self.labels, fold.val)[1])
        self.results.epochs.setdefault(name, []).append(epoch)
        modalities = model.strategy.modalities
        if 1 < len(modalities) <= SUBSETS_UP_TO:
            self._subsets(name, model, features, seed, scores)
        self.results.seconds.setdefault(name, []).append(time.monotonic() - before)

    def _subsets(self, name: str, model: Any, features: FoldFeatures, seed: int, scores: torch.Tensor) -> None:
        rows = self.folds[seed].test
        kept = self.results.subsets.setdefault(name, {})
        for subset in subsets_of(model.strategy.modalities):
            found = scores
            if len(subset) < len(model.strategy.modalities):
                found = self.target.scores(answers(model, features, self.target, rows, subset), self.labels[rows])
            kept.setdefault("+".join(subset), np.zeros(self.results.tested.shape, np.float32))[seed, rows] = found.numpy()

    def _train(self, name: str, features: FoldFeatures, fold: Fold, seed: int, recipe: Recipe) -> tuple[Any, int]:
        width = next(iter(self.encoders.values())).embed_dim
        config = strategy_config(name, self.samples.name, self.samples.kinds, self.target, width)
        data = TrainingData(features, self.target, self.labels)
        return train_model(config, data, fold.train, fold.val, recipe, seed)
