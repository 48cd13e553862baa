"""Worked examples of `digits-add`: what is seen is a, what is said is b."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusion.tasks.digits.examples import ENGLISH, make_medium
from fusion.tasks.digits_add.pairs import SEEN
from fusion.types import FusionError, Medium


@dataclass(frozen=True)
class Example:
    """The digit that is seen and the one that is said, the modalities that are given, the text, severities for the sliders."""

    title: str
    story: str
    seen: int
    said: int
    modalities: tuple[str, ...] = ("image", "text", "audio", "video")
    text: str | None = None
    severity: dict[str, int] = field(default_factory=dict)


EXAMPLES: dict[str, Example] = {
    "three-plus-five": Example("3 + 5", "Picture and clip show 3, voice and words say 5: the answer is 8.", 3, 5),
    "carry": Example("8 + 7", "8 + 7 = 15: only the last digit is asked for.", 8, 7, ("image", "audio")),
    "unseen-pair": Example("2 + 3, never trained", "A pair that no strategy met in training: who adds, and who has learned a table?", 2, 3),
    "one-side": Example("One side only", "6 is drawn and nothing is said: nobody can know the sum.", 6, 0, ("image", "video")),
    "noisy": Example(
        "4 + 9 in noise", "All modalities at severity 3.", 4, 9, severity=dict.fromkeys(("image", "text", "audio", "video"), 3)
    ),
    "written": Example("1 + 6 in words", "A clip of a 1 and a phrase.", 1, 6, ("text", "video"), "and then six more"),
}


def make_example(name: str) -> dict[str, Medium]:
    """{modality: medium} of a named example, uncorrupted."""
    if name not in EXAMPLES:
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(EXAMPLES))
    example = EXAMPLES[name]
    digits = {m: example.seen if m in SEEN else example.said for m in example.modalities}
    return {m: (example.text or ENGLISH[d]) if m == "text" else make_medium(m, d) for m, d in digits.items()}
