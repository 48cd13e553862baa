"""What happened, in a few sentences: what each input says alone, whom a strategy follows, what that is worth, and what the others say.

A sentence is a key of the page's texts with values, which the browser says in its language (`explanation.js`). A value has a kind:
{"label"}, {"strategy"}, {"modalities": [...]}, {"share": 0.97}, {"points": 0.61} of probability, {"size": 0.61} the same without a sign,
{"number": 3}, {"spelled": 11} in words, {"sentence": ...}; or it is a list of such.
Every number is one of the rows' own. Only for tasks in which any modality suffices; elsewhere, disagreeing alone means nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Said = dict[str, Any]
GUESS = 1.5  # of 1/K: who is less sure than this says nothing (the browser's `FL.guesses`)
CLEAR_CONTRIBUTION, CLEAR_WEIGHT = 0.01, 0.02  # smaller differences are not spoken of
NO_LOSS = 0.02  # of probability: what less is lost by can be spared
COUNTED = (2, 3, 4)  # "both inputs", "all three inputs", "all four inputs"
PLURAL = ("text",)  # "the words"


def say(key: str, **values: Any) -> Said:
    return {"key": f"explanation.{key}", "values": values}


def explanations(rows: Sequence[Row]) -> list[list[Said]]:
    """The sentences for each row, in the rows' order."""
    alone = {row["name"].removesuffix("_only"): row for row in rows if row["baseline"]}
    others = [row for row in rows if not row["baseline"]]
    return [of_baseline(row) if row["baseline"] else of_strategy(row, alone, others) for row in rows]


def of_baseline(row: Row) -> list[Said]:
    return [say("baseline", who=those([row["name"].removesuffix("_only")]))] + doubt(row)


def of_strategy(row: Row, alone: Mapping[str, Row], others: Sequence[Row]) -> list[Said]:
    if not alone:
        return []
    heard = {m: r["label"] for m, r in alone.items() if speaks(r)}
    united = len(alone) > 1 and len(heard) == len(alone) and len(set(heard.values())) == 1
    if united:
        told = agreement(row, next(iter(heard.values())), len(alone))
    elif len(alone) == 1:
        told = [say("single", who=those(alone))]
        another = any(label != row["label"] for label in heard.values())
        if another or (heard and row["known"] is False):
            told += opening(alone) + answer(row, heard)
    else:
        told = opening(alone) + answer(row, heard)
    told += doubt(row) if row["known"] is False else measured(row, united)
    return told + counts(others)


def speaks(row: Row) -> bool:
    """Whether a row names one of the labels at all."""
    return row["known"] is not False and row["confidence"] >= GUESS / len(row["probs"])


def agreement(row: Row, label: str, count: int) -> list[Said]:
    inputs = {"sentence": say(f"inputs.{count}") if count in COUNTED else say("inputs", count={"number": count})}
    named = {"inputs": inputs, "label": {"label": label}, "strategy": {"strategy": row["name"]}}
    if row["known"] is False:
        return [say("agree_only", inputs=inputs, label=named["label"])]
    return [say("agree", **named) if row["label"] == label else say("agree_but", **named, answer={"label": row["label"]})]


def opening(alone: Mapping[str, Row]) -> list[Said]:
    """What each modality says alone; those that say the same are named together."""
    if len(alone) > 1 and not any(map(speaks, alone.values())):
        none_known = all(r["known"] is False for r in alone.values())
        return [say("none_known" if none_known else "unsure", count=among(next(iter(alone.values()))))]
    groups: dict[tuple[str, str], list[str]] = {}
    for m, r in alone.items():
        kind = "says" if speaks(r) else "unknown" if r["known"] is False else "guesses"
        groups.setdefault((kind, r["label"] if kind == "says" else ""), []).append(m)
    clauses = []
    for (kind, label), members in groups.items():
        shares = [{"share": alone[m]["confidence"]} for m in members]
        spoken = {"label": {"label": label}, "shares": shares} if kind == "says" else {"count": among(alone[members[0]])}
        clauses.append({"sentence": say(numerous(kind, members), who=those(members), **spoken)})
    return [say("alone", clauses=clauses)]


def answer(row: Row, heard: Mapping[str, str]) -> list[Said]:
    """Whom the strategy follows: those who say the same alone, if one of them is also worth most to it."""
    if row["known"] is False:
        return []
    named = {"strategy": {"strategy": row["name"]}, "label": {"label": row["label"]}, "share": {"share": row["confidence"]}}
    followed = [m for m, label in heard.items() if label == row["label"]]
    if not heard:
        return [say("answer", **named)]
    if not followed:
        return [say("new", **named)]
    return [say("follows" if most(row["shapley"]["values"], CLEAR_CONTRIBUTION) in followed else "same", **named, who=those(followed))]


def measured(row: Row, united: bool) -> list[Said]:
    """Shapley value and leave-one-out of the modality that is worth most, and whether the learned weights name the same one."""
    contributions, effects = row["shapley"]["values"], row["contributions"]
    if len(contributions) < 2:
        return []
    spare = max(map(abs, effects.values()))
    if united and spare < NO_LOSS:
        return [say("spare", points={"size": spare})]
    first, heavy = most(contributions, CLEAR_CONTRIBUTION), row["weights"] and most(row["weights"], CLEAR_WEIGHT)
    if not first or contributions[first] <= 0:
        return []
    values = {"label": {"label": row["label"]}, "points": {"points": contributions[first]}, "change": {"points": -effects[first]}}
    told = [say(numerous("contribution", [first]), who=those([first]), **values)]
    if heavy:
        weight = {"heavy": those([heavy]), "share": {"share": row["weights"][heavy]}}
        told.append(say("gate_same", **weight) if heavy == first else say("gate_other", **weight, who=those([first])))
    return told


def doubt(row: Row) -> list[Said]:
    if row["known"] is not False:
        return []
    named = {"strategy": {"strategy": row["name"]}, "label": {"label": row["label"]}, "share": {"share": row["confidence"]}}
    return [say("doubt", **named, count=among(row))]


def counts(others: Sequence[Row]) -> list[Said]:
    """How many strategies say what, where they disagree, and how many recognise nothing."""
    votes, unknown = Counter(row["label"] for row in others).most_common(), sum(row["known"] is False for row in others)
    told = []
    if len(votes) > 1:
        clauses = []
        for i, (label, count) in enumerate(votes):
            kind = "next" if i else "one" if count == 1 else "many"
            clauses.append({"sentence": say(f"votes.{kind}", count={"number": count}, label={"label": label})})
        told.append(say("votes", clauses=clauses))
    if unknown:
        kind = "all" if unknown == len(others) else "one" if unknown == 1 else "many"
        told.append(say(f"doubts.{kind}", number={"number": unknown}, total={"number": len(others)}, count=among(others[0])))
    return told


def most(values: Mapping[str, float], clear: float) -> str | None:
    """The modality of the largest value, or None where the second is as large."""
    if not values:
        return None
    first, *rest = sorted(values, key=values.__getitem__, reverse=True)
    return first if not rest or values[first] - values[rest[0]] >= clear else None


def those(modalities: Iterable[str]) -> Said:
    return {"modalities": list(modalities)}


def numerous(key: str, modalities: list[str]) -> str:
    """Which form of the verb follows."""
    return f"{key}.{'many' if len(modalities) > 1 or modalities[0] in PLURAL else 'one'}"


def among(row: Row) -> Said:
    return {"spelled": len(row["probs"])}
