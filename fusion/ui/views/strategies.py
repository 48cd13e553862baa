"""What all strategies say of one input: the table, the bars, the weights and the diagram draw from these rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fusion.types import Prediction, Seen


def rows(lab: Any, predictions: dict[str, Prediction]) -> list[dict[str, Any]]:
    """One row per strategy in the lab's order, baselines last."""
    names = [n for n in (*lab.strategies, *lab.baselines) if n in predictions]
    favourite = majority({n: predictions[n] for n in names if n not in lab.baselines} or predictions)
    return [row(lab, name, predictions[name], favourite) for name in names]


def majority(predictions: dict[str, Prediction]) -> str:
    """The label most strategies give; of equally many the one they are surer of."""
    votes = Counter(p.label for p in predictions.values())
    return max(votes, key=lambda label: (votes[label], sum(p.confidence for p in predictions.values() if p.label == label)))


def row(lab: Any, name: str, prediction: Prediction, favourite: str) -> dict[str, Any]:
    votes = prediction.votes and {m: vote(probs) for m, probs in prediction.votes.items()}
    return {
        "name": name,
        "baseline": name in lab.baselines,
        "label": prediction.label,
        "confidence": prediction.confidence,
        "probs": list(prediction.probs.values()),
        "weights": prediction.weights,
        "contributions": prediction.contributions,
        "votes": votes,
        "seconds": prediction.seconds,
        "parameters": lab.parameters[name],
        "differs": prediction.label != favourite,
    }


def vote(probs: dict[str, float]) -> dict[str, Any]:
    label = max(probs, key=probs.__getitem__)
    return {"label": label, "confidence": probs[label]}


def modalities(lab: Any, seen: dict[str, Seen]) -> list[dict[str, Any]]:
    """The blocks of the diagram: which modality is there, with how many tokens of what width."""
    return [{"name": m, "present": m in seen} | ({"tokens": len(seen[m].weights), "dim": len(seen[m].embedding)} if m in seen else {})
            for m in lab.modalities]


def describe_lab(lab: Any, examples: Mapping[str, Any]) -> dict[str, Any]:
    """What does not change while the page is open."""
    parameters = sum(lab.parameters.values()) + sum(lab.encoder_parameters.values())
    strategies = []
    for name in (*lab.strategies, *lab.baselines):
        about = lab.describe(name)
        texts = {key: getattr(about, key) for key in ("title", "idea", "formula", "paper", "fuses")}
        only = name.removesuffix("_only") if name in lab.baselines else None
        strategies.append({"name": name, "baseline": only is not None, "only": only, "parameters": lab.parameters[name], **texts})
    return {
        "device": str(lab.device),
        "precision": str(lab.precision),
        "parameters": parameters,
        "megabytes": parameters * (2 if "16" in str(lab.precision) else 4) / 1e6,
        "modalities": list(lab.modalities),
        "labels": list(lab.labels),
        "strategies": strategies,
        "examples": [{"name": name, "title": e.title, "hint": e.story} for name, e in examples.items()],
    }
