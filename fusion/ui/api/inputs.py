"""What callers of the endpoints give: uploaded files, text, or small arrays, by the names of the task's modalities.

A file is named by the path that an upload answered. It must lie in the upload folder; nothing else is opened, and no address is fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote, urlsplit

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from fusion.media.source import NOUNS
from fusion.messages import DEFAULT_LANGUAGE, either, message, words
from fusion.types import FusionError
from fusion.ui.i18n import LANGUAGES
from fusion.ui.state import LONGEST, MAX_ENCODER, MAX_NAME, WORST, plain, uploaded

LARGEST_ARRAY = 500_000  # numbers
UPLOAD_ROUTE = "/gradio_api/upload"
FILE_ROUTE = "/gradio_api/file="  # of the address under which the server shows an upload
Numbers = Annotated[list[Any], WithJsonSchema({"type": "array", "items": {}})]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class File(BaseModel):
    """An upload: the path that the server answered to it."""

    path: str = Field(max_length=LONGEST["path"])
    orig_name: str | None = None


class Pixels(Strict):
    """A picture as nested lists."""

    pixels: Numbers = Field(description="(H, W) grey or (H, W, 3) red, green, blue; numbers from 0 to 255.")


class Samples(Strict):
    """A sound as a list."""

    rate: int = Field(ge=1, le=768_000, description="Sample rate in Hz.")
    samples: Numbers = Field(description="(N,) mono or (N, C) with C channels; numbers from -1 to 1.")


class Frames(Strict):
    """A clip as nested lists."""

    fps: float = Field(gt=0, le=1000, description="Frames per second.")
    frames: Numbers = Field(description="(T, H, W) grey or (T, H, W, 3) red, green, blue; numbers from 0 to 255.")


ARRAYS: dict[str, type[Strict]] = {"image": Pixels, "audio": Samples, "video": Frames}  # of each kind
Severity = Annotated[int, Field(ge=0, le=WORST)]
FILE_SCHEMA = {  # clients know a file by its `meta`
    "type": "object",
    "title": "File",
    "properties": {
        "path": {"type": "string", "description": "What POST /gradio_api/upload answered."},
        "orig_name": {"type": "string", "description": "Name of the file, for messages."},
        "meta": {"type": "object", "properties": {"_type": {"const": "gradio.FileData"}}},
    },
    "required": ["path"],
}
FileInput = Annotated[File, WithJsonSchema(FILE_SCHEMA)]
Input = str | FileInput | Pixels | Samples | Frames
Named = Annotated[str, Field(max_length=MAX_NAME)]


class Request(Strict):
    """All that the endpoints take; a function checks its own arguments with it."""

    task: Named = ""
    strategy: Named = ""
    method: Literal["attention", "relevance", "occlusion", "shapley"] = "attention"
    label: Named | None = None
    severity: dict[Named, Severity] | None = None
    encoders: dict[Named, Annotated[str, Field(max_length=MAX_ENCODER)]] | None = None
    language: Named = DEFAULT_LANGUAGE


def checked(**values: Any) -> Request:
    """The arguments of an endpoint.

    Raises:
        FusionError: the first of them that is of a wrong type or out of range, in one sentence.
    """
    try:
        request = Request.model_validate({name: value for name, value in values.items() if value is not None})
        if request.language not in LANGUAGES:
            raise FusionError("There is no language named {name!r}; there are {known}.", name=request.language, known=LANGUAGES)
        return request
    except (ValidationError, RecursionError) as error:
        raise _sentence(error, message("The request")) from error


def media_of(given: Mapping[str, Any], kinds: Mapping[str, str], uploads: Path) -> dict[str, Any]:
    """{modality: what `Lab.encode` takes}, of all that is given; null counts as missing.

    Args:
        given: {modality: text, a file, or an array}, as JSON.
        kinds: {modality of the task: its kind}.
        uploads: folder in which uploads lie.

    Raises:
        FusionError: an unknown modality, or a value that is none of its kind, in one sentence.
    """
    there = {name: value for name, value in given.items() if value is not None}
    unknown = [name for name in there if name not in kinds]
    if unknown:
        shown = plain(unknown[0], MAX_NAME)
        raise FusionError("There is no modality named {modality!r}; there are {modalities}.", modality=shown, modalities=words(kinds))
    return {name: _medium(name, kinds[name], value, uploads) for name, value in there.items()}


def merged(named: Mapping[str, Any], others: Any) -> dict[str, Any]:
    """Inputs that have a parameter of their own, and those of the parameter `inputs`."""
    if others is None:
        return dict(named)
    if not isinstance(others, Mapping):
        raise FusionError("inputs must be an object with one entry per modality.")
    twice = [name for name in others if named.get(name) is not None]
    if twice:
        raise FusionError("{name} is given twice.", name=twice[0])
    return {**named, **others}


def _medium(name: str, kind: str, value: Any, uploads: Path) -> Any:
    if isinstance(value, str):
        if kind != "text":
            raise FusionError("{name} must be an uploaded file or an array; text is for modalities that hold text.", name=name)
        return plain(value, LONGEST["text"])
    if not isinstance(value, Mapping):
        raise FusionError("{name} must be text, an uploaded file or an array.", name=name)
    if "path" in value:
        return uploaded_file(name, value, uploads)
    if kind not in ARRAYS:
        raise FusionError("{name} must be text or an uploaded file.", name=name)
    try:
        array = ARRAYS[kind].model_validate(value)
    except (ValidationError, RecursionError) as error:
        raise _sentence(error, name) from error
    return READERS[kind](name, array)


def uploaded_file(name: str, value: Any, uploads: Path) -> Path:
    """The file of an upload.

    Raises:
        FusionError: it does not lie in the upload folder, in one sentence that tells no path of the server.
    """
    try:
        file = File.model_validate(value)
    except ValidationError as error:
        raise _sentence(error, name) from error
    try:
        return uploaded(server_path(file.path), "", uploads)
    except FusionError as error:
        shown = plain(file.orig_name, MAX_NAME) or name
        raise FusionError(
            "{name} is not among the uploads of this server; send it to {address} first.", name=shown, address=UPLOAD_ROUTE
        ) from error


def server_path(path: str) -> str:
    """The path in the address of an upload on this server (the address is read, never asked); any other text is returned as it is."""
    if not path.startswith(("http://", "https://")):
        return path
    try:
        _, found, rest = urlsplit(path).path.partition(FILE_ROUTE)
    except ValueError:
        return ""
    return unquote(rest) if found else ""


def _numbers(name: str, values: list[Any], dimensions: tuple[int, ...], low: float, high: float) -> np.ndarray:
    """A float array of a given number of dimensions, with its numbers in range.

    Raises:
        FusionError: the lists are ragged, hold something else, are too large or have another depth.
    """
    try:
        array = np.asarray(values)
    except (ValueError, RecursionError, OverflowError) as error:
        raise FusionError("The lists of {name} do not form an array.", name=name) from error
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise FusionError("The lists of {name} do not form an array of numbers.", name=name)
    if array.ndim not in dimensions:
        depths = either(str(d) for d in dimensions)
        raise FusionError("{name} must be {depths} lists deep, not {depth}.", name=name, depths=depths, depth=array.ndim)
    if array.size > LARGEST_ARRAY:
        raise FusionError(
            "{name} has {count:,} numbers; larger than {most:,} must be uploaded as a file.",
            name=name,
            count=array.size,
            most=LARGEST_ARRAY,
        )
    if not np.isfinite(array).all() or array.min() < low or array.max() > high:
        raise FusionError("The numbers of {name} must lie between {low:g} and {high:g}.", name=name, low=low, high=high)
    return array


def _picture(name: str, given: Any) -> np.ndarray:
    """(H, W) or (H, W, 3) uint8."""
    array = _numbers(name, given.pixels, (2, 3), 0, 255)
    if array.ndim == 3 and array.shape[2] != 3:
        raise FusionError("A pixel of {name} must be one number or three, not {count}.", name=name, count=array.shape[2])
    return array.round().astype(np.uint8)


def _sound(name: str, given: Any) -> tuple[int, np.ndarray]:
    """Rate in Hz and (N,) or (N, C) float32."""
    return given.rate, _numbers(name, given.samples, (1, 2), -1, 1).astype(np.float32)


def _clip(name: str, given: Any) -> tuple[float, np.ndarray]:
    """Frames per second and (T, H, W, 3) uint8."""
    array = _numbers(name, given.frames, (3, 4), 0, 255)
    if array.ndim == 4 and array.shape[3] != 3:
        raise FusionError("A pixel of {name} must be one number or three, not {count}.", name=name, count=array.shape[3])
    array = array.round().astype(np.uint8)
    return given.fps, array if array.ndim == 4 else np.repeat(array[..., None], 3, -1)


# What pydantic finds wrong with a value, by the type of its error.
NUMBER = message("{name} must be a number.")
WHOLE = message("{name} must be a whole number.")
OBJECT = message("{name} must be an object.")
INVALID = message("{name} is not valid.")
WRONG = {
    "string_type": message("{name} must be text."),
    "string_too_long": message("{name} has more than {max_length} characters."),
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_from_float": WHOLE,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": NUMBER,
    "greater_than": message("{name} must be greater than {gt}."),
    "greater_than_equal": message("{name} must be at least {ge}."),
    "less_than_equal": message("{name} must be at most {le}."),
    "literal_error": message("{name} must be one of {known}."),
    "list_type": message("{name} must be a list."),
    "dict_type": OBJECT,
    "model_type": OBJECT,
    "model_attributes_type": OBJECT,
    "missing": message("{name} is missing."),
    "extra_forbidden": message("There is no field named {name}."),
}

READERS = {"image": _picture, "audio": _sound, "video": _clip}


def _sentence(error: Exception, name: str) -> FusionError:
    """The first thing that is wrong with a value."""
    if not isinstance(error, ValidationError):
        return FusionError("{name} is nested too deeply.", name=name)
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(plain(part, MAX_NAME) for part in first["loc"] if part != "[key]")
    known = Request.model_fields.get(where)
    limits = {key: f"{limit:g}" for key, limit in first.get("ctx", {}).items() if isinstance(limit, int | float)}
    values = limits | {"known": get_args(known.annotation) if known else ()}
    return FusionError(str(WRONG.get(first["type"], INVALID)), name=where or name, **values)


assert set(ARRAYS) | {"text"} == set(NOUNS)
