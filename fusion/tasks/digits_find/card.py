"""The text of the model cards of the task `digits-find`, besides the figures."""

from __future__ import annotations

from dataclasses import replace

from fusion.tasks.digits.card import SHARED

ABOUT = "A picture of three to five digits, and a digit asked for by words, voice or clip. The label is the digit asked for; the place is a box, a mask and whether it is there (in 15 % of samples it is not). With the picture alone there is no question."
LIMITS = {
    "image": "Digits of a fifth to a half of the picture's side that do not touch; at most five. Smaller ones are read enlarged, without the empty parts of the page, but it was not trained on photographs of paper."
}
CARD = replace(SHARED, about=ABOUT, limits=LIMITS, columns={"centre_inside": "alignment: centre in box"})
