"""Constants that the page's scripts share with the server; they are sent with the page as `SETTINGS`."""

from __future__ import annotations

from fusion.media import MAX_CHARACTERS
from fusion.paths import BACKBONE
from fusion.ui.pages.fuse.explanation import GUESS
from fusion.ui.state import MAX_ENCODER, PEN, WORST


def settings() -> dict[str, float | str]:
    """{name: value}, as the scripts name them."""
    return {
        "backbone": BACKBONE,  # begins the name of a pretrained encoder
        "longestText": MAX_CHARACTERS,
        "longestBackbone": MAX_ENCODER - len(BACKBONE),
        "worst": WORST,  # severities are 0 to this
        "pen": PEN,  # width of a drawn line where the task names no other
        "guess": GUESS,  # of 1/K: a label with a smaller probability is a guess
    }
