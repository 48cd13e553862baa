"""The Fuse page: inputs left, flow in the middle, prediction right, and below it what the encoders and the attention show."""

from __future__ import annotations

from typing import Any

import gradio as gr

from fusion.ui.component import view
from fusion.ui.events import FORMAT, MODEL
from fusion.ui.pages.base import Page
from fusion.ui.pages.fuse import training
from fusion.ui.serialize import to_json
from fusion.ui.updates import extended, numbers_of


class Tab(Page):
    """Most of what a visitor sets is on this page: it fills `frame.values`."""

    title = "Fuse"

    def layout(self) -> None:
        state = self.frame.state
        with gr.Row(elem_id="fl-columns"):
            with gr.Column():
                self.slots = {m: view("slot", slot.json(), modality=m) for m, slot in state.slots.items()}
                self.encoder_choice = view("encoder-choice", to_json({"choice": state.encoder_choice}))
                self.training = view("training")
            with gr.Column():
                self.strategy = view("strategies", state.strategy)
                view("diagram", frame=True)
                view("shares", frame=True)
            with gr.Column():
                view("outcome", frame=True)
                view("table", frame=True)
        view("encoder-views", frame=True)
        view("attention", frame=True)
        self.export = view("export", self.frame.handlers.pack(state, touched=False), frame=True)
        frame = self.frame
        frame.values = [*self.slots.values(), frame.task, self.strategy, frame.language, frame.tabs, self.encoder_choice]

    def wire(self) -> None:
        handlers, values = self.frame.handlers, self.frame.values

        def edited(*given: Any) -> str:
            *values, held = given
            return handlers.edited(*values, held=held).reply(values)

        def looked(*values: Any) -> str:
            return extended(handlers.looked(*values), numbers_of(values))

        edits = [*(slot.input for slot in self.slots.values()), self.encoder_choice.input]
        gr.on(edits, edited, [*values, self.frame.held], self.frame.result, trigger_mode="always_last", **MODEL)
        for chooser in (self.strategy, self.frame.language, self.frame.tabs):
            chooser.input(looked, values, self.export, trigger_mode="always_last", **FORMAT)
        moves = [self.encoder_choice, self.frame.task]
        training.wire(self.training, values, moves, training.Handlers(self.services))
