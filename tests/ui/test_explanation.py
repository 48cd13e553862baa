"""The sentences that say what happened: against rows whose explanation is known, said aloud as the browser does, in both languages."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fusion.tasks import TASKS
from fusion.ui.i18n import load_text
from fusion.ui.pages.fuse import explanation as module
from fusion.ui.pages.fuse.explanation import explanations, largest
from tests.browser import ROOT

TEXT, LABELS = load_text(), TASKS["scenes"].labels
KEYS = {k for k in TEXT["en"] if k.startswith("explanation.")}
SCENES = "task.scenes."


def row(name: str, label: str, sure: float, known: bool | None = True, weights: dict[str, float] | None = None, **worth: float) -> dict:
    """A row of the table; a modality's value is its Shapley value, and it loses half of that when it is left out."""
    probs = [sure if k == label else (1 - sure) / 10 for k in LABELS]
    shown = {"name": name, "baseline": name.endswith("_only"), "label": label, "confidence": sure, "known": known, "probs": probs}
    return shown | {"weights": weights, "shapley": {"values": worth}, "contributions": {m: v / 2 for m, v in worth.items()}}


def spoken(explanation: list[dict[str, Any]], language: str = "en") -> str:
    """What `explanation.js` makes of it."""
    texts = TEXT[language]

    def say(sentence: dict[str, Any]) -> str:
        values = {name: value(v) for name, v in sentence["values"].items()}
        assert set(re.findall(r"\{(\w+)\}", texts[sentence["key"]])) <= set(values), sentence["key"]
        return texts[sentence["key"]].format(**values)

    def value(v: Any) -> str:
        if isinstance(v, list):
            return "+".join(map(value, v))
        ((kind, x),) = v.items()
        known = {
            "sentence": say,
            "label": lambda x: texts.get(f"{SCENES}label.{x}", x),
            "strategy": str,
            "share": "{:.0%}".format,
            "number": str,
            "points": lambda x: f"{100 * x:+.1f}",
            "size": lambda x: f"{100 * x:.1f}",
            "spelled": lambda x: texts[f"number.{x}"],
            "modalities": lambda x: "+".join(texts["explanation.the"].format(modality=texts[f"modality.{m}"]) for m in x),
        }
        return known[kind](x)

    said = [say(s) for s in explanation]
    return " ".join(s[0].upper() + s[1:] for s in said)


def told(rows: list[dict], name: str = "late", language: str = "en") -> str:
    return spoken(explanations(rows)[[r["name"] for r in rows].index(name)], language)


DOG, CAT, COW = row("image_only", "dog", 0.97), row("audio_only", "cat", 0.88), row("text_only", "cow", 0.99)
CONFLICT = [row("late", "cow", 0.8, image=-0.05, text=0.61, audio=0.1), row("early", "cow", 0.7), row("tensor", "dog", 0.7), DOG, COW, CAT]


def test_a_conflict_is_told_from_the_rows_alone() -> None:
    assert told(CONFLICT) == (
        "Alone, the image says dog (97%)+the text says cow (99%)+the audio says cat (88%). Late says cow (80%), following the text. "
        "The text adds most to the probability of cow (Shapley value +61.0 points); leaving it out changes that probability by -30.5. "
        "2 strategies say cow+1 dog."
    )
    assert told(CONFLICT, language="zh") == (
        "单独来看，图像说是狗（97%）+文字说是牛（99%）+声音说是猫（88%）。 Late跟随文字，说是牛（80%）。 "
        "文字对牛的概率贡献最大（沙普利值 +61.0 个百分点）；去掉它，概率变化 -30.5。 2 种策略说是牛+1 种说是狗。"
    )


def test_agreement_is_one_sentence_and_says_what_can_be_spared() -> None:
    alone = [row("image_only", "dog", 0.9), row("text_only", "dog", 0.8), row("audio_only", "dog", 0.7)]
    same = row("late", "dog", 0.95, image=0.02, text=0.02, audio=0.03)
    assert told([same, *alone]) == (
        "All three inputs on their own say dog, and so does late. No input is indispensable: leaving out any one of them changes the "
        "probability by at most 1.5 points."
    )
    assert told([row("late", "cat", 0.5, image=0.1, text=0.1), *alone]) == "All three inputs on their own say dog, but late says cat."
    assert told([same, *alone[:2]]).startswith("Both inputs on their own say dog, and so does late.")


def test_what_is_not_recognised_is_said() -> None:
    stranger, cat = row("image_only", "dog", 0.3, False), row("audio_only", "cat", 0.9)
    assert told([row("late", "cat", 0.8, image=0.05, audio=0.6), stranger, cat]) == (
        "Alone, the image is not recognised as any of the eleven+the audio says cat (90%). Late says cat (80%), following the audio. "
        "The audio adds most to the probability of cat (Shapley value +60.0 points); leaving it out changes that probability by -30.0."
    )
    lost = [row("late", "dog", 0.31, False, image=0.2, audio=0.1), row("early", "dog", 0.9, image=0.2, audio=0.1)]
    both = [stranger, row("audio_only", "cat", 0.2, False)]
    assert told([*lost, *both]) == (
        "No single input is recognised as any of the eleven. Late: what is given looks like none of the eleven; its best guess would be "
        "dog, 31%. 1 of 2 strategies doubts that it is any of the eleven."
    )
    assert "Early still says dog (90%)." in told([*lost, *both], "early")
    assert told([*lost, *both], "image_only").startswith(
        "This baseline reads one input only: the image. Image_only: what is given looks like none of the eleven"
    )


def test_a_learned_weight_that_names_another_modality_is_one_clause() -> None:
    def gated(**weights: float) -> str:
        return told([row("late", "cow", 0.8, weights=weights, image=0.05, text=0.6), DOG, COW])

    other = "Its largest learned weight, 62%, went to the image, but the largest effect on the answer came from the text."
    assert other in gated(image=0.62, text=0.38)
    assert "The learned weight agrees: 62% for the text." in gated(image=0.38, text=0.62)
    assert "weight" not in gated(image=0.505, text=0.495)  # nobody is clearly first


def test_one_input_needs_few_words_and_nobody_follows_by_chance() -> None:
    assert told([row("late", "dog", 0.9, image=0.8), DOG]) == "Only one input is given: the image."
    assert told([row("late", "cat", 0.9, image=0.8), DOG]) == (
        "Only one input is given: the image. Alone, the image says dog (97%). Late says cat (90%), which no input says on its own."
    )
    # the text says the same, but the image is worth more: the answer is the text', and no more is claimed
    assert "Late says cow (80%), which is also the answer of the text alone. The image adds most" in told(
        [row("late", "cow", 0.8, image=0.5, text=0.2), DOG, COW]
    )


def test_without_a_threshold_only_chance_is_unsure() -> None:
    alone = [row("image_only", "dog", 0.12, None), row("text_only", "cow", 0.9, None)]
    assert told([row("late", "cow", 0.8, None, image=0.01, text=0.5), *alone]).startswith(
        "Alone, the image cannot tell which of the eleven it is+the text says cow (90%)."
    )


def test_who_is_first_is_only_said_where_it_is_clear() -> None:
    assert largest({"image": 0.3, "text": 0.295}, 0.01) is None and largest({"image": 0.3, "text": 0.1}, 0.01) == "image"
    assert largest({"text": 0.0}, 0.01) == "text"


def test_every_text_of_an_explanation_exists_and_is_used() -> None:
    source = (ROOT / "fusion/ui/pages/fuse/explanation.py").read_text("utf-8")
    asked = {f"explanation.{k}" for k in re.findall(r'sentence\("([\w.]+)"', source)}
    assert asked <= KEYS
    counted = [f"{k}.{n}" for k in ("says", "unknown", "guesses", "contribution") for n in ("one", "many")]
    counted += [f"votes.{n}" for n in ("one", "many", "next")] + [f"doubts.{n}" for n in ("all", "one", "many")]
    rest = (
        KEYS - asked - {f"explanation.{k}" for k in counted} - {k for k in KEYS if k.startswith(("explanation.the", "explanation.inputs"))}
    )
    assert rest <= {f"explanation.{k}" for k in re.findall(r'"(\w+)"', source)}
    assert {f"explanation.inputs.{n}" for n in module.COUNTED} <= KEYS


@pytest.mark.parametrize("number", [2, 3, 4, 10, 11])
def test_small_numbers_have_words(number: int) -> None:
    assert f"number.{number}" in TEXT["en"]
