"""Leave one group out: how well does an encoder read media of somebody it never met?

    python -m fusion.evaluation.leave_out DATA        writes checkpoints/<task>/leave_one_speaker_out.json

One training for each group that the task names (the six speakers of FSDD; synthetic voices stay), each measured on all media of the group
that was left out. To be affordable the trainings are shorter than the shipped encoder's and see the same samples in every epoch: read the
result as a lower bound.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from fusion.cards import strategies as cards
from fusion.command import end_with_a_sentence
from fusion.config import CHECKPOINTS, StrategyConfig
from fusion.encoders import collate
from fusion.files import load_json, save_json
from fusion.model import FusionModel, build_strategy, load_encoder, load_weights
from fusion.tasks import DEFAULT, Task, find_task
from fusion.training.train import encoder_recipe, report, train_encoder
from fusion.types import FusionError, Medium


def measure(task: Task, modality: str, folder: Path, media: list[tuple[Medium, int]]) -> float:
    """Accuracy of a checkpoint folder on the media of one group."""
    encoder, name = load_encoder(folder / "encoders" / modality), f"{modality}_only"
    model = FusionModel({modality: encoder}, build_strategy(StrategyConfig(name, task.name, len(task.labels), (modality,))))
    model.load_state_dict(load_weights(folder / name), strict=False)
    present = torch.ones(len(media), 1, dtype=torch.bool)
    with torch.inference_mode():
        logits = model.eval()({modality: collate([encoder.prepare(medium) for medium, _ in media])}, present).logits
    return float((logits.argmax(-1) == torch.tensor([label for _, label in media])).float().mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--task", default=DEFAULT)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--samples", type=int, help="per epoch; those of the encoder's recipe if not given")
    parser.add_argument("--work", type=Path, help="keep the checkpoints here, and take up an interrupted run")
    arguments = parser.parse_args()
    task = find_task(arguments.task)
    found_groups = task.groups(arguments.data)
    if not found_groups:
        raise FusionError(f"The task {task.name} names no groups to leave out.")
    modality, groups = next(iter(found_groups.items()))
    recipe = encoder_recipe(modality, task.encoders[modality], task)
    config = replace(recipe, epochs=arguments.epochs, samples=arguments.samples or recipe.samples, workers=0)
    result = {}
    with tempfile.TemporaryDirectory() as scratch:
        for group, media in groups.items():
            folder = (arguments.work or Path(scratch)) / group
            if not (folder / f"{modality}_only" / "model.safetensors").exists():
                report(train_encoder(task, modality, arguments.data, folder, config, leave_out=group, fresh=False), f"without {group}")
            result[group] = round(measure(task, modality, folder, media), 4)
            print(group, result[group], flush=True)
    mean = round(sum(result.values()) / len(result), 4)
    command = f"python -m fusion.evaluation.leave_out DATA --epochs {config.epochs} --samples {config.samples}"
    home, found = CHECKPOINTS / task.name, {"speakers": result, "mean": mean, "command": command}
    save_json(home / "leave_one_speaker_out.json", found)
    if (home / "report.json").exists():  # the report says the newest figure without being measured anew
        save_json(home / "report.json", load_json(home / "report.json") | {"leave_one_speaker_out": found})
        cards.write(task.name)
    print("mean", mean)


if __name__ == "__main__":
    end_with_a_sentence(main)
