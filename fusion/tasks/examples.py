"""The worked examples of every task: a module with `EXAMPLES` {name: title, story, severity} and `make_example(name)` each."""

from __future__ import annotations

from types import ModuleType

from fusion.tasks.digits import examples as digits
from fusion.tasks.digits_add import examples as digits_add
from fusion.tasks.digits_find import examples as digits_find
from fusion.tasks.scenes import examples as scenes

EXAMPLES_OF: dict[str, ModuleType] = {"digits": digits, "digits-add": digits_add, "digits-find": digits_find, "scenes": scenes}
