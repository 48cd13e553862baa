"""Loads sound and clips from any container that FFmpeg's libraries read, up to 30 seconds, and from arrays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from fusion.media.animation import is_animation, is_picture, load_animation
from fusion.media.budget import MAX_PROBED_PIXELS, Budget, OverBudget
from fusion.media.clip import PictureTaker, announced_seconds, clip_from_array, frame_times
from fusion.media.ending import ends_early
from fusion.media.frames import ASSUMED_FPS, MAX_SECONDS, SLACK
from fusion.media.sound import SoundTaker, sound_from_array
from fusion.media.source import Encoded, Loaded, MediaError, is_encoded, name_of, opened, refusal
from fusion.media.tracks import Decoder, Track, candidates, select, too_large
from fusion.messages import Message, message
from fusion.types import Audio, Clip

MAX_STREAMS = 200
MAX_ATTEMPTS = 4  # tracks that are tried until one holds sound or moving pictures

# Only these may be opened: playlists and the like could refer to other files or hosts; image.py reads still pictures.
CONTAINERS = ",".join(
    (
        *("aac", "ac3", "aiff", "amr", "ape", "au", "caf", "eac3", "flac", "loas", "mp3", "ogg", "tta", "voc", "w64", "wav", "wv"),
        *("apng", "asf", "avi", "dv", "flv", "gif", "h264", "hevc", "ivf", "m4v", "matroska", "webm", "mpeg", "mpegts", "mpegvideo"),
        *("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "mxf", "nut"),
    )
)


def load_audio(source: object) -> Loaded[Audio]:
    """Sound from a file (a clip gives its own), (rate, samples (N,) or (N, C)), `Audio` or `Clip`.

    Returns:
        `Audio` of one channel, the mean of those with sound; the file's own rate up to 48 kHz; at most 30 seconds; finite, in [-1, 1].
    """
    name = name_of(source, "audio")
    if is_encoded(source):
        with _decoding(source, name, "audio") as (file, budget):
            return _finish_sound(_best(file, name, "audio", budget), name)
    if isinstance(source, Clip):
        if source.audio is None:
            raise MediaError("The video has no sound.")
        source = source.audio
    if isinstance(source, Audio):
        source = (source.rate, source.samples)
    if not isinstance(source, tuple | list) or len(source) != 2 or np.ndim(source[0]):
        raise MediaError("{name} must be a path, bytes or a pair (rate, samples).", name=name)
    rate, samples = source
    return sound_from_array(rate, samples, name)


def load_clip(source: object) -> Loaded[Clip]:
    """A clip from a file, (rate, frames (T, H, W, 3)), frames alone, or `Clip`.

    Returns:
        `Clip` of at most 256 frames, evenly by time, the longer side at most 320 pixels, at most 30 seconds, with its own sound.
    """
    name = name_of(source, "video")
    if is_encoded(source):
        with _decoding(source, name, "video") as (file, budget):
            if is_animation(file):
                return load_animation(file, name, budget)
            return _finish_clip(_best(file, name, "video", budget), name)
    if isinstance(source, Clip):
        return clip_from_array(source.frames, source.times, name, source.audio)
    if isinstance(source, tuple | list) and len(source) == 2 and not np.ndim(source[0]):
        rate, frames = source
        return clip_from_array(frames, frame_times(rate, frames, name), name)
    loaded = clip_from_array(source, frame_times(ASSUMED_FPS, source, name), name)
    return Loaded(
        loaded.medium,
        (
            message("{name} came without a frame rate, so {count:g} frames per second were assumed.", name=name, count=ASSUMED_FPS),
            *loaded.notes,
        ),
    )


@contextmanager
def _decoding(source: Encoded, name: str, modality: str) -> Iterator[tuple[BinaryIO, Budget]]:
    """An open file and its budget; any error raised while it is decoded becomes a `MediaError`."""
    with opened(source, modality) as file:
        budget = Budget()
        try:
            yield file, budget
        except (MediaError, MemoryError):
            raise
        except OverBudget as error:
            raise MediaError("{name} is too large to decode.", name=name) from error
        except Exception as error:  # malformed data can raise nearly anything
            raise MediaError("{name} is damaged and could not be decoded.", name=name) from error


Taker = PictureTaker | SoundTaker


class _Nameless:
    """An open file without its name; reading raises OverBudget when the budget is spent."""

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        self.file = file
        self.budget = budget
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        self.budget.check()
        return self.file.read(size)


def _open(file: BinaryIO, name: str, modality: str, budget: Budget) -> InputContainer:
    options = {"format_whitelist": CONTAINERS, "max_streams": str(MAX_STREAMS)}
    decoding = {"max_pixels": str(MAX_PROBED_PIXELS), "threads": "1"}  # while the file is probed, which decodes a few frames
    file.seek(0)
    try:
        # Without a name FFmpeg detects the format by content alone, not by extension.
        return av.open(_Nameless(file, budget), "r", options=decoding, container_options=options, metadata_errors="replace")
    except Exception as error:
        if budget.over:
            raise OverBudget from error
        raise refusal(file, name, modality) from error


@dataclass
class _Reading:
    """The result of reading one video track, one audio track, or both."""

    pictures: PictureTaker | None
    sound: SoundTaker | None
    length: float | None  # seconds according to the file
    early: bool  # whether the file is truncated
    damaged: bool
    stopped: bool  # whether the budget was spent
    unknown_size: bool = False  # whether the frames were too large to be probed

    @property
    def frames(self) -> int:
        return self.pictures.keeper.kept if self.pictures else 0

    @property
    def has_sound(self) -> bool:
        return self.sound is not None and self.sound.seconds > 0

    @property
    def rank(self) -> tuple[bool, bool, int]:
        """Of several readings of a file, the one with the highest rank is used."""
        return self.frames > 1, self.has_sound, self.frames


def _best(file: BinaryIO, name: str, modality: str, budget: Budget) -> _Reading:
    """Read the preferred tracks of a file, and others where those hold no sound or no moving picture."""
    if is_picture(file):
        raise refusal(file, name, modality)
    reading, empty = _attempt(file, name, modality, budget, set())
    best = reading
    passed = empty
    for _ in range(MAX_ATTEMPTS - 1):
        if reading.stopped or not empty or (modality == "audio" and best.has_sound):
            break
        reading, empty = _attempt(file, name, modality, budget, passed)
        if reading.rank > best.rank:
            best = reading
        passed = passed | empty
    return best


def _attempt(file: BinaryIO, name: str, modality: str, budget: Budget, passed: set[int]) -> tuple[_Reading, set[int]]:
    """Read the best tracks of those that were not `passed`: what came of it, and the tracks to pass in the next attempt."""
    with _open(file, name, modality, budget) as container:
        video = [s for s in candidates(container.streams.video) if s.index not in passed]
        audio = [s for s in candidates(container.streams.audio) if s.index not in passed]
        if not passed:
            _require(container, name, modality, video, audio)
        reading = _read(container, name, video[0] if video and modality == "video" else None, audio[0] if audio else None, budget)
        reading.early = ends_early(file, container.format.name)
        empty = set()
        if len(video) > 1 and reading.frames < 2:
            empty.add(video[0].index)
        if len(audio) > 1 and not reading.has_sound:
            empty.add(audio[0].index)
    return reading, empty


def _require(container: InputContainer, name: str, modality: str, video: list[VideoStream], audio: list[AudioStream]) -> None:
    """Raises MediaError where there is no track of the modality."""
    if modality == "video" and not video:
        raise _lacking(container.streams.video, name, message("video"), message("audio") if audio else None)
    if modality == "audio" and not audio:
        raise _lacking(container.streams.audio, name, message("audio"), message("video") if video else None)


def _lacking(streams: Sequence[Stream], name: str, what: Message, instead: Message | None) -> MediaError:
    if any(not s.disposition & Disposition.attached_pic for s in streams):
        return MediaError("{name} holds {what} in a format that cannot be decoded here.", name=name, what=what)
    if instead:
        return MediaError("{name} holds only {instead}, no {what}.", name=name, instead=instead, what=what)
    return MediaError("{name} holds no {what}.", name=name, what=what)


def _read(container: InputContainer, name: str, video: VideoStream | None, audio: AudioStream | None, budget: Budget) -> _Reading:
    pictures = sound = length = None
    takers: dict[int, Taker] = {}
    if video is not None:
        if too_large(video):
            raise OverBudget
        takers[video.index] = pictures = PictureTaker(video, container, name, budget)
    if audio is not None:
        takers[audio.index] = sound = SoundTaker(name, _last_time(audio, container), pictures.keeper if pictures else None)
    damaged, stopped = _demux(container, takers, budget)
    track = video or audio
    if track is not None:
        length = announced_seconds(track, container)
    unknown_size = video is not None and not video.codec_context.width
    return _Reading(pictures, sound, length, False, damaged, stopped, unknown_size)


def _demux(container: InputContainer, takers: dict[int, Taker], budget: Budget) -> tuple[bool, bool]:
    """Feed decoded frames to the taker of their track until all are full: whether something was damaged, whether the budget was spent."""
    damaged = False
    origin: float | None = None
    tracks = {i: cast(Track, container.streams[i]) for i in takers}
    decoders = {i: Decoder(track) for i, track in tracks.items()}
    select(container, set(takers))
    try:
        for packet in container.demux(list(tracks.values())):
            budget.check()
            if packet.dts is not None and packet.time_base:
                now = float(packet.dts * packet.time_base)
                origin = now if origin is None else origin
                if now - origin > MAX_SECONDS + 5 and any(taker.full for taker in takers.values()):
                    break  # the other track may have ended early; do not read a whole hour to find out
            index = packet.stream.index  # `packet.stream_index` is always 0 in the packets that flush
            if takers[index].full:
                if all(taker.full for taker in takers.values()):
                    break
                continue
            damaged |= not _take(decoders[index], packet, takers[index])
            budget.check()
    except OverBudget:
        return damaged, True
    except av.FFmpegError:
        return True, budget.over
    return damaged, False


def _take(decoder: Decoder, packet: av.Packet[Stream], taker: Taker) -> bool:
    """Decode one packet; False where it is damaged."""
    if not packet.size and packet.dts is not None:
        return True  # a frame that was dropped while recording, which AVI and Theora count
    try:
        for frame in decoder.decode(packet):
            if isinstance(taker, PictureTaker):
                taker.add(cast(av.VideoFrame, frame))
            else:
                taker.add(cast(av.AudioFrame, frame))
    except (av.FFmpegError, ValueError):
        return False
    return True


def _last_time(audio: AudioStream, container: InputContainer) -> float | None:
    """The last timestamp according to the file, in seconds."""
    ends = []
    if audio.duration is not None and audio.time_base is not None:
        ends.append(float((audio.duration + (audio.start_time or 0)) * audio.time_base))
    if container.duration:
        ends.append((container.duration + max(0, container.start_time or 0)) / av.time_base)
    return max(ends, default=None)


def _finish_sound(reading: _Reading, name: str) -> Loaded[Audio]:
    assert reading.sound is not None, "a file without an audio track was refused"
    audio, notes = reading.sound.finish(reading.damaged)
    if audio is None:
        if reading.stopped:
            raise OverBudget
        raise MediaError("{name} holds no sound that can be decoded.", name=name)
    audio = _without_padding(audio, reading.length)
    return Loaded(audio, (*notes, *_ending(reading, name, reading.sound.full, audio.seconds)))


def _finish_clip(reading: _Reading, name: str) -> Loaded[Clip]:
    assert reading.pictures is not None, "a file without a video track was refused"
    if not reading.frames and (reading.stopped or reading.unknown_size):
        raise OverBudget
    keeper = reading.pictures.keeper
    frames, times, notes = reading.pictures.finish()
    # The file of a browser's recording states the length of its sound only, and the pictures may end a little earlier.
    seconds = keeper.last + keeper.gap
    audio = None
    if reading.sound is not None:
        audio, sound_notes = reading.sound.finish(reading.damaged)
        notes = [*notes, *sound_notes]
        if audio is not None:
            seconds = max(seconds, audio.seconds)
            audio = _aligned(audio, reading.sound.start, keeper.start)
    return Loaded(Clip(frames, times, audio), (*notes, *_ending(reading, name, keeper.full, seconds)))


def _ending(reading: _Reading, name: str, full: bool, got: float) -> list[Message]:
    """The note for a file that was not read completely."""
    if reading.stopped:
        return [
            message("{name} is too large to decode whole, so only its first {count:.1f} seconds were read.", name=name, count=max(got, 0.1))
        ]
    length = reading.length
    if length and reading.early and not full and got < 0.9 * min(length, MAX_SECONDS) - 0.2:
        return [message("{name} is cut short, so only its first {count:.1f} seconds were read.", name=name, count=got)]
    return [message("{name} is damaged, so the parts that could be read were used.", name=name)] if reading.damaged else []


def _without_padding(audio: Audio, length: float | None) -> Audio:
    """Cut what AAC adds to fill its last block."""
    if length and 0 < audio.seconds - length < SLACK:
        return Audio(audio.rate, audio.samples[: max(1, round(length * audio.rate))])
    return audio


def _aligned(audio: Audio, sound_start: float | None, picture_start: float | None) -> Audio | None:
    """Shift the sound so that it starts with the pictures; None where none of it falls into the clip."""
    if sound_start is None or picture_start is None:
        return Audio(audio.rate, audio.samples[: int(MAX_SECONDS * audio.rate)])
    shift = round((sound_start - picture_start) * audio.rate)
    most = int(MAX_SECONDS * audio.rate)
    if shift >= most or -shift >= len(audio.samples):
        return None
    samples = np.pad(audio.samples, (shift, 0)) if shift > 0 else audio.samples[-shift:]
    return Audio(audio.rate, np.ascontiguousarray(samples[:most]))
