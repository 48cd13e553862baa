"""Worked examples of `digits-add`: what is seen is a, what is said is b."""

from __future__ import annotations

from dataclasses import dataclass, field

from fusion.tasks.digits.examples import ENGLISH, make_medium
from fusion.tasks.digits_add.pairs import SEEN
from fusion.types import MODALITIES, FusionError, Medium


@dataclass(frozen=True)
class Example:
    """The digit that is seen and the one that is said, the modalities that are given, the text, severities for the sliders."""

    seen: int
    said: int
    modalities: tuple[str, ...] = MODALITIES
    text: str | None = None
    severity: dict[str, int] = field(default_factory=dict)


EXAMPLES: dict[str, Example] = {
    "three-plus-five": Example(3, 5),
    "carry": Example(8, 7, ("image", "audio")),
    "unseen-pair": Example(2, 3),
    "one-side": Example(6, 0, ("image", "video")),
    "noisy": Example(5, 9, severity=dict.fromkeys(MODALITIES, 3)),
    "written": Example(1, 6, ("text", "video"), "and then six more"),
}


def make_example(name: str) -> dict[str, Medium]:
    """{modality: medium} of a named example, uncorrupted."""
    if name not in EXAMPLES:
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(EXAMPLES))
    example = EXAMPLES[name]
    digits = {m: example.seen if m in SEEN else example.said for m in example.modalities}
    return {m: (example.text or ENGLISH[d]) if m == "text" else make_medium(m, d) for m, d in digits.items()}
