"""The functions of the API as endpoints of gradio: typed by the schemas of pydantic, and in the queue with everything that runs a model."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, get_type_hints

import gradio as gr
from gradio.events import api
from gradio.utils import get_function_description
from pydantic import TypeAdapter

from fusion.messages import message
from fusion.types import FusionError
from fusion.ui.api.functions import Functions
from fusion.ui.events import AT_ONCE
from fusion.ui.i18n import say
from fusion.ui.service import TaskServices

logger = logging.getLogger(__name__)
UNEXPECTED = message("An unexpected error happened on the server; its log has the details.")
# An explanation can take seconds: one at a time, so that it never takes the places of those who want an answer.
QUEUES: dict[str, dict[str, Any]] = {
    "tasks": {"concurrency_id": "format", "concurrency_limit": None},
    "explain": {"concurrency_id": "explain", "concurrency_limit": 1},
}
MODEL: dict[str, Any] = {"concurrency_id": "model", "concurrency_limit": AT_ONCE}


def register(blocks: gr.Blocks, services: TaskServices) -> None:
    """Adds all endpoints to blocks that are being built."""
    functions = Functions(services)
    for function in (functions.tasks, functions.describe, functions.predict, functions.compare, functions.explain, functions.encoders):
        name = function.__name__
        dependency = api(answered(function), api_name=name, **QUEUES.get(name, MODEL))
        _set_schemas(blocks.fns[dependency["id"]], function)


def answered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its answer as JSON, and with any error as one sentence in the language that was asked for."""
    parameters = signature(function)

    @wraps(function)
    def answer(*values: Any) -> Any:
        language = parameters.bind(*values).arguments.get("language")
        try:
            found = function(*values)
        except FusionError as error:
            raise gr.Error(say(error.message, language), print_exception=False) from None
        except Exception:
            logger.exception("The endpoint %s failed", function.__name__)
            raise gr.Error(say(UNEXPECTED, language), print_exception=False) from None
        return TypeAdapter(get_type_hints(function)["return"]).dump_python(found, mode="json")

    answer.__signature__ = signature(function)  # type: ignore[attr-defined]  # of a method: without self
    return answer


def _set_schemas(event: Any, function: Callable[..., Any]) -> None:
    """Gives the components of an endpoint the full schemas of their types; gradio's own know no ranges and no descriptions."""
    hints = get_type_hints(function, include_extras=True)
    event.outputs[0]._api_info = schema_of(hints.pop("return"))
    _, described, _ = get_function_description(function)
    for component, (name, kind) in zip(event.inputs, hints.items(), strict=True):
        # OpenAPI shows the one description, gradio_client the other
        component._api_info = schema_of(kind) | {"description": described[name], "additional_description": described[name]}


def schema_of(kind: Any) -> dict[str, Any]:
    """JSON schema of a type, in one piece: some readers do not follow references. Of an optional type it is that of the value."""
    schema = TypeAdapter(kind).json_schema()
    definitions = schema.pop("$defs", {})
    whole: dict[str, Any] = _resolved(schema, definitions)
    options = whole.get("anyOf", [])
    real = [option for option in options if option != {"type": "null"}]
    if len(real) == 1 and len(options) == 2:
        return dict(real[0])
    return whole


def _resolved(part: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(part, list):
        return [_resolved(item, definitions) for item in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        named = definitions[part["$ref"].rsplit("/", 1)[-1]]
        return _resolved(named | {key: value for key, value in part.items() if key != "$ref"}, definitions)
    # gradio's clients take no truth value where a schema of other properties can stand
    return {key: _resolved(value, definitions) for key, value in part.items() if not (key == "additionalProperties" and value is False)}
