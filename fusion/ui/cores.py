"""How many processors the page computes on: all that it may use but one.

The threads of an operation wait for one another. Where they are as many as there are processors, and the browser or the server's own
thread takes one, all wait for the one that lost its place: on two processors, one of them busy, the strategies took three times as long
with two threads as with one. A container is often allowed fewer processors than it sees.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # "200000 100000": two processors; "max 100000": all


def count_cores(quota: Path = QUOTA) -> int:
    """Processors that this process may use at the same time, at least 1."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return there if allowed == "max" else min(there, max(1, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no such limit on this system
        return there


def leave_one_core() -> None:
    """Tells PyTorch how many threads an operation may have; what the variable OMP_NUM_THREADS says stays."""
    if "OMP_NUM_THREADS" not in os.environ:
        import torch

        torch.set_num_threads(max(1, count_cores() - 1))
