"""Every word of ours on the page, in two languages: `assets/text.<language>.json`; `{name}` is filled in where it is shown.

Descriptions of strategies come from the strategies themselves, in English; `strategy.<name>.title` and `.idea` override them.
"""

from __future__ import annotations

import json
from pathlib import Path

ASSETS = Path(__file__).with_name("assets")
LANGUAGES = tuple(sorted(path.name.split(".")[1] for path in ASSETS.glob("text.*.json")))


def load_text() -> dict[str, dict[str, str]]:
    """{language: {key: text}}."""
    return {language: json.loads((ASSETS / f"text.{language}.json").read_text("utf-8")) for language in LANGUAGES}
