"""Messages: an English sentence with its template and values, through JSON and copies."""

from __future__ import annotations

import copy

from fusion.media import MediaError
from fusion.messages import Message, bare, either, message
from fusion.types import FusionError


def test_a_message_is_its_english_sentence() -> None:
    said = message("{name} has {count:,} frames of {rate:g} Hz.", name="a.wav", count=1200, rate=2.0)
    assert said == "a.wav has 1,200 frames of 2 Hz."
    assert said.template == "{name} has {count} frames of {rate} Hz."
    assert said.values == {"name": "a.wav", "count": "1,200", "rate": "2"}


def test_values_may_be_messages_lists_and_errors() -> None:
    inner = MediaError("{name} is {kind}.", name="{x}", kind=message("a PNG image"))
    said = FusionError("{reason} There are {known}.", reason=inner, known=["a", message("b")]).message
    assert said == "{x} is a PNG image. There are a, b."
    assert said.values["reason"] is inner.message and said.values["reason"].values["kind"].template == "a PNG image"


def test_a_message_comes_through_json_and_copies_as_it_was() -> None:
    said = message("{what} ({reason!r})", what=[message("one"), "two"], reason="x")
    for again in (Message.from_json(said.to_json()), copy.deepcopy(said)):
        assert again == said and again.to_json() == said.to_json()
    assert Message.from_json("plain {text}") == "plain {text}"


def test_without_values_braces_are_text() -> None:
    assert message("{digit}.wav is missing.") == "{digit}.wav is missing." == FusionError("{digit}.wav is missing.").message


def test_formats_and_lists_of_words() -> None:
    assert bare("{a:g} of {b!r}") == "{a} of {b}" and either(["image", "text", "audio"]) == "image or text or audio"
