"""The shapes of the JSON that the page's scripts get with each answer, as pydantic models; `payload.py` makes it.

`python -m fusion declarations` writes them as TypeScript declarations for the scripts; tests hold every answer against them.
Numbers packed as text are base64, see `serialize.py`. Shares and probabilities lie in [0, 1], times are in seconds.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Interaction = Literal["redundancy", "synergy", "alignment"]
LayoutKind = Literal["grid", "seconds", "characters", "frames"]


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Sentence(Shape):
    """A sentence of the server, which the page looks up in its language by the template; see `fusion.messages`."""

    template: str
    values: dict[str, Any]


class Status(Shape):
    """How it went: an answer with notes, or why there is none."""

    kind: Literal["ok", "empty", "error", "untrained"]
    notes: list[Sentence] | None = None
    key: str | None = Field(None, description="Key of the page's texts.")
    text: Sentence | None = Field(None, description="A sentence of the server.")


class ExplanationSentence(Shape):
    """A sentence: a key of the page's texts, with values, see `explanation.py`."""

    key: str
    values: dict[str, Any]


class Vote(Shape):
    """The answer of a modality's own classifier."""

    label: str
    confidence: float


class Shapley(Shape):
    """Shapley values of the modalities for the probability of the answer."""

    values: dict[str, float]
    none: float = Field(description="Probability without any modality, 1/K.")
    interaction: float | None = Field(description="Share that only coalitions have; null with one modality.")


class Places(Shape):
    """Where tokens lie, one row per token, see `fusion.types.Layout`."""

    kind: LayoutKind
    places: list[list[float | int]]


class Asked(Places):
    """Attention of the question on each token of the picture."""

    shares: str = Field(description="One byte per token, see `serialize.shares`.")


class Mask(Shape):
    """Segmentation mask of the object, on the square that the encoder read."""

    side: int
    data: str = Field(description="side x side bytes, see `serialize.shares`.")


class Place(Shape):
    """Localization by a strategy."""

    found: float = Field(description="Probability that it is there.")
    box: list[float] | None = Field(description="x0, y0, x1, y1 in [0, 1] of the picture.")
    mask: Mask | None = Field(None, description="Only of the chosen strategy.")
    asked: Asked | None = Field(None, description="Only of the chosen strategy.")


class Opinion(Shape):
    """Belief, doubt and conflict of a strategy, shares in [0, 1]."""

    belief: dict[str, float] = Field(description="By label; with the doubt they sum to 1.")
    doubt: float
    conflict: float
    doubts: dict[str, float] = Field(description="Doubt of each modality alone.")
    refuses: bool


class StrategyRow(Shape):
    """The answer of one strategy."""

    name: str
    baseline: bool
    label: str
    confidence: float
    known: bool | None = Field(description="False if the input is out of distribution.")
    probs: list[float] = Field(description="In the order of the labels.")
    weights: dict[str, float] | None = Field(description="Learned share of each modality.")
    contributions: dict[str, float] = Field(description="Change of the probability when that modality is left out.")
    shapley: Shapley
    votes: dict[str, Vote] | None
    auxiliary: dict[str, dict[str, float]] | None = Field(description="Probabilities of the answers to further questions.")
    opinion: Opinion | None
    place: Place | None
    seconds: float
    parameters: int
    differs: bool = Field(description="Whether most strategies give another label.")
    explanation: list[ExplanationSentence]


class ModalityBlock(Shape):
    """A block of the diagram."""

    name: str
    present: bool
    tokens: int | None = None
    dim: int | None = None


class Picture(Shape):
    """A picture as it is shown."""

    url: str = Field(description="Data URL.")
    width: int
    height: int


class Sound(Shape):
    """A sound as it is played."""

    wav: str = Field(description="16-bit WAV in base64.")
    peaks: list[float] = Field(description="Largest amplitude of each stretch, in [0, 1] of the loudest.")
    seconds: float


class Film(Shape):
    """A clip as it is shown."""

    frames: list[str] = Field(description="Data URLs.")
    times: list[float]
    sound: bool
    width: int
    height: int


class Grey(Shape):
    """Grey levels from the smallest to the largest number."""

    width: int
    height: int
    data: str = Field(description="One byte per number, frame after frame.")


class Panel(Places):
    """The input of an encoder with its tokens."""

    array: Grey | None
    text: str | None
    extent: list[float] = Field(description="What the array covers of the medium.")
    weights: str = Field(description="One byte per token, see `serialize.shares`.")
    norms: list[float]
    embedding: list[float]
    seconds: float
    parameters: int


class AttentionMaps(Shape):
    """Attention between two modalities, (layers, heads, queries, keys)."""

    layers: int
    heads: int
    queries: int
    keys: int
    data: str | None = Field(None, description="One byte per number, see `serialize.shares`; only of the chosen strategy.")


class Attention(Shape):
    """Attention of one strategy."""

    layouts: dict[str, Places] | None = Field(None, description="Only of the chosen strategy.")
    pairs: dict[str, AttentionMaps] = Field(description='By "query>key".')


class TaskShape(Shape):
    """The open task."""

    name: str
    interaction: Interaction
    places: str | None = Field(description="The modality in which the task asks for a place.")
    pen: float = Field(description="Width of a drawn line, as a share of the pad.")
    draws: bool = Field(description="Whether what is asked for can be drawn.")


class StrategyShape(Shape):
    """What a strategy is."""

    name: str
    baseline: bool
    only: str | None = Field(description="The modality that a baseline reads.")
    parameters: int
    title: str
    idea: str
    formula: str
    paper: str
    fuses: str
    notes: list[Sentence] = Field(description="Messages: how its weights differ from the paper, what cutting its paths costs.")


class ExampleShape(Shape):
    """A worked example."""

    name: str
    title: str
    hint: str


class Offer(Shape):
    """An encoder that can be chosen."""

    name: str
    title: str


class EncoderChoice(Shape):
    """The encoder of each modality, and which could."""

    choice: dict[str, str]
    offers: dict[str, list[Offer]]
    sets: dict[str, dict[str, str]]


class LabShape(Shape):
    """What does not change while a task is open."""

    task: TaskShape
    device: str
    precision: str
    parameters: int
    megabytes: float
    modalities: list[str]
    kinds: dict[str, str] = Field(description="What each modality holds: image, text, audio or video.")
    labels: list[str]
    strategies: list[StrategyShape]
    untrained: list[Sentence] = Field(description="Titles of strategies without weights here.")
    unavailable: dict[str, str]
    examples: list[ExampleShape]
    first: str = Field(description="The default strategy.")
    encoder_choice: EncoderChoice | None


class Result(Shape):
    """All that is drawn of one input; without an answer only `id`, `status` and maybe `lab`."""

    id: int
    status: Status
    lab: LabShape | None = None
    labels: list[str] | None = None
    strategies: list[StrategyRow] | None = None
    tally: list[tuple[str, int]] | None = Field(None, description="Number of strategies per label, the majority first.")
    out_of_distribution: int | None = Field(None, description="How many strategies find the input out of distribution.")
    modalities: list[ModalityBlock] | None = None
    encode_seconds: float | None = None
    marks: dict[str, str] | None = Field(None, description="Name of each modality's medium, corruption and encoder.")
    media: dict[str, Picture | Sound | Film | str] | None = Field(None, description="Media that the browser does not hold.")
    encoder_views: dict[str, Panel] | None = Field(None, description="Inputs and tokens of the encoders of these media.")
    attention: dict[str, Attention] | None = None
    answer: str | None = Field(None, description="Name of the whole answer.")
    soundtracks: dict[str, str] | None = Field(None, description="Of each modality whose sound is that of a clip, the clip.")


class Details(Shape):
    """What only the views of the chosen strategy need."""

    attention: Attention | None
    place: Place | None
