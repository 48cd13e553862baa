"""Sentences that a person reads, as a template and its values, so that the page can show them in its own language.

    said = message("{name} was trimmed to its first {count:g} seconds.", name="a.wav", count=30.0)
    str(said)        'a.wav was trimmed to its first 30 seconds.'
    said.template    '{name} was trimmed to its first {count} seconds.'
    said.values      {'name': 'a.wav', 'count': '30'}

The English template is the code of the message: the page looks it up as it stands, `"said.<template>"` in `text.<language>.json`, and
fills in the values. Values may be messages themselves ("a PNG image", the reason of a failure), or lists, which are joined by commas.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping
from typing import Any

DEFAULT_LANGUAGE = "en"  # of the templates; shown where another language has no words
_FORMATTER = string.Formatter()


class Message(str):
    """An English sentence or word that knows how it was made. Made by `message`; a str in every other way.

    Attributes:
        template: the sentence with `{name}` where a value stands; formats are already applied to the values.
        values: {name: str, Message, or a list of these}.
    """

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, values: Mapping[str, Any]) -> Message:
        said = super().__new__(cls, _fill(template, values))
        said.template, said.values = template, dict(values)
        return said

    def __reduce__(self) -> tuple[type[Message], tuple[str, dict[str, Any]]]:
        return Message, (self.template, self.values)

    def to_json(self) -> dict[str, Any]:
        """{"template": ..., "values": {name: str, list, or the same of another message}}."""
        return {"template": self.template, "values": {name: _packed(value) for name, value in self.values.items()}}

    @classmethod
    def from_json(cls, found: Any) -> Message:
        """What `to_json` gave; anything else is taken as a sentence without values."""
        if not isinstance(found, dict) or not isinstance(found.get("values"), dict):
            return cls(str(found), {})
        return cls(str(found.get("template", "")), {str(name): _unpacked(value) for name, value in found["values"].items()})


def message(template: str, /, **values: Any) -> Message:
    """A message from an English template; `{name:format}` and `{name!r}` are as in `str.format`.

    Args:
        template: a literal, so that a test can find every message in the sources; without values it is taken as it stands.
        values: str, numbers, messages, exceptions with a message (`FusionError`), or lists and tuples of these.
    """
    if not values:
        return template if isinstance(template, Message) else Message(template, {})
    formatted = {name: _formatted(values[name], spec or "", conversion) for _, name, spec, conversion in _FORMATTER.parse(template) if name}
    return Message(bare(template), formatted)


def bare(template: str) -> str:
    """A template without its formats: `{count:g}` becomes `{count}`."""
    return "".join(text + (f"{{{name}}}" if name else "") for text, name, _, _ in _FORMATTER.parse(template))


def words(items: Iterable[str]) -> list[Message]:
    """Words of a fixed list, such as the names of modalities, that another language has its own for."""
    return [message(item) for item in items]


def either(items: Iterable[str]) -> Message:
    """The words with "or" between them."""
    first, *others = words(items)
    for other in others:
        first = message("{first} or {second}", first=first, second=other)
    return first


def both(items: Iterable[str]) -> Message:
    """The words with "and" between them."""
    first, *others = words(items)
    for other in others:
        first = message("{first} and {second}", first=first, second=other)
    return first


def _fill(template: str, values: Mapping[str, Any]) -> str:
    """The template with its values; one without values is taken as it stands, braces and all."""
    shown = {name: ", ".join(map(str, value)) if isinstance(value, list) else value for name, value in values.items()}
    return template.format_map(shown) if shown else template


def _formatted(value: Any, spec: str, conversion: str | None) -> Any:
    value = getattr(value, "message", value) if isinstance(value, Exception) else value
    if isinstance(value, list | tuple):
        return [_formatted(item, spec, conversion) for item in value]
    if isinstance(value, Message) and not (spec or conversion):
        return value
    return format(repr(value) if conversion == "r" else value, spec)


def _packed(value: Any) -> Any:
    if isinstance(value, list):
        return [_packed(item) for item in value]
    return value.to_json() if isinstance(value, Message) else value


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return Message.from_json(value) if isinstance(value, dict) else str(value)
