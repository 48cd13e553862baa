"""Explains an answer in a few sentences: unimodal answers, the answer of the strategy, contributions, and votes.

A sentence is a key of the page's texts with values, which the browser says in its language (`explanation.js`). A value has a kind:
{"label"}, {"strategy"}, {"modalities": [...]}, {"share": 0.97}, {"points": 0.61} of probability, {"size": 0.61} the same without a sign,
{"number": 3}, {"spelled": 11} in words, {"sentence": ...}; or it is a list of such.
Every number is one of the rows. Only for tasks in which one modality suffices; elsewhere unimodal answers mean nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Sentence = dict[str, Any]
GUESS = 1.5  # times 1/K; an answer with less confidence counts as a guess
CLEAR_CONTRIBUTION, CLEAR_WEIGHT = 0.01, 0.02  # smaller differences are not mentioned
NO_LOSS = 0.02  # of probability; inputs whose removal costs less are dispensable
COUNTED = (2, 3, 4)  # "both inputs", "all three inputs", "all four inputs"


def sentence(key: str, **values: Any) -> Sentence:
    return {"key": f"explanation.{key}", "values": values}


def explanations(rows: Sequence[Row]) -> list[list[Sentence]]:
    """The sentences for each row, in the rows' order."""
    baselines = {row["name"].removesuffix("_only"): row for row in rows if row["baseline"]}
    strategies = [row for row in rows if not row["baseline"]]
    return [of_baseline(row) if row["baseline"] else of_strategy(row, baselines, strategies) for row in rows]


def of_baseline(row: Row) -> list[Sentence]:
    return [sentence("baseline", who=modalities_of([row["name"].removesuffix("_only")]))] + doubts(row)


def of_strategy(row: Row, baselines: Mapping[str, Row], strategies: Sequence[Row]) -> list[Sentence]:
    if not baselines:
        return []
    unimodal = {m: r["label"] for m, r in baselines.items() if confident(r)}
    agree = len(baselines) > 1 and len(unimodal) == len(baselines) and len(set(unimodal.values())) == 1
    if agree:
        sentences = agreement(row, next(iter(unimodal.values())), len(baselines))
    elif len(baselines) == 1:
        sentences = [sentence("single", who=modalities_of(baselines))]
        another = any(label != row["label"] for label in unimodal.values())
        if another or (unimodal and row["known"] is False):
            sentences += unimodal_answers(baselines) + fused_answer(row, unimodal)
    else:
        sentences = unimodal_answers(baselines) + fused_answer(row, unimodal)
    sentences += doubts(row) if row["known"] is False else main_contribution(row, agree)
    return sentences + votes_of(strategies)


def confident(row: Row) -> bool:
    """Whether a row gives a label with more confidence than a guess."""
    return row["known"] is not False and row["confidence"] >= GUESS / len(row["probs"])


def agreement(row: Row, label: str, count: int) -> list[Sentence]:
    inputs = {"sentence": sentence(f"inputs.{count}") if count in COUNTED else sentence("inputs", count={"number": count})}
    named = {"inputs": inputs, "label": {"label": label}, "strategy": {"strategy": row["name"]}}
    if row["known"] is False:
        return [sentence("agree_only", inputs=inputs, label=named["label"])]
    return [sentence("agree", **named) if row["label"] == label else sentence("agree_but", **named, answer={"label": row["label"]})]


def unimodal_answers(baselines: Mapping[str, Row]) -> list[Sentence]:
    """The unimodal answers; modalities with the same answer share a clause."""
    if len(baselines) > 1 and not any(map(confident, baselines.values())):
        none_known = all(r["known"] is False for r in baselines.values())
        return [sentence("none_known" if none_known else "unsure", count=label_count(next(iter(baselines.values()))))]
    groups: dict[tuple[str, str], list[str]] = {}
    for m, r in baselines.items():
        kind = "says" if confident(r) else "unknown" if r["known"] is False else "guesses"
        groups.setdefault((kind, r["label"] if kind == "says" else ""), []).append(m)
    clauses = []
    for (kind, label), members in groups.items():
        shares = [{"share": baselines[m]["confidence"]} for m in members]
        values = {"label": {"label": label}, "shares": shares} if kind == "says" else {"count": label_count(baselines[members[0]])}
        clauses.append({"sentence": sentence(with_form(kind, members), who=modalities_of(members), **values)})
    return [sentence("alone", clauses=clauses)]


def fused_answer(row: Row, unimodal: Mapping[str, str]) -> list[Sentence]:
    """The answer of the strategy, and the modalities with the same unimodal answer; it follows them if one contributes most."""
    if row["known"] is False:
        return []
    named = {"strategy": {"strategy": row["name"]}, "label": {"label": row["label"]}, "share": {"share": row["confidence"]}}
    followed = [m for m, label in unimodal.items() if label == row["label"]]
    if not unimodal:
        return [sentence("answer", **named)]
    if not followed:
        return [sentence("new", **named)]
    return [
        sentence(
            "follows" if largest(row["shapley"]["values"], CLEAR_CONTRIBUTION) in followed else "same", **named, who=modalities_of(followed)
        )
    ]


def main_contribution(row: Row, agree: bool) -> list[Sentence]:
    """Shapley value and leave-one-out effect of the largest contribution, and whether the learned weights agree."""
    contributions, effects = row["shapley"]["values"], row["contributions"]
    if len(contributions) < 2:
        return []
    dispensable = max(map(abs, effects.values()))
    if agree and dispensable < NO_LOSS:
        return [sentence("spare", points={"size": dispensable})]
    first, heavy = largest(contributions, CLEAR_CONTRIBUTION), row["weights"] and largest(row["weights"], CLEAR_WEIGHT)
    if not first or contributions[first] <= 0:
        return []
    values = {"label": {"label": row["label"]}, "points": {"points": contributions[first]}, "change": {"points": -effects[first]}}
    sentences = [sentence(with_form("contribution", [first]), who=modalities_of([first]), **values)]
    if heavy:
        weight = {"heavy": modalities_of([heavy]), "share": {"share": row["weights"][heavy]}}
        sentences.append(
            sentence("gate_same", **weight) if heavy == first else sentence("gate_other", **weight, who=modalities_of([first]))
        )
    return sentences


def doubts(row: Row) -> list[Sentence]:
    if row["known"] is not False:
        return []
    named = {"strategy": {"strategy": row["name"]}, "label": {"label": row["label"]}, "share": {"share": row["confidence"]}}
    return [sentence("doubt", **named, count=label_count(row))]


def votes_of(strategies: Sequence[Row]) -> list[Sentence]:
    """Votes of the strategies if they disagree, and how many find the input out of distribution."""
    votes, unknown = Counter(row["label"] for row in strategies).most_common(), sum(row["known"] is False for row in strategies)
    sentences = []
    if len(votes) > 1:
        clauses = []
        for i, (label, count) in enumerate(votes):
            kind = "next" if i else "one" if count == 1 else "many"
            clauses.append({"sentence": sentence(f"votes.{kind}", count={"number": count}, label={"label": label})})
        sentences.append(sentence("votes", clauses=clauses))
    if unknown:
        kind = "all" if unknown == len(strategies) else "one" if unknown == 1 else "many"
        sentences.append(
            sentence(f"doubts.{kind}", number={"number": unknown}, total={"number": len(strategies)}, count=label_count(strategies[0]))
        )
    return sentences


def largest(values: Mapping[str, float], clear: float) -> str | None:
    """The modality of the largest value, or None where the second is as large."""
    if not values:
        return None
    first, *rest = sorted(values, key=values.__getitem__, reverse=True)
    return first if not rest or values[first] - values[rest[0]] >= clear else None


def modalities_of(modalities: Iterable[str]) -> Sentence:
    return {"modalities": list(modalities)}


def with_form(key: str, modalities: list[str]) -> str:
    """Which form of the verb follows."""
    return f"{key}.{'many' if len(modalities) > 1 else 'one'}"


def label_count(row: Row) -> Sentence:
    return {"spelled": len(row["probs"])}
