"""The parameters of the endpoints, each typed and described once.

gradio, its clients and MCP read signatures and docstrings; `documented` writes both.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, TypedDict, TypeVar, cast, get_type_hints

from fusion.ui.api.inputs import FileInput, Input, Severity

F = TypeVar("F", bound=Callable[..., Any])


class Inputs(TypedDict, total=False):
    """What every endpoint takes that answers an input."""

    image: FileInput | None
    text: str | None
    audio: FileInput | None
    video: FileInput | None
    severity: dict[str, Severity] | None
    encoders: dict[str, str] | None
    inputs: dict[str, Input] | None


DESCRIPTIONS = {  # in the order in which values without names are taken
    "task": 'Name of a task; the first one if it is left out. "tasks" lists them.',
    "strategy": 'Name of a strategy or baseline; cross_attention if it is left out. "describe" lists them.',
    "method": "attention, relevance (integrated gradients) or occlusion (slow) of tokens, or shapley values of modalities.",
    "image": "An uploaded picture (PNG, JPEG, WebP, TIFF and more).",
    "text": "The text, at most 2,000 characters.",
    "audio": "An uploaded sound (WAV, MP3, Ogg, FLAC and more), or a clip for its sound; at most 30 seconds are read.",
    "video": "An uploaded clip (MP4, WebM, AVI, GIF and more); at most 30 seconds are read.",
    "label": "The label to explain; the strategy's own answer if it is left out.",
    "severity": 'How much to corrupt each modality, from 0 (not at all) to 5, by modality: {"image": 3}.',
    "encoders": 'Encoders to read with instead of the task\'s own, by modality. "encoders" lists them.',
    "inputs": "Inputs by the name of their modality: text, an uploaded file, or a small array. For modalities of any name.",
}
ORDER = list(DESCRIPTIONS)


def documented(**special: str) -> Callable[[F], F]:
    """Gives a method whose last parameter is `**given: Unpack[Inputs]` those parameters by name, and describes all parameters.

    `special` are descriptions that differ from `DESCRIPTIONS`.
    """

    def decorate(function: F) -> F:
        shown = expanded(function)
        names = [name for name in shown.parameters if name != "self"]
        lines = [f"    {name}: {special.get(name, DESCRIPTIONS[name])}" for name in names]

        @wraps(function)
        def called(*values: Any, **named: Any) -> Any:
            return function(**shown.bind(*values, **named).arguments)

        called.__signature__ = shown  # type: ignore[attr-defined]
        called.__annotations__ = {name: shown.parameters[name].annotation for name in names} | {"return": shown.return_annotation}
        called.__doc__ = "\n".join([str(function.__doc__), "", "Args:", *lines])
        return cast(F, called)

    return decorate


def expanded(function: Callable[..., Any]) -> Signature:
    """The signature of a method with the parameters of `Inputs` in place of `**given`, in the order of `ORDER`."""
    hints = get_type_hints(function, include_extras=True)
    own = signature(function).parameters.values()
    named = [p.replace(annotation=hints[p.name]) for p in own if p.kind is not Parameter.VAR_KEYWORD and p.name != "self"]
    if len(named) + 1 < len(own):
        shared = get_type_hints(Inputs, include_extras=True).items()
        named += [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kind) for name, kind in shared]
    ordered = sorted(named, key=lambda p: ORDER.index(p.name))
    return Signature([Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *ordered], return_annotation=hints["return"])
