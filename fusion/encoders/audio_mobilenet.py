"""A small MobileNet on log-mel for sounds of every kind, distilled from a network that knew AudioSet.

Reference: Howard 2017 (MobileNets); Hershey 2017 (CNNs on log-mel for sound); Gemmeke 2017 (AudioSet).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn

from fusion.encoders.base import Prepared, TrunkEncoder, collate
from fusion.encoders.concepts import Groups, LearnedReading, NamedConcepts, Spans, as_lists
from fusion.media.resample import resample
from fusion.types import Audio, Layout, Panel

RATE = 16000  # Hz
FFT, WINDOW, HOP = 512, 400, 160  # samples
MELS = 64  # bands
STRIDE = 32  # frames of 10 ms per token
LEAST = 96  # frames that are read at once, and of the shortest sound: shorter ones are repeated
INNER = 768  # channels of the last layer but one (1,024 in the teacher)
WIDTH = 1024  # channels of the last layer
CLASSES = 521  # of AudioSet
LEVEL = 0.1  # root mean square that every sound is brought to
# Ends of the three tokens of a second, in frames. Each token reads the whole second, and the zero padding at both ends makes the outer two
# respond most: measured with bursts, the first token is the strongest up to about 0.55 s and the last one from there on. The
# middle one never is, so its span is short. With these spans it is right on average (within 16 ms) and holds nine bursts in ten.
SPANS = (55, 63, LEAST)


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Mono sound at 16 kHz to (frames, 64) logarithms of mel magnitudes, 10 ms a frame."""
    magnitude = mel_filters()(torch.from_numpy(np.ascontiguousarray(samples, np.float32)))
    return torch.log(magnitude + 1e-3).numpy().T


@functools.cache
def mel_filters() -> torchaudio.transforms.MelSpectrogram:
    """Windows of 25 ms every 10 ms, 64 bands from 125 to 7,500 Hz, as for the teacher."""
    return torchaudio.transforms.MelSpectrogram(
        RATE, FFT, WINDOW, HOP, 125.0, 7500.0, n_mels=MELS, power=1.0, center=False, norm=None, mel_scale="htk"
    )


def at_level(samples: np.ndarray, level: float = LEVEL) -> np.ndarray:
    """Scaled to one loudness, but by at most 60 dB, so that silence stays silent."""
    loud = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0
    return (samples * (level / max(loud, level / 1000))).clip(-1.0, 1.0).astype(np.float32)


def fill_up(samples: np.ndarray, least: int) -> np.ndarray:
    """Repeated until there are `least` samples."""
    if not len(samples):
        return np.zeros(least, np.float32)
    return np.resize(samples, least) if len(samples) < least else samples


def starts_of(frames: int) -> list[int]:
    """First frames of the seconds that are read of a sound of `frames`; the last one ends with the sound and may overlap the one before."""
    whole, rest = divmod(frames, LEAST)
    return [LEAST * i for i in range(whole)] + [frames - LEAST] * bool(rest)


def token_places(frames: int) -> np.ndarray:
    """Begin and end in seconds of the tokens of a sound of `frames`: (frames / 32, 2), without gaps or overlap."""
    ends = np.add.outer(starts_of(frames), SPANS)  # (P, 3)
    whole, rest = divmod(frames, LEAST)
    kept = np.concatenate([ends[:whole].ravel(), ends[-1, len(SPANS) - rest // STRIDE :]]) if rest else ends.ravel()
    return (np.column_stack([np.append(0, kept[:-1]), kept]) * (HOP / RATE)).astype(np.float32)


def build_trunk(inner: int = INNER) -> nn.ModuleList:
    """transformers' MobileNetV1 for one channel, with `inner` channels in the last layer but one."""
    from transformers import MobileNetV1Config, MobileNetV1Model  # takes a second, which only this task should cost
    from transformers.models.mobilenet_v1.modeling_mobilenet_v1 import MobileNetV1ConvLayer

    config = MobileNetV1Config(num_channels=1, tf_padding=True)
    network = MobileNetV1Model(config, add_pooling_layer=False)
    narrow = [
        MobileNetV1ConvLayer(config, 512, inner, 1),
        MobileNetV1ConvLayer(config, inner, inner, 3, 1, inner),
        MobileNetV1ConvLayer(config, inner, WIDTH, 1),
    ]
    layers = nn.ModuleList([network.conv_stem, *network.layer[:23], *narrow])
    for layer in layers:
        assert isinstance(layer, MobileNetV1ConvLayer)
        assert isinstance(layer.normalization, nn.BatchNorm2d)
        layer.normalization.momentum = 0.1  # the weight of the new value; in TensorFlow it is that of the old one
    return layers


class AudioMobileNet(TrunkEncoder[Audio]):
    """A small network distilled from one trained on two million sounds: one token for each third of a second.

    Sound of any rate and length to three tokens for every 960 ms; sounds shorter than a second are repeated.
    """

    trunk: nn.ModuleList
    modality = "audio"
    title = "Small MobileNet on log-mel"
    paper = "Howard et al. 2017; Hershey et al. 2017"

    def __init__(self, embed_dim: int = 96, names: tuple[str, ...] | list[str] = (), groups: Groups = (), neutral: Spans = ()) -> None:
        """Builds it without weights.

        Args:
            names: of AudioSet's classes, for the view.
            groups: of AudioSet's classes, one per label, as (first, last) indices.
            neutral: classes that are evidence neither for nor against the groups.
        """
        super().__init__(embed_dim)
        self.groups = groups
        self.neutral = neutral
        self.class_names = tuple(names)
        self.trunk = build_trunk()
        self.concepts = NamedConcepts(embed_dim, WIDTH, CLASSES, groups, exclusive=False, neutral=neutral)
        self.project = LearnedReading(WIDTH, embed_dim)

    def prepare(self, medium: Audio) -> Prepared:
        samples = medium.samples
        if medium.rate != RATE and len(samples):
            samples = resample(samples, medium.rate, RATE)
        real = len(samples)
        samples = fill_up(at_level(samples), LEAST * HOP + FFT - HOP)
        samples = np.pad(samples, (0, -(len(samples) - FFT + HOP) % (STRIDE * HOP)))  # whole tokens; the rest of the last is silence
        mel = log_mel(samples)  # (N, 64), N a multiple of 32
        seconds = max(real, 1) / RATE
        layout = Layout("seconds", token_places(len(mel)))
        return Prepared(torch.from_numpy(np.ascontiguousarray(mel)), layout, (0.0, max(seconds, len(mel) * HOP / RATE)))

    def hidden(self, values: Tensor, mask: Tensor) -> Tensor:
        """The last maps of the trunk, averaged over pitch: (B, N / 32, 1024), before any layer that was trained with the task's labels.

        The trunk reads one second at a time, as the teacher did, which relies on its padded edges; the last second of a sound ends with
        the sound, and its overlap with the one before is dropped.
        """
        found = values.new_zeros(len(values), values.shape[1] // STRIDE, WIDTH)
        lengths = mask.sum(1)
        for length in sorted(set(lengths.tolist())):  # sounds of one length at a time: a long one does not make the others as long
            rows = (lengths == length).nonzero().squeeze(1)
            whole, rest = divmod(length, LEAST)
            starts = starts_of(length)
            x = torch.stack([values[rows, start : start + LEAST] for start in starts], 1).flatten(0, 1)  # (b P, 96, 64)
            x = x[:, None].contiguous(memory_format=torch.channels_last)
            for layer in self.trunk:
                x = layer(x)
            tokens = x.mean(3).transpose(1, 2).reshape(len(rows), len(starts), -1, WIDTH)  # (b, P, 3, 1024)
            joined = tokens[:, :whole].flatten(1, 2)
            if rest:
                joined = torch.cat([joined, tokens[:, -1, -(rest // STRIDE) :]], 1)
            index = torch.arange(length // STRIDE, device=rows.device)
            found = found.index_put((rows[:, None], index), joined.to(found.dtype))
        return found

    def run_trunk(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return self.hidden(values, mask), mask[:, ::STRIDE]

    def read(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Vectors (B, T, 1024) to tokens (B, T, D): the learned features of each moment, and the concepts of the whole sound."""
        tokens: Tensor = self.concepts(self.whole(hidden, mask)[:, None], self.project(hidden))
        return tokens

    def whole(self, hidden: Tensor, real: Tensor) -> Tensor:
        """The mean over time (B, 1024), which was trained to equal the teacher's embedding."""
        share = real.to(hidden.dtype) / real.sum(1, keepdim=True)
        return torch.einsum("btw,bt->bw", hidden, share)

    def options(self) -> dict[str, Any]:
        return {"names": list(self.class_names), "groups": as_lists(self.groups), "neutral": as_lists(self.neutral)}

    def picture(self, values: Tensor) -> np.ndarray:
        return values.numpy().T * 8.686  # natural logarithms of magnitudes to decibels

    @torch.no_grad()
    def panels(self, medium: Audio, prepared: Prepared) -> list[Panel]:
        """The log-mel spectrogram in decibels above its minimum, and the likeliest classes of AudioSet."""
        shown = self.picture(prepared.values)
        panels = [Panel("series", "audio_mobilenet.mel", shown - shown.min(), prepared.extent)]
        if not self.class_names:
            return panels
        values, mask = (x.to(self.device) for x in collate([prepared]))
        hidden = self.hidden(values, mask)
        return [*panels, self.concepts.panel(hidden[0].mean(0), self.class_names)]
