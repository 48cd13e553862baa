"""How the page looks and what the browser gets with it: a calm theme with system fonts, our style sheets and scripts."""

from __future__ import annotations

import json

import gradio as gr

from fusion.ui.text import ASSETS, load_text

STYLES = ("page.css", "slot.css", "results.css", "inside.css")
SCRIPTS = (
    *("core.js", "acts.js", "history.js", "details.js", "frame.js", "announce.js", "pad_keys.js", "pad.js", "recorder.js", "slot.js"),
    *("readers.js", "strategies.js", "diagram.js", "table.js", "place.js"),
    *("training.js", "story.js", "outcome.js", "shares.js", "medium.js", "seen.js", "attention.js"),
    *("tabs.js", "numbers.js", "panels.js", "tracks.js", "scatter.js", "inside.js"),
)
FONTS = ("ui-sans-serif", "system-ui", "sans-serif")  # of the visitor's own system: nothing is fetched from elsewhere
MONO = ("ui-monospace", "Consolas", "monospace")


def build_theme() -> gr.Theme:
    """Gradio's Soft theme on a white ground, or a dark one, whichever the visitor's system asks for."""
    theme = gr.themes.Soft(primary_hue="sky", secondary_hue="sky", neutral_hue="slate", font=FONTS, font_mono=MONO)
    return theme.set(body_background_fill="#ffffff", body_background_fill_dark="#0e1318", background_fill_primary="#ffffff")


def as_script(value: object) -> str:
    """JSON that may stand inside a script element: no text can close it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


def build_head() -> str:
    """Styles and scripts for the page's head; they are there before any view starts, so nothing flashes."""
    style = "\n".join((ASSETS / name).read_text("utf-8") for name in STYLES)
    script = "\n".join((ASSETS / name).read_text("utf-8") for name in SCRIPTS)
    return f"<style>{style}</style><script>(() => {{ const TEXT = {as_script(load_text())};\n{script}\n}})();</script>"
