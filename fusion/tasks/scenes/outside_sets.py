"""Real clips from sources that training does not use, and their frames as photos: a clip should be answered no worse than its frames.

outside/clips/<class>_NN.*      <class> is a label, or "none"
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fusion.tasks.base import TestSet
from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS
from fusion.types import Clip, Medium

FRAMES = 8  # of each clip, as photos


def outside_sets(data: Path) -> dict[str, TestSet]:
    """{name: test set}; none without the folder of clips."""
    paths = sorted((Path(data) / "outside" / "clips").glob("*_*.*"))
    named = [path for path in paths if label_of(path) != NONE]
    others = [path for path in paths if label_of(path) == NONE]
    found: dict[str, TestSet] = {}
    if named:
        found["video_real_clips"] = TestSet("video", ((read_clip(path), label_of(path)) for path in named))
        found["image_frames_of_real_clips"] = TestSet("image", frames_of(named))
    if others:
        found["video_real_clips_of_other_things"] = TestSet("video", ((read_clip(path), NONE) for path in others))
    return found


def label_of(path: Path) -> int:
    """The label that a file's name begins with, -1 for a name that is none of the labels."""
    name = path.name.split("_")[0]
    return LABELS.index(name) if name in LABELS else NONE


def read_clip(path: Path) -> Clip:
    from fusion.media import load

    clip = load("video", path).medium
    assert isinstance(clip, Clip)
    return clip


def frames_of(paths: list[Path]) -> Iterator[tuple[Medium, int]]:
    """`FRAMES` frames of each clip, evenly spread."""
    for path in paths:
        frames = read_clip(path).frames
        for index in np.linspace(0, len(frames) - 1, FRAMES).round().astype(int):
            yield frames[index], label_of(path)
