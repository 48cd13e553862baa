"""The audio tower of a pretrained model: a token for every step of time, or for every patch of a spectrogram.

What the extractor makes of a sound is one row of numbers and, behind it, how many seconds of it are sound: networks that read a fixed
length see silence after it, whose tokens are dropped. A place is the step of a token, centred on what its first layers read; patches run
through time band by band, the lowest first.

Reference: Baevski 2020, wav2vec 2.0 (strides of the waveform); Gong 2021, AST (overlapping patches of a spectrogram).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.audio_cnn import focus
from fusion.encoders.backbones.pretrained import Pretrained
from fusion.encoders.backbones.tower import Tower, by_length, stack, vector_of
from fusion.encoders.base import Prepared
from fusion.encoders.unread import sound_note
from fusion.media.resample import resample
from fusion.types import Audio, FusionError, Layout, Panel

LONGEST = 10.0  # seconds: of a longer sound the loudest segment is read
SHORTEST = 0.1  # seconds: a shorter sound is padded with silence
KALDI_HOP, KALDI_WINDOW = 0.010, 0.025  # seconds, of the spectrogram of AST


@dataclass(frozen=True)
class Clock:
    """Tokens of a network in time: the first step begins at `start` seconds, each lasts `step`; `rows` of them at every step."""

    start: float
    step: float
    rows: int

    def real(self, seconds: float, steps: int) -> int:
        """How many of `steps` begin before the sound ends; at least one."""
        return min(max(1, math.ceil((seconds - self.start) / self.step - 1e-6)), steps)

    def places(self, offset: float, steps: int) -> np.ndarray:
        begin = np.tile(offset + self.start + np.arange(steps) * self.step, self.rows)
        return np.column_stack([begin, begin + self.step]).astype(np.float32)


class AudioTower(Tower[Audio]):
    """Sound of any rate and length to the tokens of its loudest ten seconds."""

    def __init__(self, model: Pretrained) -> None:
        super().__init__()
        self.network = model.network
        self.run = model.run
        self.pooler = model.pooler
        self.extractor = model.preparer
        self.entry = model.preparer.model_input_names[0]
        self.rate = self.extractor.sampling_rate
        self.room = _room(self.extractor)
        self.more = ("is_longer",) if getattr(model.config, "enable_fusion", False) else ()  # CLAP: how a long sound was cut; none is here
        features = self._extract(np.zeros(self.rate // 2, np.float32))
        self.shape = tuple(features.shape[1:])
        hidden = self._run(features[None]).last_hidden_state
        self.clock, self.before, self.lengths = _clock(model, self.rate, self.room, hidden.shape)
        if _flat(hidden).shape[1] != self.before + self.clock.rows * self.lengths(len(features)):
            raise FusionError(
                "{source} returns {count} tokens whose positions in time are unknown.", source=model.source, count=hidden.shape[1]
            )

    def trials(self) -> list[Audio]:
        return [Audio(self.rate, np.zeros(1, np.float32))]

    def prepare(self, medium: Audio) -> Prepared:
        start, end = focus(medium.samples, medium.rate, min(LONGEST, self.room))
        samples = resample(medium.samples[start:end], medium.rate, self.rate)[: int(min(LONGEST, self.room) * self.rate)]
        offset = start / medium.rate
        seconds = len(samples) / self.rate
        features = self._extract(np.pad(samples, (0, max(0, int(SHORTEST * self.rate) - len(samples)))))
        places = self.clock.places(offset, self.clock.real(seconds, self.lengths(len(features))))
        values = torch.cat([features.flatten(), torch.tensor([seconds])])
        notes = sound_note(offset, offset + seconds, medium.seconds)
        return Prepared(values, Layout("seconds", places), (offset, offset + seconds), notes)

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found: dict[int, tuple[Tensor, Tensor]] = {}
        for rows, length in by_length(mask):
            features = values[rows, : length - 1].view(len(rows), -1, *self.shape)
            seconds = values[rows, length - 1].tolist()
            output = self._run(features)
            steps = self.lengths(features.shape[1])
            flat = _flat(output.last_hidden_state)[:, self.before :]
            hidden = flat.reshape(len(rows), self.clock.rows, steps, flat.shape[2])
            real = [hidden[i, :, : self.clock.real(s, steps)].flatten(0, 1) for i, s in enumerate(seconds)]
            own = vector_of(output, self.pooler, torch.stack([x.mean(0) for x in real]), self.before > 0)
            found |= dict(zip(rows, zip(real, own, strict=True), strict=True))
        return stack(found)

    def picture(self, values: Tensor) -> np.ndarray | None:
        """(F, N) the spectrogram of what is sound, the lowest band first; None where the network reads the waveform."""
        if not self.shape:
            return None
        bands = values[:-1].view(-1, *self.shape).float().cpu().numpy()
        bands = bands[0] if bands.ndim == 3 else bands
        bands = bands if len(bands) == self.extractor.feature_size and len(bands) < bands.shape[1] else bands.T
        share = float(values[-1]) / self.room if math.isfinite(self.room) else 1.0
        return bands[:, : max(1, math.ceil(share * bands.shape[1]))]

    def panels(self, prepared: Prepared) -> list[Panel]:
        bands = self.picture(prepared.values)
        return [] if bands is None else [Panel("series", "backbone.spectrogram", bands - bands.min(), prepared.extent)]

    def _extract(self, samples: np.ndarray) -> Tensor:
        features: Tensor = self.extractor(samples, sampling_rate=self.rate, return_tensors="pt")[self.entry][0]
        return features.float()

    def _run(self, features: Tensor) -> Any:
        more = {name: torch.ones(len(features), 1, dtype=torch.bool, device=features.device) for name in self.more}
        return self.run(**{self.entry: features}, **more)


def _flat(hidden: Tensor) -> Tensor:
    """Tokens (B, T, F) unchanged; a map (B, F, rows, steps) as tokens, row by row."""
    return hidden.flatten(2).transpose(1, 2) if hidden.ndim == 4 else hidden


def _room(extractor: Any) -> float:
    """Seconds that fit into the fixed input length of an extractor, infinite where there is none."""
    if hasattr(extractor, "chunk_length"):
        return float(extractor.chunk_length)
    if hasattr(extractor, "max_length_s"):
        return float(extractor.max_length_s)
    return float(extractor.max_length * KALDI_HOP) if hasattr(extractor, "max_length") else math.inf


def _clock(model: Pretrained, rate: int, room: float, hidden: torch.Size) -> tuple[Clock, int, Callable[[int], int]]:
    """The steps of a network in time, the number of tokens before them, and the number of steps as a function of the input length."""
    config = model.config
    if hasattr(config, "conv_stride"):  # wav2vec 2.0 and its successors
        layers = list(zip(config.conv_kernel, config.conv_stride, strict=True))
        stride, reach = 1, 1
        for kernel, step in layers:
            reach += (kernel - 1) * stride
            stride *= step
        return Clock((reach - stride) / 2 / rate, stride / rate, 1), 0, functools.partial(_convolved, layers)
    if len(hidden) == 4:  # CLAP
        return Clock(0.0, room / hidden[3], hidden[2]), 0, lambda length: hidden[3]
    if config.model_type == "audio-spectrogram-transformer":
        rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        steps = (config.max_length - config.patch_size) // config.time_stride + 1
        return _kaldi_clock(config.patch_size, config.time_stride, rows), 2, lambda length: steps
    if math.isfinite(room):  # Whisper: a step's middle is the middle of the window at its start
        return Clock(-room / hidden[1] / 2, room / hidden[1], 1), 0, lambda length: hidden[1]
    frames = getattr(model.preparer, "stride", 1)  # spectrograms of any length, some frames to a token
    return _kaldi_clock(frames, frames, 1), 0, lambda length: length


def _kaldi_clock(patch: int, stride: int, rows: int) -> Clock:
    middle = ((patch - 1) * KALDI_HOP + KALDI_WINDOW) / 2
    step = stride * KALDI_HOP
    return Clock(middle - step / 2, step, rows)


def _convolved(layers: list[tuple[int, int]], length: int) -> int:
    for kernel, stride in layers:
        length = (length - kernel) // stride + 1
    return length
