"""Leave-one-speaker-out on FSDD: how well does the audio encoder hear somebody it never heard?

    python -m fusion.evaluation.leave_out DATA        writes checkpoints/digits/leave_one_speaker_out.json

Six trainings, each without one speaker (synthetic voices stay), each measured on all 500 recordings of that speaker. To be affordable
they are shorter than the shipped encoder's and see the same samples in every epoch: read the result as a lower bound.
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
from fusion.tasks.digits import LABELS, sources
from fusion.training.train import RECIPES, report, train_encoder

SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


def measure(folder: Path, data: Path, speaker: str) -> float:
    """Accuracy of a checkpoint folder on everything a speaker said."""
    encoder = load_encoder(folder / "encoders" / "audio")
    model = FusionModel({"audio": encoder}, build_strategy(StrategyConfig("audio_only", "digits", len(LABELS), ("audio",))))
    model.load_state_dict(load_weights(folder / "audio_only"), strict=False)
    speech = sources.load_fsdd(data, "test", leave_out=speaker)
    with torch.inference_mode():
        logits = model.eval()(
            {"audio": collate([encoder.prepare(s) for s in speech.sounds])}, torch.ones(len(speech.sounds), 1, dtype=torch.bool)
        ).logits
    return float((logits.argmax(-1).numpy() == speech.labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--samples", type=int, default=RECIPES["audio_only"].samples)
    parser.add_argument("--work", type=Path, help="keep the six checkpoints here, and take up an interrupted run")
    arguments = parser.parse_args()
    config, result = replace(RECIPES["audio_only"], epochs=arguments.epochs, samples=arguments.samples, workers=0), {}
    with tempfile.TemporaryDirectory() as scratch:
        for speaker in SPEAKERS:
            folder = (arguments.work or Path(scratch)) / speaker
            if not (folder / "audio_only" / "model.safetensors").exists():
                report(
                    train_encoder("digits", "audio", arguments.data, folder, config, leave_out=speaker, fresh=False), f"without {speaker}"
                )
            result[speaker] = round(measure(folder, arguments.data, speaker), 4)
            print(speaker, result[speaker], flush=True)
    mean = round(sum(result.values()) / len(result), 4)
    command = f"python -m fusion.evaluation.leave_out DATA --epochs {config.epochs} --samples {config.samples}"
    home, found = CHECKPOINTS / "digits", {"speakers": result, "mean": mean, "command": command}
    save_json(home / "leave_one_speaker_out.json", found)
    if (home / "report.json").exists():  # the report says the newest figure without being measured anew
        save_json(home / "report.json", load_json(home / "report.json") | {"leave_one_speaker_out": found})
        cards.write("digits")
    print("mean", mean)


if __name__ == "__main__":
    end_with_a_sentence(main)
