"""What a task answers, so that nothing outside its folder has to know it: samples, test sets, encoders, recipes, examples, card.

A new task is a folder `fusion/tasks/<name>/` with a class that derives from `Task`, and one line in `fusion/tasks/__init__.py`. What a
class does not say has a default; `modalities`, `labels`, `encoders` and `samples` have none.

A modality has a name of its own ("image", "left", "emg") and a kind ("image", "text", "audio", "video"). Names are the keys of all
dictionaries; the kind decides how a medium is loaded, corrupted and which encoders can read it. Most tasks name a modality like its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import numpy as np

from fusion.config import TrainConfig
from fusion.tasks.steps import Step
from fusion.tasks.texts import Texts, text_of, texts_beside
from fusion.types import FusionError, Medium

Interaction = Literal["redundancy", "synergy", "alignment"]
Severity = dict[str, int] | str  # {modality: 0-5}, "none", or "train": drawn for each medium, half of them 0


@dataclass(frozen=True)
class Sample:
    """Media of one sample, its label, and which of the media name it (the others are empty: blank, silent, off the subject)."""

    inputs: dict[str, Medium]
    label: int
    named: tuple[str, ...]


class SampleSource(Protocol):
    """Samples of one split, any number of them, each the same for the same index and seed."""

    def sample(self, index: int, seed: int, severity: Severity = "none", nothing: bool = False) -> Sample:
        """Sample `index` of the endless stream `seed`; with `nothing` some of its media name no label.

        Where the task asks for a place, the sample also has `found` (bool), `box` (4,) in [0, 1] and `mask` (S, S) in [0, 1].
        """


class TestSet(NamedTuple):
    """Media of one modality with labels; a label of -1 is none of the task's."""

    modality: str
    media: Iterable[tuple[Medium, int]]


class Example(Protocol):
    """A worked example that the page offers, with severities for the sliders; its title and hint are texts of the task."""

    severity: dict[str, int]


@dataclass(frozen=True)
class Localization:
    """The task also asks where: a box and a mask in the medium `image`, which has `grid` x `grid` tokens."""

    grid: int
    image: str = "image"


@dataclass(frozen=True)
class Heads:
    """What is asked beside the label.

    questions     {further question: its answers}, for strategies with several classification heads
    localization  where the answer is, or None
    open_set      whether an input may be none of the labels, so that strategies need a threshold
    """

    questions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    localization: Localization | None = None
    open_set: bool = False


@dataclass(frozen=True)
class Pairing:
    """Samples are halves of two: the media of `modalities` come from another sample.

    partners  (labels (N,), labels of the pool (P,), generator, held) -> (N,) indices into the pool; `held` is True for the pairs that
              are kept from training, False for the others, None for any
    """

    modalities: tuple[str, ...]
    partners: Callable[[np.ndarray, np.ndarray, np.random.Generator, bool | None], np.ndarray]


@dataclass(frozen=True)
class Measuring:
    """How much `evaluate` measures: samples per setting, samples whose explanations are judged, and whether features have 16 bits."""

    samples: int = 2000
    explained: int = 40
    half_precision: bool = False


@dataclass(frozen=True)
class CardText:
    """What the task's model cards say beside the figures.

    about     what a reader of a strategy's card has to know
    data      {modality: where its training media come from, with licences}
    limits    {modality: what its encoder has not learned}
    test_sets {name of a test set: what it is}
    remarks   {strategy: a remark}
    notes     {modality: how the shipped weights differ from what the command gives}
    commands  {modality: further commands that the shipped weights went through}
    licence   of the weights
    teachers  {modality: what its encoder was distilled from}; cautions {modality: traps in its data}; unknown_sets {name: what it holds}
    columns   {figure: heading} of the README's table of strategies that this task fills
    """

    about: str = ""
    data: dict[str, str] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    test_sets: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    licence: str = ""
    teachers: dict[str, str] = field(default_factory=dict)
    cautions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_sets: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all where the server says so
Download = Callable[[Path, Progress], Path]  # fetches one data set into the data folder and returns where it lies


class Task(Protocol):
    """One task. Derive from it and give at least `name`, `interaction`, `labels`, `modalities`, `encoders`, `samples`, and texts.

    name                   for the shell
    title, question        for people, in English: from the texts, where a class does not give them itself
    texts                  {language: {key: text}}, by default what lies beside the class, see `fusion.tasks.texts`
    interaction            how the modalities depend on one another
    labels                 text of each class
    modalities             names, in screen order
    encoders               {modality: name of the encoder that all strategies of the task are trained on}
    heads                  what is asked beside the label
    anchors                modalities without which there is little to ask; training keeps them in nine samples of ten
    pairing                how samples find partners, where they are halves of two
    drawn                  whether what is asked for can be drawn with a pen; else visitors of the page bring photos
    encoder_choice         whether other encoders than `encoders` can be chosen
    recipes                {strategy or encoder: how it is trained}; "strategies" and "token strategies" stand for all that have no own
    measuring              how much `evaluate` measures
    examples               {name: worked example}; `make_example` makes its media
    downloads              one function for each public data set
    steps                  commands that make the weights and reports anew, in order; see `fusion.tasks.steps`
    card                   what the model cards say
    """

    name: str
    interaction: Interaction
    labels: tuple[str, ...]
    modalities: tuple[str, ...]
    encoders: Mapping[str, str]

    heads: Heads = Heads()
    anchors: tuple[str, ...] = ()
    pairing: Pairing | None = None
    drawn: bool = False
    encoder_choice: bool = False
    recipes: Mapping[str, TrainConfig] = {}
    measuring: Measuring = Measuring()
    downloads: tuple[Download, ...] = ()
    steps: tuple[Step, ...] = ()
    card: CardText = CardText()

    def __str__(self) -> str:
        return self.name

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        """Samples of a split ("train", "val", "test").

        Args:
            data: folder with the data sets; None for samples that need none, where a task can make such.
            modalities: which media to make (default: all).
            leave_out: a group of `groups` that training does not see.

        Raises:
            FusionError: the data is not there.
        """
        ...

    @property
    def texts(self) -> Texts:
        return texts_beside(type(self))

    @property
    def title(self) -> str:
        return text_of(self.texts, "title", default=self.name)

    @property
    def question(self) -> str:
        return text_of(self.texts, "question")

    @property
    def kinds(self) -> Mapping[str, str]:
        """{modality: "image", "text", "audio" or "video"}; by default a modality's name is its kind."""
        return {m: m for m in self.modalities}

    @property
    def encoder_tasks(self) -> Mapping[str, str]:
        """{modality: the task in whose checkpoint folder its encoder lies}, by default this task."""
        return dict.fromkeys(self.modalities, self.name)

    @property
    def examples(self) -> Mapping[str, Example]:
        return {}

    @property
    def sample_code(self) -> tuple[str, ...]:
        """Folders of `fusion/tasks` whose code makes the samples: cached features are made anew when it changes."""
        return ()

    def make_example(self, name: str) -> dict[str, Medium]:
        """{modality: medium} of a worked example, uncorrupted."""
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(self.examples))

    def unknown_samples(self, split: str, data: Path, unknown: bool) -> SampleSource:
        """Of a task with `heads.open_set`: clean samples of the labels, or samples of none of them."""
        raise FusionError("The task {name} has no samples of none of its labels.", name=self.name)

    def test_sets(self, data: Path, limit: int | None = None, seed: int = 0) -> dict[str, TestSet]:
        """{name: test set of one modality}, at most `limit` media each."""
        return {}

    def data_hash(self, data: Path) -> dict[str, str]:
        """{data set: checksum}, so that a report says what it was measured on."""
        return {}

    def make_voices(self, data: Path) -> None:
        """Makes synthetic speech for training in the data folder, with the speech synthesisers that are installed."""
        raise FusionError("The task {name} trains on no synthetic voices.", name=self.name)

    def speak_examples(self) -> None:
        """Makes the sounds of the page's worked examples anew."""
        raise FusionError("The examples of the task {name} are not spoken by a synthesiser.", name=self.name)

    def groups(self, data: Path) -> dict[str, dict[str, list[tuple[Medium, int]]]]:
        """{modality: {group: its media with labels}}, where training may leave out one group at a time (a speaker, a day)."""
        return {}

    def decide(self, content: np.ndarray) -> np.ndarray:
        """Label (N,) of what each modality says by itself (N, M), -1 for nothing; -1 where that does not decide it."""
        return content.max(1)

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        """{further question: class (N,), -1 where unknown} of a label (N,) and of what each modality says (N, M)."""
        return {}
