"""Which of several tracks of pictures or sound is read, and the decoder for it."""

from __future__ import annotations

import av
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream

from fusion.media.budget import (
    LARGE_FRAME_BYTES,
    MAX_FRAME_BYTES,
    MAX_FRAME_PIXELS,
    THREADS,
    frame_bytes,
)

COVER = Disposition.attached_pic | Disposition.timed_thumbnails
WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders of these read no alpha

EIGHT_REFERENCES = ("libdav1d", "vp9", "libvpx-vp9")  # decoders that hold twice as many frames as others before they give one


def candidates(streams: tuple[Stream, ...]) -> list[Stream]:
    """Tracks that have a decoder and are no cover picture, the best first: films before single pictures, then what is marked default."""
    usable = [s for s in streams if s.codec_context is not None and not s.disposition & COVER]
    return sorted(usable, key=lambda s: (s.type == "video" and s.frames == 1, not s.disposition & Disposition.default))


def too_large(stream: Stream) -> bool:
    """Whether the frames that the header announces are larger than may be decoded."""
    context = stream.codec_context
    size = frame_bytes(context.width, context.height, context.format) if context.format else 0
    most = MAX_FRAME_BYTES / 2 if context.name in EIGHT_REFERENCES else MAX_FRAME_BYTES
    return context.width * context.height > MAX_FRAME_PIXELS or size > most


class Decoder:
    """Decodes the packets of one track."""

    def __init__(self, stream: Stream):
        self.context = stream.codec_context
        self.own = stream.type == "video" and stream.metadata.get("alpha_mode") == "1" and self.context.name in WITH_ALPHA
        if self.own:
            self.context = av.CodecContext.create(WITH_ALPHA[self.context.name], "r")
            self.context.extradata = stream.codec_context.extradata
        size = 0.0
        if stream.type == "video":
            size = frame_bytes(stream.codec_context.width, stream.codec_context.height, stream.codec_context.format)
        self.context.thread_type = "AUTO"
        self.context.thread_count = THREADS if size < LARGE_FRAME_BYTES else 1
        self.context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}

    def decode(self, packet: av.Packet) -> list:
        if self.own:
            return self.context.decode(packet if packet.size else None)
        return packet.decode()


def select(container: InputContainer, chosen: set[int]) -> None:
    """Have the container pass over all other tracks."""
    for stream in container.streams:
        if stream.index not in chosen:
            stream.discard = Discard.all
