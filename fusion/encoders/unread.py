"""Sentences about the parts of a medium that an encoder does not read: `Prepared.notes`, shown beside the prediction."""

from __future__ import annotations

from fusion.messages import Message, message

CLOSE_UP = (message("The writing is small: it was read enlarged, without the empty parts of the image."),)
LEAST_SHARE = 0.8  # of the width or height: smaller crops are not mentioned


def text_note(read: int, text: str) -> tuple[Message, ...]:
    """For a text that was cut after `read` characters."""
    return (message("Only the first {read} of {count} characters of the text were read.", read=read, count=len(text)),)


def sound_note(start: float, end: float, seconds: float) -> tuple[Message, ...]:
    """For a sound that is read from `start` to `end` seconds; none where less than a tenth of a second is left out."""
    if end - start > seconds - 0.1:
        return ()
    return (
        message(
            "Only the loudest part of the audio was read, from {start:.1f} to {end:.1f} s.", start=max(start, 0), end=min(end, seconds)
        ),
    )


def picture_note(extent: tuple[float, ...]) -> tuple[Message, ...]:
    """For a picture of which only `extent` x0, y0, x1, y1 is read."""
    x0, y0, x1, y1 = extent
    percent = _percent(extent)
    if not percent:
        return ()
    if x0 <= 0 and x1 < LEAST_SHARE:
        return (message("Only the left {percent} % of the image was read.", percent=percent),)
    if x1 >= 1 and x0 > 1 - LEAST_SHARE:
        return (message("Only the right {percent} % of the image was read.", percent=percent),)
    if y0 <= 0 and y1 < LEAST_SHARE:
        return (message("Only the upper {percent} % of the image was read.", percent=percent),)
    if y1 >= 1 and y0 > 1 - LEAST_SHARE:
        return (message("Only the lower {percent} % of the image was read.", percent=percent),)
    if max(abs(x0 + x1 - 1), abs(y0 + y1 - 1)) > 0.1:
        return (message("Only {percent} % of the image was read, between its middle and one end.", percent=percent),)
    return (message("Only the middle {percent} % of the image was read.", percent=percent),)


def frame_note(extent: tuple[float, ...]) -> tuple[Message, ...]:
    """For a clip of whose frames only `extent` x0, y0, x1, y1 is read."""
    percent = _percent(extent)
    return (message("Only the middle {percent} % of each frame was read.", percent=percent),) if percent else ()


def _percent(extent: tuple[float, ...]) -> int:
    """The share of the area that is read, in percent; 0 where so little is left out that it is not mentioned."""
    x0, y0, x1, y1 = (min(max(float(edge), 0.0), 1.0) for edge in extent)
    width, height = x1 - x0, y1 - y0
    return max(1, round(100 * width * height)) if min(width, height) < LEAST_SHARE - 0.005 else 0
