"""What the paths between modalities are worth: accuracy with all of them closed except the readout, for every strategy on tokens.

A strategy may show attention between modalities that decides nothing, because the readout behind it combines them as well. Closed,
each modality's tokens are computed as if it were alone (`Strategy.cut`); the readout is left as it is, and nothing is trained again. What
does not fall then was never carried by these paths.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from fusion.evaluation.measure import Answers, answer, place_metrics
from fusion.model import FusionModel
from fusion.tasks import Task
from fusion.training.features import FeatureCache

Figures = dict[str, dict[str, float]]  # {figure: {"open": as it is, "cut": with the paths closed}}


@contextmanager
def paths_cut(model: FusionModel) -> Iterator[None]:
    """Closes all paths between modalities of a strategy on tokens, except its readout."""
    model.strategy.cut = True
    try:
        yield
    finally:
        model.strategy.cut = False


def figure(name: str, model: FusionModel, task: Task, caches: Mapping[str, FeatureCache]) -> float:
    """A column of the task's table of results: a setting ("all-3"), pairs that training saw or not, or the place."""
    if name == "centre_inside":
        return place_metrics(answer(model, task, caches["all-0"], task.modalities))["centre_inside"]
    if name in ("seen_pairs", "unseen_pairs"):
        return accuracy(answer(model, task, caches["all-0"], task.modalities, held=name == "unseen_pairs"))
    return accuracy(answer(model, task, caches[name], task.modalities))


def accuracy(found: Answers) -> float:
    return float((found.probs.argmax(-1) == found.label).float().mean())


def measure_cut(models: Mapping[str, FusionModel], task: Task, caches: Mapping[str, FeatureCache]) -> dict[str, Figures]:
    """{strategy on tokens: its figures, open and cut}, for the columns that the task's table of results has."""
    result: dict[str, Figures] = {}
    for name, model in models.items():
        if model.strategy.fuses != "tokens":
            continue
        for column in task.card.columns:
            whole = figure(column, model, task, caches)
            with paths_cut(model):
                closed = figure(column, model, task, caches)
            result.setdefault(name, {})[column] = {"open": round(whole, 5), "cut": round(closed, 5)}
    return result
