"""The text of the model cards of the task `digits-find`, besides the figures."""

from __future__ import annotations

from dataclasses import replace

from fusion.tasks.digits.card import SHARED

ABOUT = "An image of three to five digits, and a request for one of them by text, audio or video. The label is the requested digit; the location is a box, a mask and whether the digit is there (in 15 % of the samples it is not). With the image alone there is no request."
LIMITS = {
    "image": "At most five digits of a fifth to a half of the image's side that do not touch. Smaller ones are read enlarged, without the empty parts of the page, but it was not trained on photographs of paper."
}
CARD = replace(SHARED, about=ABOUT, limits=LIMITS, columns={"centre_inside": "alignment: centre in box"})
