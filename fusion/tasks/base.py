"""The interface of a task: samples, test sets, encoders, recipes, examples, card. Nothing outside its folder knows more about it.

A new task is a folder `fusion/tasks/<name>/` with a class that derives from `Task`, and one line in `fusion/tasks/__init__.py`. Members
that a class leaves out have a default, except `modalities`, `labels`, `encoders` and `samples`.

A modality has a name of its own ("image", "left", "emg") and a kind ("image", "text", "audio", "video"). Names are the keys of all
dictionaries; the kind decides how a medium is loaded, corrupted and which encoders can read it. Most tasks name a modality like its kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, Self

import numpy as np

from fusion.config import TrainConfig
from fusion.tasks.steps import Step
from fusion.tasks.texts import Texts, text_of, texts_beside
from fusion.types import FusionError, Medium

Interaction = Literal["redundancy", "synergy", "alignment"]
Severity = dict[str, int] | str  # {modality: 0-5}, "none", or "train": drawn for each medium, half of them 0


@dataclass(frozen=True)
class Sample:
    """Media of one sample, its label, and the modalities that show the label (the others are empty: blank, silent, off the subject)."""

    inputs: dict[str, Medium]
    label: int
    named: tuple[str, ...]


class SampleSource(Protocol):
    """Samples of one split, any number of them, each the same for the same index and seed."""

    def sample(self, index: int, seed: int, severity: Severity = "none", nothing: bool = False) -> Sample:
        """Sample `index` of the endless stream `seed`; with `nothing` some of its media show no label.

        For a localization task, the sample also has `found` (bool), `box` (4,) in [0, 1] and `mask` (S, S) in [0, 1].
        """


class PairSource(Protocol):
    """New kinds of samples, each with an easier one of the same content, see `fusion.training.consistency`."""

    def pair(self, index: int, seed: int) -> tuple[Sample, Sample]:
        """Pair `index` of the endless stream `seed`: a sample of a new kind, and one that the shipped encoder already reads well."""


class Photograph(NamedTuple):
    """A picture (H, W, 3) uint8 of handwriting, its ink (H, W) uint8, None where that is not known, and its label, -1 for none."""

    picture: np.ndarray
    ink: np.ndarray | None
    label: int


class PageSource(Protocol):
    """Handwriting of all sizes on pages, see `fusion.training.handwriting`."""

    def page(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A picture (H, W, 3) uint8 with any amount of handwriting, and its ink (H, W) uint8."""

    def photograph(self, index: int, seed: int) -> Photograph:
        """Photograph `index` of the endless stream `seed`; samples of the task are mixed in, with unknown ink."""


Maker = Callable[[np.random.Generator], Medium]  # makes a medium, the same for the same state of the generator


class TestSet(NamedTuple):
    """Media of one modality with labels; a label of -1 means none of the task's labels."""

    modality: str
    media: Iterable[tuple[Medium, int]]


class Example(Protocol):
    """A worked example that the page offers, with severities for the sliders; its title and hint are texts of the task."""

    @property
    def severity(self) -> dict[str, int]: ...


@dataclass(frozen=True)
class Localization:
    """The task also predicts a box and a mask in the modality `image`, which has `grid` x `grid` tokens."""

    grid: int
    image: str = "image"


@dataclass(frozen=True)
class Heads:
    """What is predicted besides the label.

    questions     {further question: its answers}, for strategies with several classification heads
    localization  the box and mask of the answer, or None
    """

    questions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    localization: Localization | None = None


@dataclass(frozen=True)
class Pairing:
    """Each sample combines two: the media of `modalities` come from another sample.

    partners  (labels (N,), labels of the pool (P,), generator, held) -> (N,) indices into the pool; `held` is True for the pairs that
              are held out from training, False for the others, None for any
    """

    modalities: tuple[str, ...]
    partners: Callable[[np.ndarray, np.ndarray, np.random.Generator, bool | None], np.ndarray]


@dataclass(frozen=True)
class Measuring:
    """The size of an evaluation: samples per setting, samples whose explanations are evaluated, and whether features have 16 bits.

    open_set     media of each modality, of the labels and of others, that "none of these" is fitted to and measured on
    calibration  samples that temperatures are fitted to, and as many that they are measured on
    """

    samples: int = 2000
    explained: int = 40
    open_set: int = 1000
    calibration: int = 600
    half_precision: bool = False


@dataclass(frozen=True)
class CardText:
    """The text of the task's model cards, besides the figures.

    about         a paragraph for the cards of all strategies
    data          {modality: sources of its training media, with licences}
    limits        {modality: limitations of its encoder}
    test_sets     {name of a test set: a description}
    outside_sets  {name of a test set of other sources: a description with the source}
    remarks       {strategy: a remark}
    notes         {modality: differences of the shipped weights from the result of the command}
    commands      {modality: further commands with which the shipped weights were trained}
    licence       of the weights
    severities    how the severities of the corruptions were chosen
    teachers      {modality: the model from which its encoder was distilled}
    cautions      {modality: pitfalls of its data}
    unknown_sets  {name of a test set of none of the labels: its contents}
    columns       {figure: heading} of the README's table of strategies that this task fills
    """

    about: str = ""
    data: dict[str, str] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    test_sets: dict[str, str] = field(default_factory=dict)
    outside_sets: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    commands: dict[str, tuple[str, ...]] = field(default_factory=dict)
    licence: str = ""
    severities: str = ""
    teachers: dict[str, str] = field(default_factory=dict)
    cautions: dict[str, tuple[str, ...]] = field(default_factory=dict)
    unknown_sets: dict[str, str] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)


Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all if the server states them
Download = Callable[[Path, Progress], Path]  # downloads one data set into the data folder and returns its own folder


class Task(Protocol):
    """One task. Derive from it and give at least `name`, `interaction`, `labels`, `modalities`, `encoders`, `samples`, and texts.

    name                   for the shell
    title, question        for people, in English: from the texts, where a class does not give them itself
    texts                  {language: {key: text}}, by default what lies beside the class, see `fusion.tasks.texts`
    interaction            how the modalities depend on one another
    labels                 text of each class
    modalities             names, in screen order
    encoders               {modality: name of the encoder that all strategies of the task are trained on}
    heads                  what is predicted besides the label
    anchors                modalities that training keeps in nine samples of ten, because little can be predicted without them
    pairing                how two samples are combined into one, for tasks that do so
    drawn                  whether what is asked for can be drawn with a pen; else visitors of the page bring photos
    lends                  modalities whose encoders serve for data of one's own, see `fusion.own_data`
    encoder_choice         whether other encoders than `encoders` can be chosen
    on_page                whether the page offers it
    open_labels            whether the labels are given by the user, see `with_labels`; nothing is then trained on labels
    reads_soundtrack       whether the sound of a clip counts as audio where no audio is given
    typed_labels           of such a task: the labels that were given; none where they are the task's own
    close_up               {option of `image_cnn`: value} for reading small handwriting larger; empty where pictures are read whole
    recipes                {strategy or encoder: training configuration}; "strategies" and "token strategies" are the defaults of all others
    measuring              the size of an evaluation
    examples_module        module with `EXAMPLES` {name: worked example} and `make_example(name)`, imported when first needed
    downloads              one function for each public data set
    steps                  commands that reproduce the weights and reports, in order; see `fusion.tasks.steps`
    card                   the text of the model cards
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
    on_page: bool = True
    open_labels: bool = False
    reads_soundtrack: bool = False
    typed_labels: tuple[str, ...] = ()
    lends: tuple[str, ...] = ()
    close_up: Mapping[str, float] = {}
    recipes: Mapping[str, TrainConfig] = {}
    measuring: Measuring = Measuring()
    examples_module: str = ""
    steps: tuple[Step, ...] = ()
    card: CardText = CardText()

    def __str__(self) -> str:
        return self.name

    def with_labels(self, labels: Iterable[str] | str) -> Self:
        """The task with these labels, in a task with `open_labels`; a text is cut at its commas.

        Raises:
            FusionError: the labels of this task are fixed, or these cannot be read.
        """
        raise FusionError("The labels of the task {name} are fixed.", name=self.name)

    def wordings(self, label: str) -> tuple[str, ...]:
        """The wordings of a label, each of which means the same."""
        return (label,)

    @property
    def translations(self) -> Mapping[str, tuple[str, ...]]:
        """{label: its wordings in English}, of labels in another language."""
        return {}

    def samples(
        self, split: str, data: Path | None, modalities: tuple[str, ...] | None = None, leave_out: str | None = None
    ) -> SampleSource:
        """Samples of a split ("train", "val", "test").

        Args:
            data: folder with the data sets; None for samples without data sets, if the task can make such.
            modalities: the media to make (default: all).
            leave_out: a group of `groups` that is held out from training.

        Raises:
            FusionError: the data set is missing.
        """
        ...

    def pairs(self, modality: str, data: Path, leave_out: str | None = None) -> PairSource:
        """New kinds of training samples of a modality, for `--consistent`; `leave_out` names a part that is kept for the test."""
        raise FusionError("The task {name} has no new kinds of samples for {modality}.", name=self.name, modality=modality)

    def pages(self, data: Path) -> PageSource:
        """Training pages for reading small handwriting, of a task with `close_up`."""
        raise FusionError("The task {name} has no pages of handwriting.", name=self.name)

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
        """{modality: the task whose checkpoint folder contains its encoder}, by default this task."""
        return dict.fromkeys(self.modalities, self.name)

    @property
    def downloads(self) -> tuple[Download, ...]:
        return ()

    @property
    def examples(self) -> Mapping[str, Example]:
        if not self.examples_module:
            return {}
        examples: Mapping[str, Example] = import_module(self.examples_module).EXAMPLES
        return examples

    @property
    def sample_code(self) -> tuple[str, ...]:
        """Folders of `fusion/tasks` whose code makes the samples: cached features are recomputed when it changes."""
        return ()

    def make_example(self, name: str) -> dict[str, Medium]:
        """{modality: medium} of a worked example, uncorrupted.

        Raises:
            FusionError: there is no example of this name, or a file it needs is missing.
        """
        if self.examples_module:
            media: dict[str, Medium] = import_module(self.examples_module).make_example(name)
            return media
        raise FusionError("There is no example named {name!r}; there are {known}.", name=name, known=list(self.examples))

    @property
    def parts(self) -> tuple[tuple[str, ...], ...]:
        """Groups of modalities that answer different questions, so that in each something has to be known; by default one of all."""
        return (self.modalities,)

    def known_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        """{kind: how one is made} of media that show a label; "none of these" is to be as rare in every kind."""
        samples = self.samples(split, data, (modality,))
        return {"samples": lambda rng: samples.sample(int(rng.integers(2**31)), 0).inputs[modality]}

    def other_media(self, modality: str, split: str, data: Path) -> Mapping[str, Maker]:
        """{kind: how one is made} of media that show none of the labels; the kinds of "test" do not occur in the other splits.

        Without any, the task does not tell "none of these".
        """
        return {}

    def test_sets(self, data: Path, limit: int | None = None, seed: int = 0) -> dict[str, TestSet]:
        """{name: test set of one modality}, at most `limit` media each."""
        return {}

    def outside_sets(self, data: Path, seed: int = 0) -> dict[str, TestSet]:
        """{name: test set of one modality} from sources that training does not use; those whose source is missing are left out."""
        return {}

    def data_hash(self, data: Path) -> dict[str, str]:
        """{data set: checksum}, which identifies the data of a report."""
        return {}

    def make_voices(self, data: Path) -> None:
        """Synthesises speech for training into the data folder, with the installed speech synthesisers."""
        raise FusionError("The task {name} does not train on synthetic voices.", name=self.name)

    def speak_examples(self) -> None:
        """Synthesises the sounds of the page's worked examples."""
        raise FusionError("The examples of the task {name} are not spoken by a synthesiser.", name=self.name)

    def groups(self, data: Path) -> dict[str, dict[str, list[tuple[Medium, int]]]]:
        """{modality: {group: its media with labels}} for leave-one-group-out evaluation (a group is a speaker, a day)."""
        return {}

    def decide(self, content: np.ndarray) -> np.ndarray:
        """Label (N,) of a sample from the label that each modality shows (N, M), -1 for none; -1 where they do not determine it."""
        label: np.ndarray = content.max(1)
        return label

    def answers(self, label: np.ndarray, content: np.ndarray) -> dict[str, np.ndarray]:
        """{further question: class (N,), -1 where unknown} from the label (N,) and the label that each modality shows (N, M)."""
        return {}
