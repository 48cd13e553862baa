"""What was measured of an encoder: `metrics.json` beside its weights says how well a linear probe reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypedDict

from fusion.files import load_json
from fusion.paths import METRICS
from fusion.types import FusionError


class EncoderMetrics(TypedDict, total=False):
    """probe, probe_severity_3  accuracy of a linear probe in [0, 1] on `samples` test samples, clean and at severity 3
    command                  measured them, on `date`
    """

    probe: float
    probe_severity_3: float
    samples: int
    command: str
    date: str


SHOWN_TYPES: dict[str, Any] = {"probe": int | float, "probe_severity_3": int | float}


def read_metrics(folder: Path) -> EncoderMetrics:
    """The metrics in the folder of an encoder's weights.

    Raises:
        FusionError: they are missing or damaged, in one sentence.
    """
    metrics = load_json(folder / METRICS)
    if not isinstance(metrics, dict) or not all(isinstance(metrics[key], kind) for key, kind in SHOWN_TYPES.items() if key in metrics):
        raise FusionError("{folder}/{file} is damaged: it contains no metrics of an encoder.", folder=folder.name, file=METRICS)
    found: EncoderMetrics = metrics  # type: ignore[assignment]  # checked above
    return found
