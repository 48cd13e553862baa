"""`python -m fusion train`: encoders with their unimodal baselines, then strategies on the features of the finished encoders.

    python -m fusion train --task digits --strategy image_only --data DIR      encoder and linear head of one modality
    python -m fusion train --task digits --strategy image_vit --data DIR       another encoder of a modality, by name, and its head
    python -m fusion train --task digits-find --strategy detection --data DIR  the picture encoder of a task that asks where
    python -m fusion train --task digits --strategy finder --data DIR          what finds small handwriting, put into the picture encoder
    python -m fusion train --task digits --strategy pages --data DIR           the picture encoder further, on photographs of pages
    python -m fusion train --task scenes --strategy image_only --data DIR      what lies on a distilled trunk (`fusion.distill`)
    python -m fusion train --task digits --strategy dynamic --data DIR         a strategy on frozen encoders

An encoder sees fresh samples in every epoch (`fusion.training.encoder`). A strategy, and a baseline of a task that has no encoders of its
own, reads a cache of features, made once from samples of all severities (`fusion.training.strategy`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fusion.config import CHECKPOINTS, TrainConfig
from fusion.encoders import ENCODERS, TrunkEncoder
from fusion.strategies import STRATEGIES
from fusion.tasks import Task, find_task
from fusion.training.consistency import RECIPE as CONSISTENT_RECIPE
from fusion.training.detection_pretraining import RECIPE as DETECTION_RECIPE
from fusion.training.detection_pretraining import train_detection_encoder
from fusion.training.encoder import EncoderRun, encoder_recipe, train_encoder, trained_encoder
from fusion.training.features import FeatureCache, fill_cache
from fusion.training.frozen_trunk import RECIPE as READING_RECIPE
from fusion.training.handwriting import Handwriting
from fusion.training.ink_finder import RECIPE as FINDER_RECIPE
from fusion.training.joint import RECIPE as JOINT_RECIPE
from fusion.training.joint import train_jointly
from fusion.training.loop import StepResult
from fusion.training.options import TrainOptions
from fusion.training.progress import report
from fusion.training.strategy import strategy_recipe, train_strategy
from fusion.training.twins import RECIPE as PAGES_RECIPE
from fusion.types import FusionError

DETECTION = "detection"  # stands for the picture encoder of a task that asks where
FINDER = "finder"  # stands for what finds small handwriting
PAGES = "pages"  # stands for a further training of the picture encoder on photographs of pages


def run(task: str, names: str, options: TrainOptions) -> None:
    """Trains what is named, one after the other, with progress on stderr.

    Args:
        names: "all" strategies; or strategies, baselines ("image_only"), encoders, "detection", "finder", "pages", with commas between.

    Raises:
        FusionError: something that is named cannot be trained, in one sentence.
    """
    trainer = Trainer(find_task(task), options)
    for name in STRATEGIES if names == "all" else names.split(","):
        report(trainer.steps(name), name)


class Trainer:
    """Trains by name for one task; features for strategies are computed once."""

    def __init__(self, task: Task, options: TrainOptions) -> None:
        self.task = task
        self.options = options
        self.out = options.out or CHECKPOINTS / task.name
        self._cache: FeatureCache | None = None

    def steps(self, name: str) -> Iterator[StepResult]:
        """The steps of training what a name stands for."""
        where = self.task.heads.localization
        if name == DETECTION and where:
            return self._detection()
        if name in (FINDER, PAGES) and self.task.close_up:
            return self._handwriting(name)
        encoder = trained_encoder(self.task, name)
        if encoder and not (where and encoder[0] == where.image):  # that encoder is trained by detection, its baseline on features
            return self._encoder(*encoder)
        baselines = [f"{m}_only" for m in self.task.modalities]
        if name in STRATEGIES or name in baselines:
            return self._strategy(name)
        raise FusionError(f"There is no strategy named {name!r}; there are {', '.join([*STRATEGIES, *baselines])}.")

    def _detection(self) -> Iterator[StepResult]:
        config = self.options.changes.of(DETECTION_RECIPE)
        start = detection_start(self.task, self.out.parent)
        return train_detection_encoder(self.task, self.options.data, self.out, start, config, self.options.device, self.options.resume)

    def _handwriting(self, name: str) -> Iterator[StepResult]:
        handwriting = Handwriting(self.task, self.options.data, self.out, detection_start(self.task, self.out.parent))
        if name == FINDER:
            return handwriting.find(self.options.changes.of(FINDER_RECIPE), self.options.device, self.options.resume)
        return handwriting.pages(self.options.changes.of(PAGES_RECIPE), self.options.device, self.options.resume)

    def _encoder(self, modality: str, encoder: str) -> Iterator[StepResult]:
        options = self.options
        consistent = READING_RECIPE if issubclass(ENCODERS[encoder], TrunkEncoder) else CONSISTENT_RECIPE
        recipe = consistent if options.consistent else encoder_recipe(modality, encoder, self.task)
        config = options.changes.of(recipe)
        run = EncoderRun(encoder, options.leave_out, warm_start=options.warm_start, consistent=options.consistent)
        return train_encoder(self.task, modality, self.options.data, self.out, config, run, self.options.device, self.options.resume)

    def _strategy(self, name: str) -> Iterator[StepResult]:
        if self.options.balance is not None:
            return self._jointly(name)
        config = self.options.changes.of(strategy_recipe(name, self.task))
        cache = self._features(config)
        return train_strategy(self.task, name, cache, self.out, config, self.options.device, self.options.resume, self.options.missing)

    def _jointly(self, name: str) -> Iterator[StepResult]:
        options = self.options
        if options.out is None:
            raise FusionError("A training from scratch replaces the encoders, too; --out DIR says where they go.")
        config = options.changes.of(JOINT_RECIPE)
        balance = options.balance or "none"
        return train_jointly(self.task, name, options.data, options.out, config, balance, options.device, options.resume)

    def _features(self, config: TrainConfig) -> FeatureCache:
        """Features of the encoders beside `out`, or else of the shipped ones."""
        if self._cache is None:
            beside = self.out.parent
            complete = all((beside / home / "encoders" / m).is_dir() for m, home in self.task.encoder_tasks.items())
            checkpoints = beside if complete else CHECKPOINTS
            self._cache = fill_cache(self.task, self.options.data, checkpoints, replace(config, seed=0))
        return self._cache


def detection_start(task: Task, checkpoints: Path) -> Path | None:
    """The encoder that detection starts from: the same one, trained for the task whose other encoders this task reads."""
    others = [home for home in task.encoder_tasks.values() if home != task.name]
    if not others or task.heads.localization is None:
        return None
    start = checkpoints / others[0] / "encoders" / task.heads.localization.image
    return start if start.is_dir() else None
