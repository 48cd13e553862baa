"""The text of the model cards of the task `open`, besides the figures."""

from __future__ import annotations

from fusion.tasks.base import CardText

NAMED = "the encoder of `scenes` and the classifier that it was distilled with; nothing is trained on typed labels"
WORDS = (
    "ImageNet's and AudioSet's names, lemmas and glosses of WordNet 3.1, captions of Flickr8k (research), AudioCaps (MIT) and Clotho "
    "(non-commercial), names of emoji (CLDR, Unicode-3.0), training posts of MVSA-Single (research)"
)
CARD = CardText(
    about="Labels are typed. Nothing is trained on them: photos and sounds are known by the names of a pretrained classifier.",
    data={"image": NAMED, "text": WORDS, "audio": NAMED, "video": NAMED},
    limits={
        "image": "A thousand names of things: no people, colours or moods.",
        "text": "English.",
        "audio": "521 names of sounds.",
        "video": "Eight frames, as photos, and its sound.",
    },
    teachers={},
    licence="CC BY-NC-SA 4.0 (non-commercial research), like those of `scenes`; the code is Apache-2.0.",
)
