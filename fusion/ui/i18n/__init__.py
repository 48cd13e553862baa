"""Every text of the page, one file per language: `<language>.json`; `{name}` is filled in where it is shown.

Descriptions of strategies come from the strategies themselves, in English; `strategy.<name>.title` and `.idea` override them.
"""

from __future__ import annotations

import json
from pathlib import Path

FOLDER = Path(__file__).parent
LANGUAGES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


def load_text() -> dict[str, dict[str, str]]:
    """{language: {key: text}}."""
    return {language: json.loads((FOLDER / f"{language}.json").read_text("utf-8")) for language in LANGUAGES}
