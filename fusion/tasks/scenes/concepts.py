"""Which classes of ImageNet and of AudioSet show or sound like one of the task's labels.

Distilled encoders are built with these groups (`groups_of`), in the order of the labels; their code does not depend on the labels.
"""

from __future__ import annotations

from fusion.tasks.scenes.task import LABELS

Spans = tuple[tuple[int, int], ...]  # first and last index of the classes that belong to a label

IMAGENET: dict[str, Spans] = {
    "dog": ((151, 268),),
    "cat": ((281, 285),),
    "bird": ((7, 24), (80, 100), (127, 146)),
    "cow": ((345, 347),),
    "sheep": ((348, 349),),
    "lion": ((291, 291),),
    "frog": ((30, 32),),
    "sea": ((977, 978),),
    "fire": ((470, 470), (862, 862)),
    "clock": ((409, 409), (530, 531), (826, 826), (892, 892)),
    "rain": ((879, 879),),
}
AUDIOSET: dict[str, Spans] = {
    "dog": ((69, 75),),
    "cat": ((76, 78), (80, 80)),
    "bird": ((99, 102), (106, 116)),
    "cow": ((85, 86),),
    "sheep": ((90, 92),),
    "lion": ((104, 105),),
    "frog": ((127, 128),),
    "sea": ((288, 289),),
    "fire": ((292, 293),),
    "clock": ((389, 389), (400, 402)),
    "rain": ((280, 280), (283, 285)),
}
# evidence neither for nor against a label: animal, pets, livestock, fowl, wild animals, canidae, thunder, water, sound effect, places, echo
AUDIOSET_NEUTRAL: Spans = ((67, 68), (81, 81), (93, 93), (103, 103), (117, 117), (281, 282), (498, 498), (500, 506), (520, 520))


def groups_of(table: dict[str, Spans]) -> tuple[Spans, ...]:
    """One group of classes for each label, in their order."""
    return tuple(table[label] for label in LABELS)
