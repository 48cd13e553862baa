"""An encoder registry with known answers: plausible numbers of every kind of panel, computed from the medium itself by plain numpy.

`backbone:slow/...` takes a second and a half, `backbone:broken/...` fails in a way nobody foresaw; of other backbones only
`backbone:microsoft/resnet-18` is there.
"""

from __future__ import annotations

import re
import time
from typing import Any

import numpy as np

from fusion.messages import message
from fusion.types import Activations, Audio, Clip, EncoderView, FusionError, Layout, Medium, Panel, Scatter

NAMES = {
    "image": ("image_cnn", "image_vit", "image_lbp", "image_sift"),
    "text": ("text_transformer", "text_lstm", "text_bow", "text_lda"),
    "audio": ("audio_cnn", "audio_mfcc", "audio_spectrogram", "audio_cqt"),
    "video": ("video_tcn", "video_r3d", "video_flow"),
}
TITLES = {"image_cnn": "Compact CNN", "image_vit": "Vision transformer", "image_lbp": "Local binary patterns", "image_sift": "SIFT",
          "text_transformer": "Compact transformer", "text_lstm": "LSTM", "text_bow": "Bag of words", "text_lda": "Topics (LDA)",
          "audio_cnn": "Log-mel CNN", "audio_mfcc": "MFCC", "audio_spectrogram": "Spectrogram", "audio_cqt": "Constant-Q",
          "video_tcn": "Frames + temporal convolution", "video_r3d": "3D-CNN action net", "video_flow": "Optical flow"}  # fmt: skip
FIXED = ("image_lbp", "image_sift", "text_bow", "text_lda", "audio_mfcc", "audio_spectrogram", "audio_cqt", "video_flow")
THERE = "backbone:microsoft/resnet-18"
NOTES = ("C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B")
DIM = 96


class FakeRegistry:
    """Has the public interface of `fusion.encoder_registry.EncoderRegistry` that the page uses."""

    def __init__(self, lab: Any = None) -> None:
        self.asked: list[tuple[str, str]] = []

    def names(self, modality: str) -> tuple[str, ...]:
        return NAMES[modality]

    def describe(self, name: str) -> dict[str, Any]:
        title = TITLES.get(name, name.removeprefix("backbone:"))
        paper = "" if name not in TITLES else "Lowe 2004" if name == "image_sift" else "Somebody 2020"
        return {"title": title, "idea": f"The idea of {title}, in one sentence.", "paper": paper, "learned": name not in FIXED}

    def activations(self, modality: str, name: str, medium: Medium) -> Activations:
        self.asked.append((modality, name))
        if name.startswith("backbone:slow/"):
            time.sleep(1.5)
        elif name.startswith("backbone:broken/"):
            raise RuntimeError("secret detail")
        elif name.startswith("backbone:") and name != THERE:
            raise FusionError(f"The backbone {name.removeprefix('backbone:')!r} is not on this machine, and the hub cannot be reached.")
        elif not name.startswith("backbone:") and name not in NAMES[modality]:
            raise FusionError(f"There is no encoder named {name!r}.")
        layout, panels, array, extent = MAKERS[modality](name, medium)
        count, learned = len(layout.places), self.describe(name)["learned"]
        weights = np.arange(1, count + 1) / (count * (count + 1) / 2)
        vector = np.cos(np.arange(DIM) * (1 + len(name) / 7)) * np.linspace(2, 0.2, DIM)
        view = EncoderView(array, extent, layout, weights, np.linspace(1, 2, count), vector, 0.004, 250_000 if learned else 9_312)
        sentence = message("Trained on {data}.", data="60,000 handwritten digits") if learned else None
        return Activations(
            name, modality, medium, view, tuple(panels), 0.0012, 0.0034, scatter(name), 0.973 if learned else 0.861, sentence
        )


def scatter(name: str, count: int = 400) -> Scatter:
    """Ten clouds on a ring, a few samples that name nothing, and the input near the cloud of label 7."""
    rng, labels = np.random.default_rng(len(name)), np.arange(count) % 10
    centres = np.column_stack([3 * np.cos(np.arange(10) * 0.63), 2 * np.sin(np.arange(10) * 0.63)])
    points = centres[labels] + rng.normal(0, 0.45, (count, 2))
    return Scatter(points, np.where(np.arange(count) % 40 == 0, -1, labels), centres[7] + 0.2, 0.43)


def grid(side: int) -> Layout:
    x, y = np.meshgrid(np.arange(side) / side, np.arange(side) / side)
    x, y = x.ravel(), y.ravel()
    return Layout("grid", np.column_stack([x, y, x + 1 / side, y + 1 / side]))


def codes(grey: np.ndarray) -> np.ndarray:
    """Local binary patterns by hand: one bit for each of eight neighbours that is not darker."""
    steps = [(0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1)]
    return sum((np.roll(grey, s, (0, 1)) >= grey).astype(np.float32) * 2**k for k, s in enumerate(steps))


def image(name: str, medium: np.ndarray) -> tuple[Layout, list[Panel], np.ndarray | None, tuple[float, ...]]:
    step = max(1, max(medium.shape) // 96)
    grey = medium[::step, ::step].mean(-1).astype(np.float32)
    down, right = np.gradient(grey) if min(grey.shape) > 1 else (grey * 0, grey * 0)
    edges, whole = np.hypot(down, right), (0.0, 0.0, 1.0, 1.0)
    if name == "image_lbp":
        found = codes(grey)
        histogram = np.bincount(found.astype(int).ravel() // 4, minlength=64) / found.size
        return grid(6), [Panel("maps", "lbp.codes", found[None], whole), Panel("bars", "lbp.histogram", histogram)], None, whole
    if name == "image_sift":
        y, x = np.unravel_index(np.argsort(-edges.ravel())[::9][:40], edges.shape)
        strong, turned = edges[y, x] / max(float(edges.max()), 1e-6), np.arctan2(down[y, x], right[y, x])
        size = 0.02 + 0.05 * (np.arange(len(x)) % 4)
        rows = np.column_stack([(x + 0.5) / grey.shape[1], (y + 0.5) / grey.shape[0], size, turned, strong])
        words = tuple(f"word {i}" for i in range(32))
        return (
            grid(4),
            [Panel("keypoints", "sift.keypoints", rows), Panel("bars", "sift.words", np.arange(32) % 9 / 9, names=words)],
            None,
            whole,
        )
    if name == "image_vit":
        looks = np.add.outer(-np.abs(np.arange(8) - 3.0), -np.abs(np.arange(8) - 4.0))
        return grid(8), [Panel("maps", "image_vit.attention", np.exp(looks)[None], whole)], grey - grey.mean(), whole
    maps = np.stack([np.maximum(0, np.cos(a) * right + np.sin(a) * down) for a in np.linspace(0, 6, 16)])
    wide = (-0.1, -0.1, 1.1, 1.1)
    return (
        grid(8),
        [Panel("maps", "image_cnn.stem", maps, whole), Panel("maps", "backbone.components", (down - right)[None], wide, signed=True)],
        None,
        whole,
    )


def text(name: str, medium: str) -> tuple[Layout, list[Panel], None, tuple[float, ...]]:
    spans = [m.span() for m in re.finditer(r"\w+", medium)] or [(0, len(medium))]
    layout, count = Layout("characters", np.array(spans, float)), len(spans)
    if name == "text_bow":
        shown = tuple(medium[a:b] for a, b in spans)
        return layout, [Panel("bars", "bow.terms", 1 + np.arange(count) % 3, names=shown)], None, (0, len(medium))
    topics = tuple(f"topic {i}: {w}" for i, w in enumerate(("seven, siete, 7", "number, digit", "three, 三", "the, a, is", "nine, neun")))
    share = np.abs(np.cos(np.outer(np.arange(count) + 1, np.arange(5) + 1)))
    share /= share.sum(1, keepdims=True)
    if name == "text_lda":
        panels = [Panel("bars", "lda.topics", share.mean(0), names=topics), Panel("words", "lda.words", share, names=topics)]
        return layout, panels, None, (0, len(medium))
    if name == "text_lstm":
        return layout, [Panel("words", "text_lstm.moved", share[:, :2], names=("→", "←"))], None, (0, len(medium))
    alike = np.cos(np.subtract.outer(np.arange(count), np.arange(count)))
    names = tuple(medium[a:b] for a, b in spans)
    return layout, [Panel("words", "text_embedding.similar", alike, names=names, signed=True)], None, (0, len(medium))


def audio(name: str, medium: Audio) -> tuple[Layout, list[Panel], np.ndarray | None, tuple[float, ...]]:
    rate, n = medium.rate, 256
    padded = np.pad(medium.samples, (0, max(0, 2 * n - len(medium.samples))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n)[:: n // 4]
    power = np.log1p(1e3 * np.abs(np.fft.rfft(frames * np.hanning(n)).T))  # (F, T)
    end = len(padded) / rate
    start = np.arange(16) * end / 16
    layout, whole = Layout("seconds", np.column_stack([start, start + end / 16])), (0.0, end)
    if name == "audio_mfcc":
        basis = np.cos(np.outer(np.arange(20), (np.arange(len(power)) + 0.5) * np.pi / len(power)))
        cepstrum = basis @ power
        labels = tuple(str(i) for i in range(20))
        return layout, [Panel("series", "mfcc.coefficients", cepstrum, whole, names=labels, signed=True),
                        Panel("series", "mfcc.energy", power.mean(0)[None], whole)], None, whole  # fmt: skip
    if name == "audio_cqt":
        rows = np.geomspace(3, len(power) - 1, 60).astype(int)
        labels = tuple(f"{NOTES[i % 12]}{2 + i // 12}" if i % 12 == 0 else "" for i in range(60))
        return layout, [Panel("series", "cqt.decibels", power[rows], whole, names=labels),
                        Panel("bars", "cqt.pitch", power[rows].mean(1).reshape(5, 12).mean(0), names=NOTES)], None, whole  # fmt: skip
    labels = tuple(f"{round(i * rate / n)} Hz" if i % 16 == 0 else "" for i in range(len(power)))
    if name == "audio_spectrogram":
        return layout, [Panel("series", "spectrogram.decibels", power, whole, names=labels)], None, whole
    return layout, [Panel("series", "audio_cnn.mel", np.maximum(0, np.diff(power[::16], axis=1)), whole)], power[:64], (0.0, end * 1.1)


def video(name: str, medium: Clip) -> tuple[Layout, list[Panel], np.ndarray | None, tuple[float, ...]]:
    whole, times = (0.0, 0.0, 1.0, 1.0), tuple(float(t) for t in medium.times)
    small = medium.frames[:, ::4, ::4].mean(-1)
    change = np.abs(np.diff(small, axis=0, prepend=small[:1]))
    count = len(times)
    layout = Layout("frames", np.column_stack([medium.times, np.tile([0, 0, 1, 1], (count, 1))]))
    if name == "video_flow":
        y, x = np.mgrid[0:8, 0:8] / 8 - 0.5
        turn = np.stack([-y, x], -1)[None] * np.sin(np.arange(count) / 3)[:, None, None, None]
        motion = np.abs(turn).mean((1, 2, 3))
        eight = ("→", "↘", "↓", "↙", "←", "↖", "↑", "↗")
        return layout, [Panel("arrows", "flow.arrows", turn, whole, times=times),
                        Panel("series", "flow.speed", motion[None], (0.0, max(times[-1], 0.1))),
                        Panel("bars", "flow.directions", 1 + np.arange(8), names=eight)], None, whole  # fmt: skip
    if name == "video_r3d":
        at = np.repeat(np.linspace(times[0], times[-1], 2), 4)
        cells = np.tile([[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]], (2, 1))
        acts = tuple(f"action {i}" for i in range(10))
        return Layout("frames", np.column_stack([at, cells])), [
            Panel("maps", "video_r3d.saliency", change, whole, times=times),
            Panel("bars", "r3d.actions", 1 / (1 + np.arange(10)), names=acts),
        ], None, whole  # fmt: skip
    return layout, [], small, whole


MAKERS = {"image": image, "text": text, "audio": audio, "video": video}
