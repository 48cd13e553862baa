"""What an encoder does not read of a medium, in one sentence each: `Prepared.notes`, which a visitor sees beside the answer."""

from __future__ import annotations

LEAST_SHARE = 0.8  # of the width or height: ordinary crops of a narrow border are not worth a sentence


def text_note(read: int, text: str) -> tuple[str, ...]:
    """Of a text that was cut after `read` characters."""
    return (f"Only the first {read} of {len(text)} characters of the text were read.",)


def sound_note(start: float, end: float, seconds: float) -> tuple[str, ...]:
    """Of a sound of which the stretch from `start` to `end` seconds is read; nothing where that is all of it up to a tenth of a second."""
    if end - start > seconds - 0.1:
        return ()
    return (f"Only the loudest part of the sound was read, from {max(start, 0):.1f} to {min(end, seconds):.1f} s.",)


def picture_note(extent: tuple[float, ...]) -> tuple[str, ...]:
    """Of a picture of which only `extent` x0, y0, x1, y1 is read."""
    percent, (x0, y0, x1, y1) = _percent(extent), extent
    if not percent:
        return ()
    if x0 <= 0 and x1 < LEAST_SHARE:
        return (f"Only the left {percent} % of the picture was read.",)
    if x1 >= 1 and x0 > 1 - LEAST_SHARE:
        return (f"Only the right {percent} % of the picture was read.",)
    if y0 <= 0 and y1 < LEAST_SHARE:
        return (f"Only the upper {percent} % of the picture was read.",)
    if y1 >= 1 and y0 > 1 - LEAST_SHARE:
        return (f"Only the lower {percent} % of the picture was read.",)
    return (f"Only the middle {percent} % of the picture was read.",)


def frame_note(extent: tuple[float, ...]) -> tuple[str, ...]:
    """Of a clip of whose frames only `extent` x0, y0, x1, y1 is read."""
    percent = _percent(extent)
    return (f"Only the middle {percent} % of each frame was read.",) if percent else ()


def _percent(extent: tuple[float, ...]) -> int:
    """The share of the area that is read, in percent; 0 where nothing worth a sentence is left out."""
    x0, y0, x1, y1 = (min(max(float(edge), 0.0), 1.0) for edge in extent)
    width, height = x1 - x0, y1 - y0
    return max(1, round(100 * width * height)) if min(width, height) < LEAST_SHARE - 0.005 else 0
