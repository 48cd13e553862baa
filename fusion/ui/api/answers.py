"""What the public endpoints answer, as pydantic models: they check the answers, and their schema is the documentation.

Names of fields are those of `fusion.types.Prediction`. Shares and probabilities lie in [0, 1]; times are in seconds.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from fusion.types import Prediction

Kind = Literal["image", "text", "audio", "video"]
Method = Literal["attention", "relevance", "occlusion", "shapley"]
Share = Annotated[float, Field(ge=-1e-6, le=1 + 1e-6)]  # sums of 32-bit numbers can pass 1 by a rounding error


class TaskInfo(BaseModel):
    """One task of this server."""

    name: str = Field(description="Name of the task, to be given to the other endpoints.")
    title: str
    question: str = Field(description="What is asked of the inputs.")
    note: str = Field(description="More about the task, or empty.")
    interaction: Literal["redundancy", "synergy", "alignment"] = Field(description="How the modalities depend on one another.")
    labels: list[str] = Field(description="Text of each class.")
    modalities: dict[str, Kind] = Field(description="Kind of each modality, by its name.")
    unavailable: str | None = Field(None, description="Why the task cannot be used here, or null.")


class StrategyInfo(BaseModel):
    """One fusion strategy, or a baseline that reads one modality only."""

    name: str = Field(description="Name of the strategy, to be given to the other endpoints.")
    title: str
    idea: str = Field(description="What it does, in a sentence.")
    formula: str
    paper: str
    fuses: str = Field(description="What it combines: embeddings, tokens or logits.")
    notes: list[str] = Field(description="How its weights differ from the paper, and whether its score falls when its paths are cut.")
    baseline: bool = Field(description="Whether it reads one modality only.")
    parameters: int = Field(description="Count of trained numbers, without the encoders.", ge=0)


class TaskDescription(TaskInfo):
    """A task, the encoders it reads with, and its strategies."""

    encoders: dict[str, str] = Field(description="Name of the encoder of each modality.")
    strategies: list[StrategyInfo] = Field(description="The strategy that was asked for, or all of them.")
    untrained: list[str] = Field(description="Names of strategies without weights here; `python -m fusion train` makes them.")
    faults: dict[str, str] = Field(description="Strategies and modalities that cannot be used, with the reason.")


class Opinion(BaseModel):
    """What a strategy believes, and how much it leaves open."""

    belief: dict[str, Share] = Field(description="Belief in each label; with the doubt they sum to 1.")
    doubt: Share = Field(description="The share that no label gets.")
    conflict: Share = Field(description="The share in which the modalities contradict one another.")
    doubts: dict[str, Share] = Field(description="Doubt of each modality alone.")
    refuses: bool = Field(description="Whether the doubt is too large for an answer.")


class Answer(BaseModel):
    """The answer of one strategy."""

    strategy: str
    label: str = Field(description="The answer: the label of the highest probability.")
    confidence: Share = Field(description="Probability of the answer, in [0, 1].")
    known: bool | None = Field(description="False if the input is probably none of the labels; null where the task does not ask.")
    probs: dict[str, Share] = Field(description="Probability of each label; they sum to 1.")
    weights: dict[str, Share] | None = Field(description="Learned share of each modality; null where the strategy has none.")
    contributions: dict[str, float] = Field(
        description="Probability of the answer minus its probability without that modality, in [-1, 1]."
    )
    votes: dict[str, dict[str, Share]] | None = Field(description="Probabilities by each modality's own classifier, or null.")
    auxiliary: dict[str, dict[str, Share]] | None = Field(description="Probabilities of the answers to further questions, or null.")
    found: Share | None = Field(description="Probability that what is asked for is in the picture; null where the task does not ask.")
    box: tuple[float, float, float, float] | None = Field(description="Where it is: x0, y0, x1, y1 in [0, 1] of the picture, or null.")
    opinion: Opinion | None = Field(description="Belief, doubt and conflict; null where the strategy has none.")
    seconds: float = Field(description="Time that the strategy took, without the encoders.", ge=0)


class PredictAnswer(Answer):
    """The answer of one strategy to one input."""

    task: str
    notes: list[str] = Field(description="One sentence for each thing that was trimmed, scaled, assumed or not read.")


class CompareAnswer(BaseModel):
    """The answers of all strategies to one input."""

    task: str
    answers: list[Answer] = Field(description="One per strategy, then the baselines whose modality is there.")
    notes: list[str] = Field(description="One sentence for each thing that was trimmed, scaled, assumed or not read.")


class TokenScores(BaseModel):
    """A score for each token of one modality, and where the token lies on the medium."""

    kind: Literal["grid", "seconds", "characters", "frames"] = Field(
        description="What the places are. grid: x0, y0, x1, y1 in [0, 1] of the picture. seconds: start, end. "
        "characters: start, end of a slice of the text. frames: time in seconds, then x0, y0, x1, y1 in [0, 1] of the frame."
    )
    places: list[list[float]] = Field(description="One row per token.")
    scores: list[float] = Field(description="One number per token.")


class Explanation(BaseModel):
    """What one strategy's belief in one label rests on."""

    task: str
    strategy: str
    method: Method
    label: str = Field(description="The label that is explained.")
    unit: str = Field(description="Unit of the scores.")
    modalities: dict[str, float] | None = Field(
        description="Shapley value of each modality; they sum to the label's probability minus 1/K, with K labels. Only for shapley."
    )
    tokens: dict[str, TokenScores] | None = Field(description="Scores of the tokens of each modality. Null for shapley.")
    notes: list[str] = Field(description="One sentence for each thing that was trimmed, scaled, assumed or not read.")


class EncoderInfo(BaseModel):
    """One encoder that can read a modality."""

    name: str = Field(description='Name of the encoder, to be given in "encoders".')
    title: str
    idea: str = Field(description="What it does, in a sentence.")
    paper: str
    learned: bool = Field(description="Whether its features were trained, or are computed by a fixed rule.")
    shipped: bool = Field(description="Whether all strategies are trained on this one.")


class EncodersAnswer(BaseModel):
    """The encoders of a task."""

    task: str
    choice: bool = Field(description="Whether the task lets you choose encoders.")
    modalities: dict[str, list[EncoderInfo]] = Field(description="Encoders whose weights are here, of each modality.")
    backbones: list[str] | Literal["all"] = Field(
        description='Pretrained models that this server loads as "backbone:<hub id>", or "all"; an empty list means none.'
    )


def answer_of(strategy: str, prediction: Prediction) -> Answer:
    """A prediction as it goes over the wire."""
    same = ("label", "confidence", "known", "probs", "weights", "contributions", "votes", "auxiliary", "found", "box", "opinion", "seconds")
    return Answer(strategy=strategy, **{name: getattr(prediction, name) for name in same})
