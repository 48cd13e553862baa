"""The worked examples of every task: `EXAMPLES` {name: example} and `make_example(name)` of each."""

from __future__ import annotations

from types import SimpleNamespace

from fusion.tasks import TASKS

EXAMPLES_OF = {name: SimpleNamespace(EXAMPLES=task.examples, make_example=task.make_example) for name, task in TASKS.items()}
