"""Training on a visitor's choice of encoders, in a process beside the queue in which inputs are answered.

The browser asks {"ask": "train"} or {"ask": "cancel"}. It is told twice a second how the job stands, one of

    {"kind": "training", "position": jobs before it}                           it waits
    {"kind": "training", "what", "share" in [0, 1], "left" in seconds or null}     it runs
    {"kind": "trained"}, {"kind": "cancelled"}, {"kind": "error", "text" or "key"}     it has ended

After "trained" the browser asks for its answer again. When a visitor leaves, gradio closes the generator, and the job ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

import gradio as gr

from fusion.config import CHECKPOINTS
from fusion.encoder_choice import choose, heads_folder
from fusion.tasks import TASKS
from fusion.training.heads import are_trained
from fusion.training.heads_worker import command_for
from fusion.training.jobs import JobQueue, Standing
from fusion.types import FusionError
from fusion.ui.events import TRAINING
from fusion.ui.serialize import to_json
from fusion.ui.service import TaskServices
from fusion.ui.state import PageState, from_browser

logger = logging.getLogger(__name__)
PAUSE = 0.5  # seconds between two looks at the job


class Handlers:
    """Takes and returns plain values, as those of the Fuse page do."""

    def __init__(
        self, services: TaskServices, jobs: JobQueue | None = None, command: Callable[[str, Mapping[str, str]], list[str]] = command_for
    ) -> None:
        self.services, self.jobs, self._command = services, jobs or JobQueue(), command

    async def asked(self, ask: Any, session: str, *values: Any) -> AsyncGenerator[str, None]:
        """The button was pressed: how the job stands, as JSON, until it has ended."""
        wish = from_browser(ask).get("ask")
        if wish == "cancel":
            self.jobs.cancel(session)
            yield to_json({"kind": "cancelled"})
        if wish != "train":
            return
        try:
            async for said in self._train(session, *self._wanted(values)):
                yield to_json(said)
        except FusionError as error:
            yield to_json({"kind": "error", "text": error.message.to_json()})
        except Exception:
            logger.exception("A training could not be started")
            yield to_json({"kind": "error", "key": "status.unexpected"})

    def moved(self, session: str, *values: Any) -> None:
        """Another task or other encoders were chosen: a job for something else ends."""
        try:
            self.jobs.cancel(session, unless=_key(*self._wanted(values)))
        except FusionError:  # an encoder that does not exist is not what is being trained
            self.jobs.cancel(session)

    def _wanted(self, values: tuple[Any, ...]) -> tuple[str, dict[str, str]]:
        state = PageState.read(self.services.modalities, values)
        task = self.services.task(state.task)
        return task, choose(TASKS[task], state.encoder_choice or "compact")

    async def _train(self, session: str, task: str, choice: dict[str, str]) -> AsyncGenerator[dict[str, Any], None]:
        home = heads_folder(CHECKPOINTS, TASKS[task], choice)
        self.services.backbones.check(choice)
        if are_trained(TASKS[task], choice, home):  # by somebody else, since the page was drawn
            await asyncio.to_thread(self.services.forget, task, choice)
            yield {"kind": "trained"}
            return
        ticket = self.jobs.join(session, _key(task, choice), self._command(task, choice), lambda: self.services.forget(task, choice))
        try:
            standing = self.jobs.poll(ticket)
            while standing.state in ("waiting", "running"):
                yield _told(standing)
                await asyncio.sleep(PAUSE)
                standing = self.jobs.poll(ticket)
            yield _told(standing)
        finally:  # also when the visitor has left
            self.jobs.leave(ticket)


def _told(standing: Standing) -> dict[str, Any]:
    if standing.state == "waiting":
        return {"kind": "training", "position": standing.position}
    if standing.state == "running":
        return {"kind": "training", "what": standing.what, "share": standing.share, "left": standing.left}
    if standing.state == "failed":
        return {"kind": "error", "text": standing.error.to_json()}
    return {"kind": "trained" if standing.state == "done" else "cancelled"}


def _key(task: str, choice: Mapping[str, str]) -> str:
    return json.dumps([task, choice], sort_keys=True)


def wire(component: gr.HTML, values: list[gr.HTML], moves: list[gr.HTML], handlers: Handlers) -> None:
    """Connects events, none of which waits in the queue of those that run a model. `moves`: components that choose task and encoders."""

    async def asked(ask: Any, request: gr.Request, *values: Any) -> AsyncGenerator[str, None]:
        told = handlers.asked(ask, str(request.session_hash), *values)
        async with aclosing(told):
            async for said in told:
                yield said

    def moved(request: gr.Request, *values: Any) -> None:
        handlers.moved(str(request.session_hash), *values)

    component.input(asked, [component, *values], component, trigger_mode="multiple", **TRAINING)
    for chooser in moves:
        chooser.input(moved, values, None, trigger_mode="multiple", **TRAINING)
