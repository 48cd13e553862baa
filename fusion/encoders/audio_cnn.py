"""A compact CNN for speech: log-mel spectrogram at 8 kHz, 2-d convolutions, then temporal ones; a token every 64 ms.

Reference: Davis & Mermelstein 1980 (mel scale); Bai 2018 (temporal convolutions).
"""

from __future__ import annotations

import functools

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn

from fusion.encoders.base import Encoder, Prepared
from fusion.encoders.unread import sound_note
from fusion.encoders.video_tcn import TemporalBlock
from fusion.media.resample import resample
from fusion.types import Audio, Layout, Panel

RATE = 8000  # Hz
WINDOW, HOP = 256, 128  # samples
MELS = 48  # bands
SECONDS = 2.56  # the longest sound that is read
STRIDE = 4  # frames per token
FLOOR_DB = -70.0  # below the loudest bin
MARGIN = 10  # frames put at both ends, each band at its quietest: a tightly cut word then looks like one said in a quiet moment


def focus(samples: np.ndarray, rate: int, seconds: float) -> tuple[int, int]:
    """Start and end in samples of the segment of at most `seconds` with the loudest speech (energy above the recording's median level)."""
    span = int(seconds * rate)
    if len(samples) <= span:
        return 0, len(samples)
    step = max(1, rate // 50)
    frames = samples[: len(samples) // step * step].reshape(-1, step)
    energy = np.log10((frames.astype(np.float64) ** 2).mean(1) + 1e-8)
    above = np.maximum(energy - np.median(energy), 0)
    width = min(span // step, len(above))
    total = np.convolve(above, np.hanning(width + 2)[1:-1], "valid")  # centres what it finds
    start = int(total.argmax()) * step
    return start, min(start + span, len(samples))


def loudest(sound: Audio) -> tuple[np.ndarray, float]:
    """The segment found by `focus`, mono at 8 kHz, and its start in seconds."""
    start, end = focus(sound.samples, sound.rate, SECONDS)
    samples = sound.samples[start:end]
    if sound.rate != RATE:
        samples = resample(samples, sound.rate, RATE)
    return samples, start / sound.rate


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Mono sound at 8 kHz to (frames, 48) decibels below the loudest bin, at least -70; one frame every 16 ms."""
    samples = np.pad(samples, (0, max(0, 10 * HOP - len(samples))))
    mel: np.ndarray = mel_filters()(torch.from_numpy(samples.astype(np.float32))).numpy()
    decibels: np.ndarray = 10 * np.log10(np.maximum(mel, 1e-10) / max(float(mel.max()), 1e-6))
    return decibels.clip(FLOOR_DB).T


@functools.cache
def mel_filters() -> torchaudio.transforms.MelSpectrogram:
    """Built once; torchaudio, because it needs no compilation at the start."""
    return torchaudio.transforms.MelSpectrogram(
        RATE, WINDOW, hop_length=HOP, n_mels=MELS, f_min=60.0, f_max=3900.0, norm="slaney", mel_scale="slaney"
    )


class AudioCNN(Encoder[Audio]):
    """Learned filters on the log-mel spectrogram of the audio.

    Sound of any rate and length (the loudest 2.56 s of it) to one token per 64 ms.
    """

    modality = "audio"
    title = "Log-mel CNN"
    paper = "Davis & Mermelstein 1980; Bai et al. 2018"
    shifts = True

    def __init__(self, embed_dim: int = 96, width: int = 24) -> None:
        super().__init__(embed_dim)
        steps: list[nn.Module] = []
        for inside, outside, stride in ((1, width, (2, 2)), (width, 2 * width, (2, 2)), (2 * width, 3 * width, (1, 2))):
            steps += [nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside), nn.ReLU()]
        self.stem = nn.Sequential(*steps)
        self.project = nn.Conv1d(3 * width * MELS // 8, embed_dim, 3, padding=1)
        self.temporal = nn.ModuleList([TemporalBlock(embed_dim, 5, 1), TemporalBlock(embed_dim, 5, 2)])
        self.drop = nn.Dropout(0.1)

    def prepare(self, medium: Audio) -> Prepared:
        samples, start = loudest(medium)
        mel = log_mel(samples)
        edge = np.repeat(mel.min(0, keepdims=True), MARGIN, 0)
        mel = np.concatenate([edge, mel, edge])
        mel = mel[: len(mel) // STRIDE * STRIDE]  # at least 20 frames, so never none
        offset = start - MARGIN * HOP / RATE
        step = STRIDE * HOP / RATE
        begin = offset - HOP / RATE / 2 - sum(self.shift) + np.arange(len(mel) // STRIDE) * step  # frames are centred on hops
        layout = Layout("seconds", np.column_stack([begin, begin + step]).astype(np.float32))
        notes = sound_note(start, start + len(samples) / RATE, medium.seconds)
        return Prepared(torch.from_numpy(mel), layout, (offset, offset + len(mel) * HOP / RATE), notes)

    def tokenize(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        real = mask[..., None].to(values.dtype)  # (B, N, 1)
        count = real.sum(1, keepdim=True)
        x = values - (values * real).sum(1, keepdim=True) / count  # subtract the mean of each band: microphones differ
        spread = ((x * real).square().sum((1, 2), keepdim=True) / (count * x.shape[2])).sqrt()
        x = (x / spread.clamp_min(1.0) * real)[:, None]  # (B, 1, N, F)
        for layer in self.stem:  # padding is set to zero after every layer, so that a sound has the same features by itself and in a batch
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                keep = mask[:, :: mask.shape[1] // x.shape[2]]
                x = x * keep[:, None, :, None].to(x.dtype)
        x = self.drop(self.project(x.transpose(2, 3).flatten(1, 2)))  # (B, D, N/4)
        token_mask = mask[:, ::STRIDE]
        for block in self.temporal:
            x = block(x, token_mask)
        return x.transpose(1, 2), token_mask

    def picture(self, values: Tensor) -> np.ndarray:
        return values.numpy().T

    def panels(self, medium: Audio, prepared: Prepared) -> list[Panel]:
        """The log-mel spectrogram it reads, in decibels above its floor."""
        return [Panel("series", "audio_cnn.mel", self.picture(prepared.values) - FLOOR_DB, prepared.extent)]
