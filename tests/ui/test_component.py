"""Templates are code in the browser, so ours are constant: what a visitor typed is never part of one."""

from __future__ import annotations

import re

from fusion.ui.component import as_id, view


def test_a_view_has_a_constant_template() -> None:
    evil = "${alert(1)} {{x}} `<img src=x onerror=alert(2)>"
    template = view("slot", evil, modality="image").html_template
    assert template == view("slot", "", modality="image").html_template == '<div class="fl-view"></div>'


NAMES = (
    "left camera",
    "left-camera",
    "left_camera",
    "left  camera",
    "leftcamera",
    "left_20_camera",
    "Left camera",
    "左",
    "右",
    "😀",
    "é",
    "e",
)


def test_each_modality_has_an_id_of_its_own() -> None:
    """Whatever it is called."""
    ids = [view("slot", modality=name).elem_id for name in NAMES]
    assert len(set(ids)) == len(NAMES) and all(re.fullmatch(r"fl-slot-[A-Za-z0-9_]+", found) for found in ids)
    assert view("slot", modality="audio").elem_id == "fl-slot-audio" and view("tasks").elem_id == "fl-tasks"
    assert as_id("left camera") == "left_20_camera"
