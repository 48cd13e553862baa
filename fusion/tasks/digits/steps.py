"""How the weights and reports of the task `digits` are made anew."""

from __future__ import annotations

from fusion.tasks.steps import Step, baselines, evaluate, seeds, strategies
from fusion.types import MODALITIES

NAME = "digits"
TRAIN = f"train --task {NAME} --data {{data}}"
DOWNLOAD = Step("download", f"download --task {NAME} --data {{data}}", "{data}/pendigits")
FURTHER = ("image_vit", "text_lstm", "text_embedding", "video_r3d")
STEPS = (
    DOWNLOAD,
    Step("voices", f"voices --task {NAME} --data {{data}}", "{data}/voices", optional=True),
    baselines(NAME, MODALITIES, "encoders"),
    Step(
        "encoders-warm",
        f"{TRAIN} --strategy audio_only --epochs 8 --lr 8e-4 --seed 1 --warm-start",
        f"checkpoints/{NAME}/audio_only/model.safetensors",
    ),
    Step("finder", f"{TRAIN} --strategy finder", f"checkpoints/{NAME}/encoders/image/model.safetensors"),
    Step("pages", f"{TRAIN} --strategy pages", f"checkpoints/{NAME}/encoders/image/model.safetensors"),
    strategies(NAME),
    Step(
        "encoders-connected",
        f"{TRAIN} --strategy audio_only --seed 1 --consistent --leave-out fold-2",
        f"checkpoints/{NAME}/audio_only/model.safetensors",
    ),
    seeds(NAME),
    Step(
        "leave-out",
        f"leave-out --task {NAME} --data {{data}} --epochs 10 --samples 12000 --work {{data}}/leave-out",
        f"checkpoints/{NAME}/leave_one_speaker_out.json",
    ),
    evaluate(NAME),
    Step("encoders-further", f"{TRAIN} --strategy {{each}}", f"checkpoints/{NAME}/encoders/{{each}}/model.safetensors", FURTHER),
    Step("references", f"references --task {NAME} --data {{data}}", f"checkpoints/{NAME}/references"),
    Step("classical", f"{TRAIN} --strategy all --encoders classical", f"checkpoints/{NAME}/classical/report.json"),
)
