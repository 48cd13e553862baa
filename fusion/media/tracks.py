"""Chooses one of several video or audio tracks, and decodes it."""

from __future__ import annotations

from typing import TypeVar, cast

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.codec import CodecContext
from av.container import InputContainer
from av.stream import Discard, Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

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


Track = VideoStream | AudioStream
T = TypeVar("T", VideoStream, AudioStream)


def candidates(streams: tuple[T, ...]) -> list[T]:
    """Tracks that have a decoder and are not a cover picture, the best first: videos before single pictures, then the default track."""
    usable = [s for s in streams if s.codec_context is not None and not s.disposition & COVER]
    return sorted(usable, key=lambda s: (isinstance(s, VideoStream) and s.frames == 1, not s.disposition & Disposition.default))


def too_large(stream: VideoStream) -> bool:
    """Whether the frames are larger than the limit, according to the header."""
    context = stream.codec_context
    size = frame_bytes(context.width, context.height, context.format) if context.format else 0
    most = MAX_FRAME_BYTES / 2 if context.name in EIGHT_REFERENCES else MAX_FRAME_BYTES
    return context.width * context.height > MAX_FRAME_PIXELS or size > most


class Decoder:
    """Decodes the packets of one track."""

    def __init__(self, stream: Track) -> None:
        self.context: CodecContext = stream.codec_context
        size = 0.0
        self.alpha_decoder: VideoCodecContext | None = None
        if isinstance(stream, VideoStream):
            video = stream.codec_context
            size = frame_bytes(video.width, video.height, video.format)
            if stream.metadata.get("alpha_mode") == "1" and video.name in WITH_ALPHA:
                self.alpha_decoder = cast(VideoCodecContext, CodecContext.create(WITH_ALPHA[video.name], "r"))
                self.alpha_decoder.extradata = video.extradata
                self.context = self.alpha_decoder
        self.context.thread_type = "AUTO"
        self.context.thread_count = THREADS if size < LARGE_FRAME_BYTES else 1
        self.context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}

    def decode(self, packet: av.Packet[Stream]) -> list[VideoFrame] | list[AudioFrame]:
        if self.alpha_decoder is not None:
            return self.alpha_decoder.decode(packet if packet.size else None)
        return cast("list[VideoFrame] | list[AudioFrame]", packet.decode())


def select(container: InputContainer, chosen: set[int]) -> None:
    """Have the container skip all other tracks."""
    for stream in container.streams:
        if stream.index not in chosen:
            stream.discard = Discard.all
