"""How the page looks and what the browser gets with it: a calm theme with system fonts, our style sheets and scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from fusion.messages import DEFAULT_LANGUAGE
from fusion.ui.i18n import load_text
from fusion.ui.pages import NAMES

FOLDER = Path(__file__).parent
FONTS = ("ui-sans-serif", "system-ui", "sans-serif")  # of the visitor's own system: nothing is fetched from elsewhere
MONO = ("ui-monospace", "Consolas", "monospace")


def build_theme() -> gr.Theme:
    """Gradio's Soft theme on a white ground, or a dark one, whichever the visitor's system asks for."""
    theme = gr.themes.Soft(primary_hue="sky", secondary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO)
    return theme.set(body_background_fill="#ffffff", body_background_fill_dark="#0e1318", background_fill_primary="#ffffff")


def as_script(value: object) -> str:
    """JSON that may stand inside a script element: no text can close it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def assets(ending: str) -> Iterator[Path]:
    """The shared scripts or styles (`.js`, `.css`), those that others build on first, then those of each page."""
    shared = sorted((FOLDER / "web").glob(f"*{ending}"), key=lambda path: (path.stem != "core", path.name))
    yield from shared
    for name in NAMES:
        yield from sorted((FOLDER / "pages" / name).glob(f"*{ending}"))


def build_head() -> str:
    """Styles and scripts for the page's head; they are there before any view starts, so nothing flashes."""
    closed = [f'html:not([data-page="{name}"]) #fl-page-{name} {{ display: none !important; }}' for name in NAMES]
    style = "\n".join([*closed, *(path.read_text("utf-8") for path in assets(".css"))])
    script = "\n".join(path.read_text("utf-8") for path in assets(".js"))
    text = f"const TEXT = {as_script(load_text())}, ENGLISH = {as_script(DEFAULT_LANGUAGE)};"
    return f"<style>{style}</style><script>(() => {{ {text}\n{script}\n}})();</script>"
