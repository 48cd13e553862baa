"""Which samples train, choose and test: the splits that are given, else by group, else stratified by label.

Without given splits every sample is tested once: fold k of as many folds as there are seeds is the test of seed k.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from fusion.messages import Message, message
from fusion.own_data.samples import Samples
from fusion.types import FusionError

FOLDS = 5
FEWEST = 8  # samples that can be split at all
VAL = 0.15  # share of the training samples that choose, where none are given for it


@dataclass(frozen=True)
class Fold:
    """Row numbers of one split: disjoint, each at least one."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Plan:
    """The folds, one for each seed; `kind` is "given", "group" or "random"; `keep` are the rows that the final lab is trained on."""

    kind: str
    folds: tuple[Fold, ...]
    keep: np.ndarray
    notes: tuple[Message, ...] = ()


def make_plan(samples: Samples, seeds: int, seed: int = 0) -> Plan:
    """Folds for a number of seeds.

    Raises:
        FusionError: there are too few samples, or a split is empty, in one sentence.
    """
    known = np.array([i for i, label in enumerate(samples.labels) if label is not None])
    if len(known) < FEWEST:
        raise FusionError("There are {count} samples with a label; at least {least} are needed.", count=len(known), least=FEWEST)
    groups = None if samples.groups is None else np.array(samples.groups, object).astype(str)
    strata = strata_of(samples)
    if samples.splits is None:
        return _own_plan(known, strata, groups, seeds, seed)
    given = np.array(samples.splits, object)
    train, val, test = (known[given[known] == name] for name in ("train", "val", "test"))
    if not len(train):
        raise FusionError("No sample is in the split {split}.", split="train")
    notes = []
    if not len(test):
        if not len(val):
            return _own_plan(train, strata, groups, seeds, seed)
        test, val = val, val[:0]
        notes.append(message("There is no split for testing, so the one for validation serves."))
    folds = []
    for k in range(seeds):
        if len(val):
            folds.append(Fold(train, val, test))
        else:
            kept, chosen = part_of(train, strata, groups, VAL, seed + k)
            folds.append(Fold(kept, chosen, test))
    return Plan("given", tuple(folds), np.concatenate([train, val]), tuple(notes))


def strata_of(samples: Samples) -> np.ndarray:
    """(N,) a whole number to keep in the same share everywhere: the class, the rarest label, or the fifth that a value is in."""
    if samples.answer == "value":
        values = np.array([np.nan if label is None else label for label in samples.labels], float)
        edges = np.nanquantile(values, [0.2, 0.4, 0.6, 0.8])
        return np.where(np.isnan(values), -1, np.searchsorted(edges, values))
    if samples.answer == "labels":
        count = Counter(part for label in samples.labels if label for part in label)
        rarest = [min(label, key=lambda part: (count[part], part)) if label else "" for label in samples.labels]
        return np.unique(rarest, return_inverse=True)[1]
    return np.unique(["" if label is None else label for label in samples.labels], return_inverse=True)[1]


def _own_plan(rows: np.ndarray, strata: np.ndarray, groups: np.ndarray | None, seeds: int, seed: int) -> Plan:
    """Folds that nobody gave."""
    count = max(2, seeds) if seeds > 2 else FOLDS
    notes = []
    if groups is not None and len(set(groups[rows])) < count:
        if len(set(groups[rows])) < 3:
            raise FusionError("There are {count} groups; at least three are needed.", count=len(set(groups[rows])))
        count = len(set(groups[rows]))
    if groups is None:
        notes.append(message("The splits are random, stratified by label: where samples belong together, the figures are optimistic."))
    folds = []
    for k, (outer, test) in enumerate(folds_of(rows, strata, groups, count, seed)):
        kept, chosen = part_of(outer, strata, groups, VAL, seed + k)
        folds.append(Fold(kept, chosen, test))
    return Plan("random" if groups is None else "group", tuple(folds[:seeds]), rows, tuple(notes))


def folds_of(rows: np.ndarray, strata: np.ndarray, groups: np.ndarray | None, count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """`count` pairs of the rest and a part, in which every row is once."""
    own = strata[rows]
    smallest = np.bincount(own[own >= 0]).clip(0)
    stratified = smallest[smallest > 0].min() >= 2
    count = min(count, len(rows))
    kind: Any
    if groups is not None:
        kind = StratifiedGroupKFold if stratified else GroupKFold
    else:
        kind = StratifiedKFold if stratified and np.bincount(own).max() >= count else KFold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a class with fewer members than folds, which the data check says
        found = list(kind(count, shuffle=True, random_state=seed).split(rows, own, None if groups is None else groups[rows]))
    return [(rows[rest], rows[part]) for rest, part in found if len(part)]


def part_of(rows: np.ndarray, strata: np.ndarray, groups: np.ndarray | None, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Most of the rows, and about `share` of them, at least one."""
    if groups is not None and len(set(groups[rows])) < 3:
        groups = None
    count = max(2, round(1 / share))
    if groups is not None:
        count = min(count, len(set(groups[rows])))
    return folds_of(rows, strata, groups, count, seed)[0]
