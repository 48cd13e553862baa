"""The page around labs with known answers, in a process of its own: `python -m tests.ui.fake_page [SECONDS] PORT`.

With SECONDS each lab takes so long to open and to encode.

In digits the strategies tensor and tcn say 4, the others what most modalities say. In digits-find all find a 9 in `BOX`, but
shared_space looks for a 3, which is not there. In scenes photo, words and sound say three different things, and nobody recognises the clip.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from fusion.ui.page import build_page, launch_options
from fusion.ui.security import BackbonePolicy
from tests.ui.fake_lab import FakeLab
from tests.ui.fake_registry import FakeRegistry

COW = ("cross_attention", "early", "late")
DISSENT = {"tensor": "4", "tcn": "4"}


def slow(seconds: float, lab: Callable[[], FakeLab]) -> Callable[[], FakeLab]:
    """The same lab, later."""

    def opened() -> FakeLab:
        found = lab()
        found.delay = seconds
        return found

    return opened


BACKBONES = ("microsoft/resnet-18", "nobody/<img src=x onerror=window.hacked=1>")  # that visitors may ask for; only the first is there

if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 2 else 0.0
    labs = {
        "digits": lambda: FakeLab(dissent=DISSENT),
        "digits-add": lambda: FakeLab(task="digits-add"),
        "digits-find": lambda: FakeLab({"image": 9, "text": 9}, task="digits-find", dissent={"shared_space": "3"}),
        "scenes": lambda: FakeLab(
            {"image": 0, "text": 3, "audio": 1}, task="scenes", dissent=dict.fromkeys(COW, "cow"), strange=("video",)
        ),
    }
    labs = {task: slow(seconds, lab) for task, lab in labs.items()}
    build_page(labs, FakeRegistry, backbones=BackbonePolicy(BACKBONES)).launch(**launch_options("127.0.0.1", int(sys.argv[-1])))
