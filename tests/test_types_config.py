"""mypy is strict everywhere; only packages that ship no types are excused."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_everything_is_checked_strictly():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]
    assert settings["strict"] is True
    assert settings["files"] == ["fusion", "app.py"]
    assert not {"ignore_errors", "ignore_missing_imports", "exclude", "disable_error_code"} & set(settings)
    for entry in settings["overrides"]:
        assert set(entry) == {"module", "ignore_missing_imports"}
        assert not any(name.startswith("fusion") for name in entry["module"])
