"""The lines in which events wait, as arguments of gradio's event listeners."""

from __future__ import annotations

from typing import Any

AT_ONCE = 8  # events that are worked on; most of them decode, or wait until they may compute
PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": AT_ONCE, **PRIVATE}  # whatever may run a model
FORMAT: dict[str, Any] = {"concurrency_id": "format", "concurrency_limit": None, **PRIVATE}  # what computes nothing
TRAINING: dict[str, Any] = {"concurrency_id": "training", "concurrency_limit": None, **PRIVATE}
PLAYGROUND: dict[str, Any] = {"concurrency_id": "playground", "concurrency_limit": 2, **PRIVATE}  # computed on a thread of its own
