"""The data types that all layers share: media, layouts, features, the output of a strategy, a prediction.

Letters: B batch, M modalities, T tokens, D embedding width, H heads, L layers, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

from fusion.messages import Message, message

if TYPE_CHECKING:  # media are decoded in processes that have no use for torch
    from torch import Tensor

MODALITIES = ("image", "text", "audio", "video")  # screen order; a task may use a subset, never another order


class FusionError(ValueError):
    """An error that the user can fix, in one sentence: `FusionError("{name} is empty.", name=name)`, see `fusion.messages`."""

    def __init__(self, template: str = "", /, **values: Any) -> None:
        self.message = message(template, **values)
        super().__init__(self.message)


@dataclass(frozen=True)
class Audio:
    """Mono sound: `samples` (N,) float32 in [-1, 1], `rate` in Hz."""

    rate: int
    samples: np.ndarray

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Clip:
    """A video: `frames` (T, H, W, 3) uint8, `times` (T,) in seconds from the start, and its sound track if it has one."""

    frames: np.ndarray
    times: np.ndarray
    audio: Audio | None = None


Medium = np.ndarray | str | Audio | Clip  # image (H, W, 3) uint8 | text | sound | clip


@dataclass(frozen=True)
class Layout:
    """The part of the medium that each token stands for.

    `places` (T, k), one row per token:
      grid        x0, y0, x1, y1 in [0, 1] of the picture (outside [0, 1] where the picture was padded)
      seconds     start, end (may lie before or after the sound where it was padded)
      characters  start, end (as in a Python slice of the text)
      frames      time in seconds, x0, y0, x1, y1 in [0, 1] of the frame
    """

    kind: Literal["grid", "seconds", "characters", "frames"]
    places: np.ndarray


@dataclass(frozen=True)
class Panel:
    """One intermediate result of an encoder, as numbers for a chart; `kind` says what `values` are.

    maps       (N, H, W) over a picture, or over frame n of a clip at `times` (N,) seconds; `extent` x0, y0, x1, y1 is what they cover in
               [0, 1] of the picture (may reach beyond its border)
    keypoints  (N, 5): x, y in [0, 1] of the picture, radius as a share of its longer side, angle in radians clockwise from right, strength
    arrows     (T, G, G, 2): motion to the right and down, in shares of the frame's longer side per second, over a GxG grid of the frame
               at `times` (T,) seconds; `extent` as for maps
    series     (F, T): F features over time, the first row lowest; `extent` is start and end in seconds; `names` labels some rows or none
    bars       (N,): a histogram or weights; `names` (N,) or none
    words      (W, K): weight of K named features in each text token, in the order of the layout; `names` (K,)

    title   key of its caption in the page's texts, such as "lbp.codes"
    signed  whether values may be negative
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
    """The output of an encoder for one modality of a batch.

    tokens  (B, T, D)
    mask    (B, T) bool, True where a token is real
    pooled  (B, D)
    weights (B, T) how much of `pooled` each token carries, sums to 1 over real tokens
    layout  one per sample, or None where it is not needed (training)
    """

    tokens: Tensor
    mask: Tensor
    pooled: Tensor
    weights: Tensor
    layout: tuple[Layout, ...] | None = None

    def repeat(self, count: int) -> Features:
        """One sample as a batch of `count` equal rows, which share their memory; without the layout."""

        def rows(x: Tensor) -> Tensor:
            return x.expand(count, *x.shape[1:])

        return Features(rows(self.tokens), rows(self.mask), rows(self.pooled), rows(self.weights))


@dataclass(frozen=True)
class Opinion:
    """What a strategy believes of each class, and how much it leaves open (subjective logic); belief and doubt sum to 1.

    belief    (B, K) in [0, 1]
    doubt     (B,) in [0, 1], the share that no class gets
    conflict  (B,) in [0, 1], the share in which the modalities contradict one another before Dempster's rule leaves it out
    doubts    (B, M) in [0, 1], the doubt of each modality alone, 1 where it is missing
    """

    belief: Tensor
    doubt: Tensor
    conflict: Tensor
    doubts: Tensor


@dataclass
class FusionOutput:
    """The output of a strategy. Views check which fields are set, never which strategy it was.

    fused           (B, D); for strategies that fuse logits D = K and `fused` are log-odds up to a constant
    weights         (B, M) weight of each modality in [0, 1], zero where absent, or None
    attention       {(query, key): (B, L, H, Tq, Tk)}, rows sum to 1; (1, ...) where all subsets of one sample share it
    unimodal_logits {modality: (B, K)}, or None
    reconstructions {modality: (B, D)}, or None; of every modality, including missing ones
    tokens          {modality: (B, T, token_dim)} tokens after fusion, in the order of the encoder's tokens, or None; for one sample in B
                    subsets possibly only the rows in which the modality is present
    latent          (mean, log-variance), each (B, Z), of the joint posterior, or None
    space           {modality: (B, D)} unit vectors in one space, zero where missing, or None
    auxiliary       {question: (B, K_q)} logits of further heads on the same trunk, or None
    opinion         belief, doubt and conflict, or None
    experts         (B, E) share of the answer that each expert of a mixture computed, sums to 1, or None
    loss            scalar, a loss that the strategy adds by itself while it is trained (load balancing), or None
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
    opinion: Opinion | None = None
    experts: Tensor | None = None
    loss: Tensor | None = None

    def first(self) -> FusionOutput:
        """Row 0: its fused vector and its tokens, as the localization head needs them."""
        return FusionOutput(self.fused[:1], tokens=self.tokens and {m: x[:1] for m, x in self.tokens.items()})


class Belief(TypedDict):
    """What a strategy believes and leaves open, all in [0, 1].

    belief    {label: share}; with the doubt they sum to 1
    doubt     share that no label gets
    conflict  share in which the modalities contradict one another
    doubts    {modality: its doubt alone}
    refuses   whether it leaves open too much to answer
    """

    belief: dict[str, float]
    doubt: float
    conflict: float
    doubts: dict[str, float]
    refuses: bool


@dataclass(frozen=True)
class Prediction:
    """The prediction of one strategy for one input.

    probs          {label: probability}, sums to 1, in the task's label order
    weights        {modality: learned weight in [0, 1]}, or None where the strategy learns none
    contributions  {modality: drop of the label's probability when that modality is left out}, measured
    subsets        {modalities, in order: (K,) probabilities when only these are given} of every non-empty subset
    votes          {modality: {label: probability}} of the strategy's own unimodal heads, or None
    attention      {(query, key): (L, H, Tq, Tk) float32}, rows sum to 1; empty where the strategy has none
    layouts        {modality: Layout} of the tokens in `attention`
    auxiliary      {question: {answer: probability}} of further heads, or None where the strategy has none
    box            (x0, y0, x1, y1) in [0, 1] of the picture; None where the task has no boxes or nothing was found
    mask           (S, S) float32 in [0, 1] over the square that the image encoder read (`EncoderView.extent`), None like `box`
    found          probability that the object asked for is in the picture, or None where the task does not localize
    known          False where the confidence is as low as for out-of-distribution inputs; None where the task has no open-set threshold
    opinion        belief, doubt and conflict; None where the strategy has none
    labels         {label: probability of it by itself} where a sample may have several, else None
    value          the predicted number, and `interval`, between which it lies with 95 % probability, of a regression, else None
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
    opinion: Belief | None = None
    labels: dict[str, float] | None = None
    value: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def confidence(self) -> float:
        return self.probs[self.label]


@dataclass(frozen=True)
class EncoderView:
    """The input and the tokens of an encoder for one medium, ready to be drawn.

    array    image (S, S) float32 standardised; audio (F, N) float32 log-mel in dB; video (T, S, S) float32; text None
    extent   image, video: x0, y0, x1, y1 of the array on the medium in [0, 1]; audio: start, end in seconds; text: start, end character
    layout, weights (T,), norms (T,) of the tokens; embedding (D,); seconds the encoder took; number of its parameters
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
    """One input among reference samples, projected on the first two principal components of an encoder's embeddings.

    points     (N, 2)
    labels     (N,) indices of the task's labels, -1 where a sample has none
    here       (2,) the input
    explained  share of the variance in these two components
    """

    points: np.ndarray
    labels: np.ndarray
    here: np.ndarray
    explained: float


@dataclass(frozen=True)
class Activations:
    """Everything that the encoder view shows of one encoder and one medium.

    encoder          its name; `medium` as the encoder got it
    view             tokens, places, weights, embedding, cost
    panels           intermediate results
    prepare_seconds, forward_seconds     of this medium
    scatter          or None where there are no reference samples of this encoder
    probe            accuracy of a linear probe on its embeddings, or None where it was not measured
    trained_on       a sentence on its training data, or None
    notes            one sentence for each file that is missing or damaged
    """

    encoder: str
    modality: str
    medium: Medium
    view: EncoderView
    panels: tuple[Panel, ...]
    prepare_seconds: float
    forward_seconds: float
    scatter: Scatter | None = None
    probe: float | None = None
    trained_on: Message | None = None
    notes: tuple[Message, ...] = ()
