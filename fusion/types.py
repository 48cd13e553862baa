"""The nouns every layer shares: media, layouts, features, what a strategy returns, what a prediction says.

Letters: B batch, M modalities, T tokens, D embedding width, H heads, L layers, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fusion.messages import Message, message

if TYPE_CHECKING:  # media are decoded in processes that have no use for torch
    from torch import Tensor

MODALITIES = ("image", "text", "audio", "video")  # screen order; a task may use a subset, never another order


class FusionError(ValueError):
    """Something a person can mend, in one sentence: `FusionError("{name} is empty.", name=name)`, see `fusion.messages`."""

    def __init__(self, template: str = "", /, **values: Any) -> None:
        self.message = message(template, **values)
        super().__init__(self.message)


@dataclass(frozen=True)
class Audio:
    """Sound: `samples` (N,) float32 in [-1, 1], mono, `rate` in Hz."""

    rate: int
    samples: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Clip:
    """Moving pictures: `frames` (T, H, W, 3) uint8, `times` (T,) seconds from the start, and its own sound if it has one."""

    frames: np.ndarray
    times: np.ndarray
    audio: Audio | None = None


Medium = np.ndarray | str | Audio | Clip  # image (H, W, 3) uint8 | text | sound | clip


@dataclass(frozen=True)
class Layout:
    """Where each token lies on its medium.

    `places` (T, k), one row per token:
      grid        x0, y0, x1, y1 in [0, 1] of the picture (may pass its border where the picture was padded)
      seconds     start, end (may pass the ends of the sound, which was padded)
      characters  start, end (as in a Python slice of the text)
      frames      time in seconds, x0, y0, x1, y1 in [0, 1] of the frame
    """

    kind: Literal["grid", "seconds", "characters", "frames"]
    places: np.ndarray


@dataclass(frozen=True)
class Panel:
    """One thing an encoder computed on its way to the features, as numbers a view can draw; `kind` says what `values` are.

    maps       (N, H, W) over a picture, or over frame n of a clip at `times` (N,) seconds; `extent` x0, y0, x1, y1 is what they cover in
               [0, 1] of the picture (may pass its border)
    keypoints  (N, 5): x, y in [0, 1] of the picture, radius as a share of its longer side, angle in radians clockwise from right, strength
    arrows     (T, G, G, 2): motion to the right and down, in shares of the frame's longer side per second, over a GxG grid of the frame
               at `times` (T,) seconds; `extent` as for maps
    series     (F, T): F features over time, the first row lowest; `extent` is start and end in seconds; `names` labels some rows or none
    bars       (N,): a histogram or weights; `names` (N,) or none
    words      (W, K): what K named things weigh in each text token, in the order of the layout; `names` (K,)

    title  key of its caption in the page's texts, "lbp.codes"; signed: values lie around zero, else they are not negative
    """

    kind: Literal["maps", "keypoints", "arrows", "series", "bars", "words"]
    title: str
    values: np.ndarray
    extent: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    times: tuple[float, ...] = ()
    signed: bool = False


@dataclass
class Features:
    """What an encoder gives for one modality of a batch.

    tokens  (B, T, D)
    mask    (B, T) bool, True where a token is real
    pooled  (B, D)
    weights (B, T) how much of `pooled` each token carries, sums to 1 over real tokens
    layout  one per sample, or None where nobody will look (training)
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor
    weights: Tensor
    layout: tuple[Layout, ...] | None = None

    def repeat(self, count: int) -> Features:
        """One sample seen `count` times, without a copy."""
        parts = (self.tokens, self.mask, self.pooled, self.weights)
        return Features(*(x.expand(count, *x.shape[1:]) for x in parts))


@dataclass
class FusionOutput:
    """What a strategy concluded. A view asks which fields are there, never which strategy it was.

    fused           (B, D); for strategies that fuse logits D = K and `fused` are log-odds up to a constant
    weights         (B, M) share of each modality in [0, 1], zero where absent, or None
    attention       {(query, key): (B, L, H, Tq, Tk)}, rows sum to 1; (1, ...) where it is one for all subsets of one sample
    unimodal_logits {modality: (B, K)}, or None
    reconstructions {modality: (B, D)}, or None; of every modality, also of those that are missing
    tokens          {modality: (B, T, token_dim)} tokens after fusion, in the places of the encoder's tokens, or None; of one sample in B
                    subsets maybe only of the rows in which the modality is there
    latent          (mean, log-variance), each (B, Z), of the joint posterior, or None
    space           {modality: (B, D)} unit vectors in one space, zero where missing, or None
    auxiliary       {question: (B, K_q)} logits of further heads on the same trunk, or None
    """

    fused: Tensor
    weights: Tensor | None = None
    attention: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    unimodal_logits: dict[str, Tensor] | None = None
    reconstructions: dict[str, Tensor] | None = None
    tokens: dict[str, Tensor] | None = None
    latent: tuple[Tensor, Tensor] | None = None
    space: dict[str, Tensor] | None = None
    auxiliary: dict[str, Tensor] | None = None

    def first(self) -> FusionOutput:
        """Row 0: its vector and its tokens, which is what says where."""
        return FusionOutput(self.fused[:1], tokens=self.tokens and {m: x[:1] for m, x in self.tokens.items()})


@dataclass(frozen=True)
class Prediction:
    """The answer of one strategy to one input.

    probs          {label: probability}, sums to 1, in the task's label order
    weights        {modality: learned share in [0, 1]}, or None where the strategy has no such thing
    contributions  {modality: change of the label's probability when that modality is left out}, measured
    subsets        {modalities, in order: (K,) probabilities when only these are given} of every non-empty subset
    votes          {modality: {label: probability}} of the strategy's own single-modality heads, or None
    attention      {(query, key): (L, H, Tq, Tk) float32}, rows sum to 1; empty where the strategy has none
    layouts        {modality: Layout} of the tokens that `attention` speaks of
    auxiliary      {question: {answer: probability}} of further heads, or None where the strategy has none
    box            (x0, y0, x1, y1) in [0, 1] of the picture; None where the task has no boxes or nothing was found
    mask           (S, S) float32 in [0, 1] over the square that the image encoder read (`Seen.extent`), None like `box`
    found          probability that what is asked for is there at all, or None where the task does not ask
    known          False where the confidence is so low as of inputs that are none of the labels; None where the task does not ask
    seconds        of the strategy alone, for this answer and those of all `subsets`; the encoders run once for all strategies
    """

    label: str
    probs: dict[str, float]
    weights: dict[str, float] | None
    contributions: dict[str, float]
    votes: dict[str, dict[str, float]] | None
    attention: dict[tuple[str, str], np.ndarray]
    layouts: dict[str, Layout]
    box: tuple[float, float, float, float] | None
    seconds: float
    subsets: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)
    auxiliary: dict[str, dict[str, float]] | None = None
    mask: np.ndarray | None = None
    found: float | None = None
    known: bool | None = None

    @property
    def confidence(self) -> float:
        return self.probs[self.label]


@dataclass(frozen=True)
class Seen:
    """What an encoder saw of one medium, ready to be drawn.

    array    image (S, S) float32 standardised; audio (F, N) float32 log-mel in dB; video (T, S, S) float32; text None
    extent   image, video: x0, y0, x1, y1 of the array on the medium in [0, 1]; audio: start, end in seconds; text: start, end character
    layout, weights (T,), norms (T,) of the tokens; embedding (D,); seconds the encoder took; parameters of the encoder
    """

    array: np.ndarray | None
    extent: tuple[float, ...]
    layout: Layout
    weights: np.ndarray
    norms: np.ndarray
    embedding: np.ndarray
    seconds: float
    parameters: int


@dataclass(frozen=True)
class Scatter:
    """One input among reference samples, in the two directions in which an encoder's space is widest (PCA).

    points (N, 2), labels (N,) indices of the task's labels, -1 where a sample names none; here (2,) is the input;
    explained: share of the variance in these two directions.
    """

    points: np.ndarray
    labels: np.ndarray
    here: np.ndarray
    explained: float


@dataclass(frozen=True)
class Inside:
    """What one encoder makes of one medium, for the page that looks inside.

    encoder          its name; `medium` as the encoder got it
    seen             tokens, places, weights, embedding, cost
    panels           what it computed on its way
    prepare_seconds, forward_seconds     of this medium
    scatter          or None where there are no reference samples of this encoder
    probe            accuracy of a linear classifier on its vectors, measured, or None
    trained_on       a sentence, or ""
    notes            one sentence for each thing that is missing or damaged here
    """

    encoder: str
    modality: str
    medium: Medium
    seen: Seen
    panels: tuple[Panel, ...]
    prepare_seconds: float
    forward_seconds: float
    scatter: Scatter | None = None
    probe: float | None = None
    trained_on: str = ""
    notes: tuple[Message, ...] = ()
