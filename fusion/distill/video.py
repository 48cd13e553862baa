"""Initialises the video encoder of `scenes` with the weights of the image encoder, before its own part, time, is trained.

python -m fusion distill video
"""

from __future__ import annotations

from pathlib import Path

from fusion.config import CHECKPOINTS, EncoderConfig
from fusion.encoders.video_frames import VideoFrames
from fusion.model import load_weights, save_weights
from fusion.tasks.scenes.concepts import IMAGENET, groups_of
from fusion.tasks.scenes.task import ScenesTask

SHARED = ("trunk.", "concepts.", "project.", "pool.")


def run(home: Path = CHECKPOINTS / ScenesTask.name) -> None:
    encoder = VideoFrames(groups=groups_of(IMAGENET))
    shared = {k: v for k, v in load_weights(home / "encoders" / "image").items() if k.startswith(SHARED)}
    encoder.load_state_dict(shared, strict=False)
    save_weights(home / "encoders" / "video", encoder.state_dict(), EncoderConfig("video_frames", encoder.options()), half=True)
