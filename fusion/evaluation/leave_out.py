"""Leave one group out: how well does an encoder read media of a group (a speaker) that it was not trained on?

    python -m fusion leave-out --data DIR        writes checkpoints/<task>/leave_one_speaker_out.json

One training for each group that the task names (the six speakers of FSDD; synthetic voices stay), each measured on all media of the group
that was left out. To be affordable the trainings are shorter than the shipped encoder's and see the same samples in every epoch: read the
result as a lower bound.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from fusion.cards.write import Described, write_task
from fusion.config import CHECKPOINTS, StrategyConfig
from fusion.describe import describe_encoders, describe_strategies
from fusion.encoders import collate
from fusion.files import load_json, save_json
from fusion.model import FusionModel, build_strategy, load_encoder, load_weights
from fusion.tasks import Task, find_task
from fusion.training.encoder import EncoderRun, encoder_recipe, train_encoder
from fusion.training.progress import report
from fusion.types import FusionError, Medium


def measure(task: Task, modality: str, folder: Path, media: list[tuple[Medium, int]]) -> float:
    """Accuracy of a checkpoint folder on the media of one group."""
    encoder = load_encoder(folder / "encoders" / modality)
    name = f"{modality}_only"
    model = FusionModel({modality: encoder}, build_strategy(StrategyConfig(name, task.name, len(task.labels), (modality,))))
    model.load_state_dict(load_weights(folder / name), strict=False)
    present = torch.ones(len(media), 1, dtype=torch.bool)
    with torch.inference_mode():
        logits = model.eval()({modality: collate([encoder.prepare(medium) for medium, _ in media])}, present).logits
    return float((logits.argmax(-1) == torch.tensor([label for _, label in media])).float().mean())


def run(task_name: str, data: Path, epochs: int = 12, samples: int | None = None, work: Path | None = None) -> dict[str, object]:
    """Trains, measures and writes; returns {"speakers": {group: accuracy}, "mean", "command"}.

    Args:
        samples: per epoch; those of the encoder's recipe if not given.
        work: keep the checkpoints here, and take up an interrupted run.

    Raises:
        FusionError: the task names no groups.
    """
    task = find_task(task_name)
    found_groups = task.groups(data)
    if not found_groups:
        raise FusionError(f"The task {task.name} defines no groups to leave out.")
    modality, groups = next(iter(found_groups.items()))
    recipe = encoder_recipe(modality, task.encoders[modality], task)
    config = replace(recipe, epochs=epochs, samples=samples or recipe.samples, workers=0)
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        for group, media in groups.items():
            folder = (work or Path(scratch)) / group
            if not (folder / f"{modality}_only" / "model.safetensors").exists():
                training = train_encoder(task, modality, data, folder, config, EncoderRun(leave_out=group, fresh=False))
                report(training, f"without {group}")
            result[group] = round(measure(task, modality, folder, media), 4)
            print(group, result[group], file=sys.stderr, flush=True)
    mean = round(sum(result.values()) / len(result), 4)
    command = f"python -m fusion leave-out --task {task.name} --data DIR --epochs {config.epochs} --samples {config.samples}"
    home = CHECKPOINTS / task.name
    found: dict[str, object] = {"speakers": result, "mean": mean, "command": command}
    save_json(home / "leave_one_speaker_out.json", found)
    if (home / "report.json").exists():  # the report says the newest figure without being measured anew
        save_json(home / "report.json", load_json(home / "report.json") | {"leave_one_speaker_out": found})
        write_task(task.name, Described(describe_strategies(), describe_encoders()))
    return found
