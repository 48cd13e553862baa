"""Sound and clips from any container FFmpeg's libraries read: opened, decoded up to 30 seconds, described; arrays are passed on."""

from __future__ import annotations

import os
from typing import BinaryIO

import av
import numpy as np

from fusion.media.clip import ASSUMED_FPS, PictureTaker, announced_seconds, clip_from_array, frame_times
from fusion.media.sound import MAX_SECONDS, SLACK, SoundTaker, sound_from_array
from fusion.media.source import Loaded, MediaError, is_encoded, name_of, opened, refusal
from fusion.types import Audio, Clip

MAX_FRAME_PIXELS = 40_000_000  # refused beyond; an 8K frame has 33 million

# Only these may be opened: playlists and the like could name other files or hosts, still pictures belong to image.py.
CONTAINERS = ",".join(
    (
        *("aac", "ac3", "aiff", "amr", "ape", "au", "caf", "eac3", "flac", "loas", "mp3", "ogg", "tta", "voc", "w64", "wav", "wv"),
        *("apng", "asf", "avi", "dv", "flv", "gif", "h264", "hevc", "ivf", "m4v", "matroska", "webm", "mpeg", "mpegts", "mpegvideo"),
        *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "mxf", "nut"),
    )
)


def load_audio(source: object) -> Loaded:
    """Sound from a file (a clip gives its own), (rate, samples (N,) or (N, C)), `Audio` or `Clip`.

    Returns:
        `Audio` of one channel, the mean of all; the file's own rate up to 48 kHz; at most 30 seconds; finite, in [-1, 1].
    """
    name = name_of(source, "audio")
    if is_encoded(source):
        return _decode(source, name, "audio")
    if isinstance(source, Clip):
        if source.audio is None:
            raise MediaError("The clip has no sound.")
        source = source.audio
    if isinstance(source, Audio):
        source = (source.rate, source.samples)
    if not isinstance(source, tuple | list) or len(source) != 2 or np.ndim(source[0]):
        raise MediaError(f"{name} must be a path, bytes or a pair (rate, samples).")
    return sound_from_array(*source, name)


def load_clip(source: object) -> Loaded:
    """A clip from a file, (rate, frames (T, H, W, 3)), frames alone, or `Clip`.

    Returns:
        `Clip` of at most 256 frames, evenly by time, the longer side at most 320 pixels, at most 30 seconds, with its own sound.
    """
    name = name_of(source, "video")
    if is_encoded(source):
        return _decode(source, name, "video")
    if isinstance(source, Clip):
        return clip_from_array(source.frames, source.times, name, source.audio)
    if isinstance(source, tuple | list) and len(source) == 2 and not np.ndim(source[0]):
        rate, frames = source
        return clip_from_array(frames, frame_times(rate, frames, name), name)
    loaded = clip_from_array(source, frame_times(ASSUMED_FPS, source, name), name)
    return Loaded(loaded.medium, (f"{name} came without a frame rate, so {ASSUMED_FPS:g} frames per second were assumed.", *loaded.notes))


def _decode(source: object, name: str, modality: str) -> Loaded:
    with opened(source, modality) as file:
        try:
            # A name could steer FFmpeg by its extension; content alone shall decide.
            container = av.open(_Nameless(file), container_options={"format_whitelist": CONTAINERS}, metadata_errors="replace")
        except Exception as error:
            raise refusal(file, name, modality) from error
        with container:
            try:
                return _from_container(container, name, modality)
            except (MediaError, MemoryError):
                raise
            except Exception as error:  # hostile bytes can raise nearly anything
                raise MediaError(f"{name} is damaged and could not be decoded.") from error


class _Nameless:
    """An open file without its name."""

    def __init__(self, file: BinaryIO):
        self.read, self.seek, self.tell = file.read, file.seek, file.tell


def _from_container(container: av.container.InputContainer, name: str, modality: str) -> Loaded:
    video = _stream(container.streams.video)
    audio = _stream(container.streams.audio)
    if modality == "video" and video is None:
        raise _lacking(container.streams.video, name, "moving picture", "sound" if audio else "")
    if modality == "audio" and audio is None:
        raise _lacking(container.streams.audio, name, "sound", "moving pictures" if video else "")
    pictures = PictureTaker(video, container, name) if modality == "video" else None
    sound = SoundTaker(name) if audio else None
    damaged = _demux(container, {s.index: taker for s, taker in ((video, pictures), (audio, sound)) if s and taker})
    heard, notes = sound.finish(damaged) if sound else (None, [])
    if heard:
        heard = _without_padding(heard, announced_seconds(audio, container))
    if modality == "audio":
        if heard is None:
            raise MediaError(f"{name} holds no sound that can be decoded.")
        length = announced_seconds(audio, container)
        return Loaded(heard, (*notes, *_cut_short(name, damaged, sound.full, heard.seconds, length)))
    frames, times, own = pictures.finish()
    # a browser's recording announces its sound's length alone, and the pictures may end a little earlier
    seconds = max(pictures.last + pictures.gap, heard.seconds if heard else 0.0)
    heard = _aligned(heard, sound.start, pictures.start) if heard else None
    ending = _cut_short(name, damaged, pictures.full, seconds, announced_seconds(video, container))
    return Loaded(Clip(frames, times, heard), (*own, *notes, *ending))


def _stream(streams: tuple) -> av.stream.Stream | None:
    """The first stream with a decoder that is no cover picture."""
    cover = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
    return next((s for s in streams if s.codec_context is not None and not s.disposition & cover), None)


def _lacking(streams: tuple, name: str, what: str, instead: str) -> MediaError:
    if any(not s.disposition & av.stream.Disposition.attached_pic for s in streams):
        return MediaError(f"{name} holds {what} in a format that cannot be decoded here.")
    return MediaError(f"{name} holds only {instead}, no {what}." if instead else f"{name} holds no {what}.")


def _cut_short(name: str, damaged: bool, full: bool, got: float, length: float | None) -> list[str]:
    """The note for a file that ends before the length it announces, or with parts that could not be decoded."""
    if length and not full and got < 0.9 * min(length, MAX_SECONDS) - 0.2:
        return [f"{name} is cut short, so only its first {got:.1f} seconds were read."]
    return [f"{name} is damaged, so the parts that could be read were used."] if damaged else []


def _demux(container: av.container.InputContainer, takers: dict[int, SoundTaker | PictureTaker]) -> bool:
    """Feed decoded frames to the taker of their stream until all are full; True where something was damaged."""
    damaged, origin = False, None
    for stream in container.streams:
        if stream.index not in takers:
            stream.discard = av.stream.Discard.all
        elif stream.codec_context is not None:
            stream.codec_context.thread_type = "AUTO"
            stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
            stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
    try:
        for packet in container.demux([container.streams[i] for i in takers]):
            if packet.dts is not None and packet.time_base:
                now = float(packet.dts * packet.time_base)
                origin = now if origin is None else origin
                if now - origin > MAX_SECONDS + 5 and any(taker.full for taker in takers.values()):
                    break  # the other stream may end early, and nobody shall read an hour to learn it
            taker = takers[packet.stream.index]  # `packet.stream_index` is always 0 in the packets that flush
            if taker.full:
                if all(taker.full for taker in takers.values()):
                    break
                continue
            try:
                for frame in packet.decode():
                    taker.add(frame)
            except (av.FFmpegError, ValueError):
                damaged = True
    except av.FFmpegError:
        damaged = True
    return damaged


def _without_padding(audio: Audio, length: float | None) -> Audio:
    """AAC ends on a whole block; the rest of it is not part of the recording."""
    if length and 0 < audio.seconds - length < SLACK:
        return Audio(audio.rate, audio.samples[: max(1, round(length * audio.rate))])
    return audio


def _aligned(audio: Audio, sound_start: float | None, picture_start: float | None) -> Audio:
    """Shift the sound so that its second 0 is the one of the pictures."""
    shift = round(((sound_start or 0.0) - (picture_start or 0.0)) * audio.rate)
    if not shift or sound_start is None or picture_start is None or abs(shift) > MAX_SECONDS * audio.rate:
        return audio
    samples = np.pad(audio.samples, (shift, 0)) if shift > 0 else audio.samples[-shift:]
    return Audio(audio.rate, samples[: int(MAX_SECONDS * audio.rate)]) if len(samples) else audio
