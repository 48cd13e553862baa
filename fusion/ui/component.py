"""The one kind of component the page is made of: a constant template that a script of ours fills.

Templates of `gr.HTML` are run as code in the browser: a `${...}` inside a value would run, even through `{{ }}`. So no value ever
reaches a template here; scripts write text with `textContent` only (see `web/core.js`).
"""

from __future__ import annotations

from typing import Any

import gradio as gr


def as_id(name: str) -> str:
    """The name of a modality as part of an element's id: "left camera" is "left_20_camera", and no two names have the same.

    `FusionLab.asId` in `web/core.js` does the same.
    """
    return "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}_" for c in name)


def view(name: str, value: str = "", frame: bool = False, **props: Any) -> gr.HTML:
    """A view drawn by `FusionLab.view(name, ...)` in the browser; `frame` puts it in a bordered box."""
    classes = "fl-view fl-card-box" if frame else "fl-view"
    return gr.HTML(
        value=value,
        html_template=f'<div class="{classes}"{" data-result" if frame else ""}></div>',
        # the names of our events must stand here in quotes, or the component does not have them: "input"
        js_on_load=f'FusionLab.mount("{name}", {{ element, props, trigger, watch, upload }}); /* "input" */',
        apply_default_css=False,
        elem_id="-".join(["fl", name, *([as_id(props["modality"])] if "modality" in props else [])]),
        elem_classes=["fl-block-host"],
        **props,
    )
