"""Where the weights, reference vectors and metrics of encoders lie. No torch here: cards are written without it.

checkpoints/<task>/encoders/<modality>/       the compact encoder of a modality, on which all strategies are shipped
checkpoints/<task>/encoders/<encoder>/        every other one
checkpoints/<task>/references/<encoder>.safetensors     its vectors of reference samples
<cache>/backbones/<modality>-<digest>/        what was fitted to a pretrained backbone on this machine, and its reference vectors
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fusion.config import cache_folder
from fusion.tasks import Task

BACKBONE = "backbone:"  # prefix of the names of pretrained backbones: "backbone:<hub id or path>"
METRICS = "metrics.json"  # beside an encoder's weights, see `fusion.encoder_metrics`


def encoder_folder(checkpoints: Path, task: Task, modality: str, name: str) -> Path:
    """The folder of an encoder's weights; of a backbone, that of what was fitted to it on this machine."""
    if name.startswith(BACKBONE):
        return cache_folder() / "backbones" / f"{modality}-{short_digest(name)}"
    folder = modality if name == task.encoders[modality] else name
    return checkpoints / task.encoder_tasks[modality] / "encoders" / folder


def open_set_folder(checkpoints: Path, task: Task) -> Path:
    """The folder of what tells "none of these", see `fusion.heads.open_set`."""
    return checkpoints / task.name / "open_set"


def references_file(checkpoints: Path, task: Task, modality: str, name: str) -> Path:
    """The file of an encoder's reference vectors, see `fusion.reference_vectors`."""
    if name.startswith(BACKBONE):
        return encoder_folder(checkpoints, task, modality, name) / "references.safetensors"
    return checkpoints / task.encoder_tasks[modality] / "references" / f"{name}.safetensors"


def short_digest(*parts: str) -> str:
    """16 hexadecimal digits that name a folder."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
