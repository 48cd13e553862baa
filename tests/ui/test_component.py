"""Templates are code in the browser, so ours are constant: what a visitor typed is never part of one."""

from __future__ import annotations

from fusion.ui.component import view


def test_a_view_has_a_constant_template() -> None:
    evil = "${alert(1)} {{x}} `<img src=x onerror=alert(2)>"
    template = view("slot", evil, modality="image").html_template
    assert template == view("slot", "", modality="image").html_template == '<div class="fl-view"></div>'
