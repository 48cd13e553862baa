"""How the weights and reports of the task `scenes` are made anew.

There is nothing to download: the data folder holds the collections that `sources.py` names, the teacher `yamnet.tflite`, and, for the last
step, files from elsewhere that were sorted by hand. The other teachers are packages, named in `requirements-distill.txt`.
"""

from __future__ import annotations

from fusion.tasks.steps import Step, baselines, evaluate, seeds, strategies

NAME = "scenes"
ENCODERS = f"checkpoints/{NAME}/encoders"
STEPS = (
    Step("distill-image", "distill image --data {data}", f"{ENCODERS}/image/model.safetensors"),
    Step("distill-audio", "distill audio --data {data} --yamnet {data}/yamnet.tflite", f"{ENCODERS}/audio/model.safetensors"),
    Step("distill-text", "distill text --data {data}", f"{ENCODERS}/text/model.safetensors"),
    baselines(NAME, ("text", "audio", "image"), "encoders"),
    Step("distill-video", "distill video", f"{ENCODERS}/video/model.safetensors"),
    baselines(NAME, ("video",), "encoders-video"),
    strategies(NAME),
    Step("distill-languages", "distill languages --data {data}", f"{ENCODERS}/text/languages.json"),
    Step("calibrate", f"calibrate --task {NAME} --data {{data}}", f"checkpoints/{NAME}/late/config.json"),
    Step("probes", "probes --data {data} --yamnet {data}/yamnet.tflite", f"checkpoints/{NAME}/distilled.json"),
    Step("references", f"references --task {NAME} --data {{data}}", f"checkpoints/{NAME}/references"),
    seeds(NAME),
    Step("outside", "outside {data}/elsewhere {data}/blind", f"checkpoints/{NAME}/outside.json", optional=True),
    evaluate(NAME),
)
