"""The answers of all strategies to one input, as rows for the table, the bars, the weights and the diagram."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fusion.explain import interaction_share, shapley_values, value_of
from fusion.messages import message
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS
from fusion.tasks.texts import text_of
from fusion.types import EncoderView, Prediction
from fusion.ui.pages.fuse.explanation import explanations
from fusion.ui.pages.fuse.localization import found

if TYPE_CHECKING:
    from fusion.lab import Lab


def rows(lab: Lab, predictions: dict[str, Prediction]) -> list[dict[str, Any]]:
    """One row per strategy in the lab's order, baselines last."""
    names = [n for n in (*lab.strategies, *lab.baselines) if n in predictions]
    if not names:
        return []
    favourite = majority({n: predictions[n] for n in names if n not in lab.baselines} or predictions)
    shown = [row(lab, name, predictions[name], favourite) for name in names]
    told = explanations(shown) if lab.task.interaction == "redundancy" else [[] for _ in shown]
    return [r | {"explanation": explanation} for r, explanation in zip(shown, told, strict=True)]


def majority(predictions: dict[str, Prediction]) -> str:
    """The label that most strategies give; ties go to the higher summed confidence."""
    votes = Counter(p.label for p in predictions.values())
    return max(votes, key=lambda label: (votes[label], sum(p.confidence for p in predictions.values() if p.label == label)))


def row(lab: Lab, name: str, prediction: Prediction, favourite: str) -> dict[str, Any]:
    votes = prediction.votes and {m: vote(probs) for m, probs in prediction.votes.items()}
    return {
        "name": name,
        "baseline": name in lab.baselines,
        "label": prediction.label,
        "confidence": prediction.confidence,
        "known": prediction.known,
        "probs": list(prediction.probs.values()),
        "weights": prediction.weights,
        "contributions": prediction.contributions,
        "shapley": shapley(prediction),
        "votes": votes,
        "auxiliary": prediction.auxiliary,
        "opinion": prediction.opinion,
        "place": found(prediction),
        "seconds": prediction.seconds,
        "parameters": lab.parameters[name],
        "differs": prediction.label != favourite,
    }


def shapley(prediction: Prediction) -> dict[str, Any]:
    """Shapley values of the modalities for the answer's probability; they sum to p(all) - p(none), and p(none) = 1/K.

    `interaction` is the share that no modality has by itself, of centred log-probabilities: there, votes that are added up have none.
    """
    players = list(prediction.contributions)
    return {
        "values": shapley_values(value_of(prediction), players),
        "none": 1 / len(prediction.probs),
        "interaction": interaction_share(value_of(prediction, scale="centred_log"), players) if len(players) > 1 else None,
    }


def tally(shown: list[dict[str, Any]]) -> list[list[Any]]:
    """[label, number of fusion strategies that give it], the majority first."""
    counted = Counter(r["label"] for r in shown if not r["baseline"])
    agree = {r["label"] for r in shown if not r["differs"]}
    return [[label, count] for label, count in sorted(counted.items(), key=lambda item: (item[0] not in agree, -item[1]))]


def out_of_distribution(shown: list[dict[str, Any]]) -> int:
    """How many fusion strategies find the input out of distribution; the tally still counts their best guesses."""
    return sum(r["known"] is False for r in shown if not r["baseline"])


def vote(probs: dict[str, float]) -> dict[str, Any]:
    label = max(probs, key=probs.__getitem__)
    return {"label": label, "confidence": probs[label]}


def modalities(lab: Lab, encoder_views: dict[str, EncoderView]) -> list[dict[str, Any]]:
    """The blocks of the diagram: which modality is there, with how many tokens of what width."""
    return [{"name": m, "present": m in encoder_views} | (size(encoder_views[m]) if m in encoder_views else {}) for m in lab.modalities]


def size(view: EncoderView) -> dict[str, int]:
    return {"tokens": len(view.weights), "dim": len(view.embedding)}


def describe_tasks(names: Iterable[str]) -> list[dict[str, str]]:
    """The tasks on offer, for the chooser."""
    return [{key: getattr(TASKS[name], key) for key in ("name", "title", "question", "interaction")} for name in names]


def describe_lab(lab: Lab, examples: Mapping[str, Any], pen: float) -> dict[str, Any]:
    """What does not change while a task is open."""
    parameters = sum(lab.parameters.values()) + sum(lab.encoder_parameters.values())
    strategies = []
    for name in (*lab.strategies, *lab.baselines):
        about = lab.describe(name)
        texts = {key: getattr(about, key) for key in ("title", "idea", "formula", "paper", "fuses")}
        only = name.removesuffix("_only") if name in lab.baselines else None
        notes = [message(note).to_json() for note in about.notes]
        strategies.append(
            {"name": name, "baseline": only is not None, "only": only, "parameters": lab.parameters[name], "notes": notes, **texts}
        )
    words, where = lab.task.texts, lab.task.heads.localization
    return {
        "task": {
            "name": lab.task.name,
            "interaction": lab.task.interaction,
            "places": where and where.image,
            "pen": pen,
            "draws": lab.task.drawn,
        },
        "device": str(lab.device),
        "precision": str(lab.precision),
        "parameters": parameters,
        "megabytes": parameters * (2 if "16" in str(lab.precision) else 4) / 1e6,
        "modalities": list(lab.modalities),
        "kinds": dict(lab.task.kinds),
        "labels": list(lab.labels),
        "strategies": strategies,
        "untrained": [message(STRATEGIES[name].title).to_json() for name in lab.untrained if name in STRATEGIES],
        "unavailable": {name: message(reason).to_json() for name, reason in lab.unavailable.items()},
        "examples": [
            {"name": name, "title": text_of(words, f"example.{name}", default=name), "hint": text_of(words, f"example.{name}.hint")}
            for name in examples
        ],
    }
