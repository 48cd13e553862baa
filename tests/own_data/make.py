"""Small data sets that are generated for the tests."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

CLASSES = ("red", "green", "blue")


def write_csv(path: Path, rows: list[dict[str, Any]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def picture(rng: np.random.Generator, label: int, size: int = 40) -> Image.Image:
    """Large blobs of random colours, in which the channel of the label is brighter."""
    coarse = rng.integers(0, 160, (5, 5, 3))
    coarse[..., label] += 95
    return Image.fromarray(coarse.astype(np.uint8)).resize((size, size), Image.Resampling.NEAREST)


def sound(path: Path, rng: np.random.Generator, label: int, seconds: float = 0.6, rate: int = 16000) -> None:
    t = np.arange(int(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * f * t + rng.uniform(0, 6)) for f in rng.uniform(200, 6000, 6))
    samples = 0.05 * tones + 0.3 * np.sin(2 * np.pi * (300, 900, 2700)[label] * t)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.astype(np.float32), rate)


def pictures_and_sounds(root: Path, count: int = 24, seed: int = 0, sounds: bool = True) -> Path:
    """metadata.csv with photo_file_name, sound_path, words and label; nothing is wrong with it."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        label = i % len(CLASSES)
        (root / "photos").mkdir(parents=True, exist_ok=True)
        picture(rng, label).save(root / "photos" / f"{i:03}.bmp")  # every file has as many bytes
        row = {"photo_file_name": f"photos/{i:03}.bmp"}
        if sounds:
            sound(root / "sounds" / f"{i:03}.wav", rng, label)
            row["sound_path"] = f"sounds/{i:03}.wav"
        rows.append(row | {"label": CLASSES[label]})
    write_csv(root / "metadata.csv", rows)
    return root


def vectors(root: Path, count: int = 120, seed: int = 0, both: bool = True) -> Path:
    """data.npz with vectors `a` and `b` of which each shows half of the label, and `label`."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, 2))
    root.mkdir(parents=True, exist_ok=True)
    a, b = (bits[:, m, None] * rng.normal(size=(1, 5)) * 2 + rng.normal(0, 0.4, (count, 5)) for m in range(2))
    label = bits[:, 0] * 2 + bits[:, 1] if both else bits[:, 0]
    np.savez(root / "data.npz", a=a.astype(np.float32), b=b.astype(np.float32), label=label)
    return root


def series(root: Path, count: int = 60, seed: int = 0) -> Path:
    """metadata.csv with arrays of 50 steps x 2 channels, whose frequency goes with the label, and a number."""
    rng = np.random.default_rng(seed)
    rows = []
    (root / "move").mkdir(parents=True, exist_ok=True)
    for i in range(count):
        label = int(rng.integers(0, 2))
        t = np.arange(50 + i % 7)
        x = np.stack([np.sin(t * (0.2 + 0.5 * label) + rng.uniform(0, 6)), rng.normal(size=len(t))], 1)
        np.save(root / "move" / f"{i}.npy", x.astype(np.float32))
        rows.append(
            {
                "move_file_name": f"move/{i}.npy",
                "weight": round(float(rng.normal(60 + 2 * label, 5)), 1),
                "class": "slow fast".split()[label],
            }
        )
    write_csv(root / "metadata.csv", rows)
    return root
