"""Sound and clips from any container FFmpeg's libraries read: opened, decoded up to 30 seconds, described; arrays are passed on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

import av
import numpy as np

from fusion.media.animation import is_animation, is_picture, load_animation
from fusion.media.budget import MAX_PROBED_PIXELS, Budget, OverBudget
from fusion.media.clip import PictureTaker, announced_seconds, clip_from_array, frame_times
from fusion.media.ending import ends_early
from fusion.media.frames import ASSUMED_FPS, MAX_SECONDS, SLACK
from fusion.media.sound import SoundTaker, sound_from_array
from fusion.media.source import Loaded, MediaError, is_encoded, name_of, opened, refusal
from fusion.media.tracks import Decoder, candidates, select, too_large
from fusion.messages import Message, message
from fusion.types import Audio, Clip

MAX_STREAMS = 200
MAX_ATTEMPTS = 4  # tracks that are tried where the first ones hold nothing

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
        `Audio` of one channel, the mean of those with sound; the file's own rate up to 48 kHz; at most 30 seconds; finite, in [-1, 1].
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
        raise MediaError("{name} must be a path, bytes or a pair (rate, samples).", name=name)
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
    return Loaded(
        loaded.medium,
        (
            message("{name} came without a frame rate, so {count:g} frames per second were assumed.", name=name, count=ASSUMED_FPS),
            *loaded.notes,
        ),
    )


def _decode(source: object, name: str, modality: str) -> Loaded:
    with opened(source, modality) as file:
        budget = Budget()
        try:
            if modality == "video" and is_animation(file):
                return load_animation(file, name, budget)
            if is_picture(file):
                raise refusal(file, name, modality)
            return _best(file, name, modality, budget)
        except (MediaError, MemoryError):
            raise
        except OverBudget as error:
            raise MediaError("{name} is too large to decode.", name=name) from error
        except Exception as error:  # hostile bytes can raise nearly anything
            raise MediaError("{name} is damaged and could not be decoded.", name=name) from error


class _Nameless:
    """An open file without its name, which is read only while the budget lasts."""

    def __init__(self, file: BinaryIO, budget: Budget):
        self.file, self.budget = file, budget
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        self.budget.check()
        return self.file.read(size)


def _open(file: BinaryIO, name: str, modality: str, budget: Budget) -> av.container.InputContainer:
    options = {"format_whitelist": CONTAINERS, "max_streams": str(MAX_STREAMS)}
    decoding = {"max_pixels": str(MAX_PROBED_PIXELS), "threads": "1"}  # while the file is probed, which decodes a few frames
    file.seek(0)
    try:
        # A name could steer FFmpeg by its extension; content alone shall decide.
        return av.open(_Nameless(file, budget), options=decoding, container_options=options, metadata_errors="replace")
    except Exception as error:
        if budget.over:
            raise OverBudget from error
        raise refusal(file, name, modality) from error


@dataclass
class _Reading:
    """What came of one pair of tracks."""

    pictures: PictureTaker | None
    sound: SoundTaker | None
    length: float | None  # seconds that the file announces
    early: bool  # whether it ends before its structure says it does
    damaged: bool
    stopped: bool  # whether the budget ended it
    unknown_size: bool = False  # whether the frames were too large to be looked at

    @property
    def frames(self) -> int:
        return self.pictures.keeper.kept if self.pictures else 0

    @property
    def worth(self) -> tuple[bool, bool, int]:
        return self.frames > 1, self.sound is not None and self.sound.heard > 0, self.frames


def _best(file: BinaryIO, name: str, modality: str, budget: Budget) -> Loaded:
    """Read the tracks that the file prefers; others, where those hold no sound or no moving picture."""
    best, passed = None, set()
    for _ in range(MAX_ATTEMPTS):
        with _open(file, name, modality, budget) as container:
            video = [s for s in candidates(container.streams.video) if s.index not in passed]
            audio = [s for s in candidates(container.streams.audio) if s.index not in passed]
            if best is None:
                _demand(container, name, modality, video, audio)
            reading = _read(container, name, video[0] if video and modality == "video" else None, audio[0] if audio else None, budget)
            reading.early = ends_early(file, container.format.name)
            empty = {s[0].index for s, nothing in ((video, reading.frames < 2), (audio, not reading.worth[1])) if len(s) > 1 and nothing}
        best = reading if best is None or reading.worth > best.worth else best
        if reading.stopped or not empty or (modality == "audio" and best.worth[1]):
            break
        passed |= empty
    return _finish_clip(best, name) if modality == "video" else _finish_sound(best, name)


def _demand(container: av.container.InputContainer, name: str, modality: str, video: list, audio: list) -> None:
    if modality == "video" and not video:
        raise _lacking(container.streams.video, name, message("moving picture"), message("sound") if audio else None)
    if modality == "audio" and not audio:
        raise _lacking(container.streams.audio, name, message("sound"), message("moving pictures") if video else None)


def _lacking(streams: tuple, name: str, what: Message, instead: Message | None) -> MediaError:
    if any(not s.disposition & av.stream.Disposition.attached_pic for s in streams):
        return MediaError("{name} holds {what} in a format that cannot be decoded here.", name=name, what=what)
    if instead:
        return MediaError("{name} holds only {instead}, no {what}.", name=name, instead=instead, what=what)
    return MediaError("{name} holds no {what}.", name=name, what=what)


def _read(
    container: av.container.InputContainer,
    name: str,
    video: av.stream.Stream | None,
    audio: av.stream.Stream | None,
    budget: Budget,
) -> _Reading:
    if video and too_large(video):
        raise OverBudget
    pictures = PictureTaker(video, container, name, budget) if video else None
    sound = SoundTaker(name, _last_time(audio, container), pictures.keeper if pictures else None) if audio else None
    takers = {s.index: taker for s, taker in ((video, pictures), (audio, sound)) if taker}
    damaged, stopped = _demux(container, takers, budget)
    length = announced_seconds(video or audio, container)
    unknown = video is not None and not video.codec_context.width
    return _Reading(pictures, sound, length, False, damaged, stopped, unknown)


def _demux(container: av.container.InputContainer, takers: dict[int, SoundTaker | PictureTaker], budget: Budget) -> tuple[bool, bool]:
    """Feed decoded frames to the taker of their track until all are full: whether something was damaged, whether the budget ended it."""
    damaged, origin = False, None
    decoders = {i: Decoder(container.streams[i]) for i in takers}
    select(container, set(takers))
    try:
        for packet in container.demux([container.streams[i] for i in takers]):
            budget.check()
            if packet.dts is not None and packet.time_base:
                now = float(packet.dts * packet.time_base)
                origin = now if origin is None else origin
                if now - origin > MAX_SECONDS + 5 and any(taker.full for taker in takers.values()):
                    break  # the other track may end early, and nobody shall read an hour to learn it
            index = packet.stream.index  # `packet.stream_index` is always 0 in the packets that flush
            if takers[index].full:
                if all(taker.full for taker in takers.values()):
                    break
                continue
            damaged |= not _take(decoders[index], packet, takers, index)
            budget.check()
    except OverBudget:
        return damaged, True
    except av.FFmpegError:
        return True, budget.over
    return damaged, False


def _take(decoder: Decoder, packet: av.Packet, takers: dict[int, SoundTaker | PictureTaker], index: int) -> bool:
    """Decode one packet; False where it is damaged."""
    if not packet.size and packet.dts is not None:
        return True  # "as before": a frame that was dropped while recording, which AVI and Theora count
    try:
        for frame in decoder.decode(packet):
            takers[index].add(frame)
    except (av.FFmpegError, ValueError):
        return False
    return True


def _last_time(audio: av.stream.Stream, container: av.container.InputContainer) -> float | None:
    """The end that the file announces, in seconds on the clock of its packets."""
    ends = []
    if audio.duration is not None:
        ends.append(float((audio.duration + (audio.start_time or 0)) * audio.time_base))
    if container.duration:
        ends.append((container.duration + max(0, container.start_time or 0)) / av.time_base)
    return max(ends, default=None)


def _finish_sound(reading: _Reading, name: str) -> Loaded:
    heard, notes = reading.sound.finish(reading.damaged)
    if heard is None:
        if reading.stopped:
            raise OverBudget
        raise MediaError("{name} holds no sound that can be decoded.", name=name)
    heard = _without_padding(heard, reading.length)
    return Loaded(heard, (*notes, *_ending(reading, name, reading.sound.full, heard.seconds)))


def _finish_clip(reading: _Reading, name: str) -> Loaded:
    if not reading.frames and (reading.stopped or reading.unknown_size):
        raise OverBudget
    keeper, sound = reading.pictures.keeper, reading.sound
    frames, times, own = reading.pictures.finish()
    heard, notes = None, []
    if sound:
        heard, notes = sound.finish(reading.damaged)
    # a browser's recording announces its sound's length alone, and the pictures may end a little earlier
    seconds = max(keeper.last + keeper.gap, heard.seconds if heard else 0.0)
    if heard:
        heard = _aligned(heard, sound.start, keeper.start)
    return Loaded(Clip(frames, times, heard), (*own, *notes, *_ending(reading, name, keeper.full, seconds)))


def _ending(reading: _Reading, name: str, full: bool, got: float) -> list[Message]:
    """The note for a file of which not everything was read."""
    if reading.stopped:
        return [
            message("{name} is too large to decode whole, so only its first {count:.1f} seconds were read.", name=name, count=max(got, 0.1))
        ]
    length = reading.length
    if length and reading.early and not full and got < 0.9 * min(length, MAX_SECONDS) - 0.2:
        return [message("{name} is cut short, so only its first {count:.1f} seconds were read.", name=name, count=got)]
    return [message("{name} is damaged, so the parts that could be read were used.", name=name)] if reading.damaged else []


def _without_padding(audio: Audio, length: float | None) -> Audio:
    """AAC ends on a whole block; the rest of it is not part of the recording."""
    if length and 0 < audio.seconds - length < SLACK:
        return Audio(audio.rate, audio.samples[: max(1, round(length * audio.rate))])
    return audio


def _aligned(audio: Audio, sound_start: float | None, picture_start: float | None) -> Audio | None:
    """Shift the sound so that its second 0 is the one of the pictures; None where none of it falls into the clip."""
    if sound_start is None or picture_start is None:
        return Audio(audio.rate, audio.samples[: int(MAX_SECONDS * audio.rate)])
    shift = round((sound_start - picture_start) * audio.rate)
    most = int(MAX_SECONDS * audio.rate)
    if shift >= most or -shift >= len(audio.samples):
        return None
    samples = np.pad(audio.samples, (shift, 0)) if shift > 0 else audio.samples[-shift:]
    return Audio(audio.rate, np.ascontiguousarray(samples[:most]))
