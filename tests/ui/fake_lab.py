"""A lab with known answers: the oracle of the page's tests, and a page without trained weights.

Every modality says a digit (its last letter, or what `says` names). A strategy answers with the digit most modalities say, of
equally many the first, unless `dissent` names another; each number follows from its name, so that tests can state it.
In the task scenes it is a label instead of a digit, and what `strange` names is recognised as none of them.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import numpy as np

from fusion.tasks import DIGITS, TASKS
from fusion.types import MODALITIES, Audio, Clip, EncoderView, FusionError, Layout, Prediction

LABELS = DIGITS
DIM = 24
FUSES = {
    "early": "embeddings",
    "early_tokens": "tokens",
    "late": "logits",
    "dynamic": "embeddings",
    "additive_attention": "embeddings",
    "cross_attention": "tokens",
    "bottleneck": "tokens",
    "tensor": "embeddings",
    "low_rank": "embeddings",
    "tcn": "tokens",
    "autoencoder": "embeddings",
    "shared_space": "embeddings",
    "multitask": "embeddings",
}
WEIGHTED, VOTING, ATTENDING = (
    ("late", "dynamic", "additive_attention"),
    ("late", "dynamic"),
    ("early_tokens", "cross_attention", "bottleneck"),
)
SHARE = {"image": 4, "text": 3, "audio": 2, "video": 1}  # of the probability above chance, in every subset: also the Shapley values
BOX, NOT_THERE = (0.5, 0.25, 0.75, 0.5), "3"  # in tasks with a place; this digit is in no picture
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass
class FakeEncoding:
    media: dict[str, Any]
    notes: tuple[str, ...]
    severity: dict[str, int]
    keys: dict[str, Any] = field(default_factory=dict)


class FakeLab:
    """Has the public interface of `fusion.lab.Lab` that the page uses."""

    modalities, labels = MODALITIES, LABELS
    strategies, baselines = tuple(FUSES), tuple(f"{m}_only" for m in MODALITIES)
    device, precision = "cpu", "float32"
    parameters = {n: 1000 * ((7 * i) % 13 + 1) for i, n in enumerate(FUSES)} | {f"{m}_only": 970 for m in MODALITIES}
    encoder_parameters = dict.fromkeys(MODALITIES, 250000)
    unavailable: dict[str, str] = {}
    untrained: tuple[str, ...] = ()
    models = FUSES
    delay = 0.0  # seconds that encoding takes

    def __init__(
        self, says: dict[str, int] | None = None, task: str = "digits", dissent: dict[str, str] | None = None, strange: tuple[str, ...] = ()
    ) -> None:
        self.says, self.task, self.dissent, self.strange = says or {}, TASKS[task], dissent or {}, strange
        self.encoded = self.compared = 0
        self.labels = self.task.labels

    def describe(self, name: str) -> Any:
        return SimpleNamespace(name=name, title=name.replace("_", " ").capitalize(), idea=f"The idea of {name}.", formula=f"y = {name}(x)",
                               paper="Somebody 2020", fuses=FUSES.get(name, "embeddings"), notes=())  # fmt: skip

    def encode(self, inputs: dict[str, Any], severity: dict[str, int] | None = None, cache: Any = None) -> FakeEncoding:
        self.encoded += 1
        time.sleep(self.delay)
        if inputs.get("text") == "bad":
            raise FusionError("The text is bad.")
        if inputs.get("text") == "crash":
            raise RuntimeError("secret detail")
        media = {m: self._load(m, inputs[m]) for m in MODALITIES if m in inputs}
        return FakeEncoding(media, ("text was trimmed.",) if len(inputs.get("text", "")) > 100 else (), dict(severity or {}))

    def load(self, inputs: dict[str, Any], severity: dict[str, int] | None = None, cache: Any = None) -> FakeEncoding:
        return self.encode(inputs, severity)

    def encode_media(self, loaded: FakeEncoding, cache: Any = None) -> FakeEncoding:
        return loaded

    def _load(self, modality: str, source: Any) -> Any:
        if isinstance(source, np.ndarray | str | Audio | Clip) and (modality, type(source)) != ("audio", Clip):
            return source
        empty = {"image": np.full((40, 60, 3), 200, np.uint8), "audio": Audio(8000, np.zeros(4000, np.float32)),
                 "video": Clip(np.zeros((5, 32, 32, 3), np.uint8), np.arange(5) / 10, Audio(8000, np.zeros(4000, np.float32)))}  # fmt: skip
        return empty[modality]

    def digit(self, modality: str, medium: Any) -> str:
        if modality in self.says:
            return self.labels[self.says[modality]]
        if self.labels is not LABELS:
            return next((label for label in self.labels if modality == "text" and label in medium), self.labels[0])
        if modality == "text":
            return next((str(i) for i, w in enumerate(WORDS) if w in medium), "0")
        return "7"

    def compare(self, encoding: FakeEncoding) -> dict[str, Prediction]:
        names = [*self.strategies, *(f"{m}_only" for m in encoding.media)]
        self.compared += 1
        return {n: self.predict(encoding, n) for n in names}

    def predict(self, encoding: FakeEncoding, strategy: str) -> Prediction:
        used = [m for m in encoding.media if strategy in FUSES or strategy == f"{m}_only"]
        said = {m: self.digit(m, encoding.media[m]) for m in used}
        label = self.dissent.get(strategy, Counter(said.values()).most_common(1)[0][0])
        known = None if self.task.name != "scenes" else strategy not in self.strange and not set(used) <= set(self.strange)
        sure = 0.25 if known is False else 0.9 if strategy in FUSES else 0.7
        probs = dict.fromkeys(self.labels, (1 - sure) / (len(self.labels) - 1)) | {label: sure}
        weights = {m: 1 / len(used) for m in used} if strategy in WEIGHTED else None
        votes = (
            {m: dict.fromkeys(self.labels, 0.45 / (len(self.labels) - 1)) | {said[m]: 0.55} for m in used} if strategy in VOTING else None
        )
        contributions = {m: (0.2 if said[m] == label else -0.1) for m in used}
        layouts = {m: self.layout(m, encoding.media[m]) for m in used}
        attention = self.attention(layouts) if strategy in ATTENDING else {}
        question, answers = next(iter(self.task.heads.questions.items()))
        auxiliary = {question: dict(zip(answers, (0.25, 0.75), strict=False))} if strategy == "multitask" else None
        box = mask = found = None
        if self.task.heads.localization and "image" in used and len(used) > 1:
            found = 0.125 if label == NOT_THERE else 0.875
            box = None if label == NOT_THERE else BOX
            mask = None if box is None else np.pad(np.ones((12, 12), np.float32), ((12, 24), (24, 12)))  # the box, on 48 x 48
        subsets = self.subsets(used, label, sure)
        return Prediction(
            label, probs, weights, contributions, votes, attention, layouts, box, 0.002, subsets, auxiliary, mask, found, known
        )

    def subsets(self, used: list[str], label: str, sure: float) -> dict[tuple[str, ...], np.ndarray]:
        """The label has 1/K and of the rest up to `sure` each modality's `SHARE`."""
        found, K = {}, len(self.labels)
        for part in (c for size in range(1, len(used) + 1) for c in combinations(used, size)):
            p = 1 / K + (sure - 1 / K) * sum(SHARE[m] for m in part) / sum(SHARE[m] for m in used)
            found[part] = np.where(np.array(self.labels) == label, p, (1 - p) / (K - 1))
        return found

    def layout(self, modality: str, medium: Any) -> Layout:
        if modality == "image":
            x, y = np.meshgrid(np.arange(8), np.arange(8))
            x, y = x.ravel() / 8, y.ravel() / 8
            return Layout("grid", np.column_stack([x, y, x + 1 / 8, y + 1 / 8]))
        if modality == "text":
            ends = [i for i, c in enumerate(medium + " ") if c == " " and i]
            starts = [0, *(e + 1 for e in ends[:-1])]
            return Layout("characters", np.array(list(zip(starts, ends, strict=True)), float))
        if modality == "audio":
            start = np.arange(16) * 0.08
            return Layout("seconds", np.column_stack([start, start + 0.08]))
        return Layout("frames", np.column_stack([np.arange(12) / 10, np.tile([0, 0, 1, 1], (12, 1))]))

    def attention(self, layouts: dict[str, Layout]) -> dict[tuple[str, str], np.ndarray]:
        """Layer l, head h: query q looks at key (q + l + h) mod Tk with 0.7, evenly at the rest."""
        maps = {}
        for query in layouts:
            for key in layouts:
                if query == key:
                    continue
                Tq, Tk = len(layouts[query].places), len(layouts[key].places)
                a = np.full((2, 4, Tq, Tk), 0.3 / max(1, Tk - 1), np.float32)
                for layer, head, q in np.ndindex(2, 4, Tq):
                    a[layer, head, q, (q + layer + head) % Tk] = 0.7 if Tk > 1 else 1.0
                maps[query, key] = a
        return maps

    def encoder_views(self, encoding: FakeEncoding, cache: Any = None) -> dict[str, EncoderView]:
        views = {}
        for m, medium in encoding.media.items():
            layout = self.layout(m, medium)
            T = len(layout.places)
            weights = np.arange(1, T + 1) / (T * (T + 1) / 2)
            array, extent = self.picture(m, medium)
            views[m] = EncoderView(array, extent, layout, weights, np.linspace(1, 2, T), np.cos(np.arange(DIM)), 0.004, 250000)
        return views

    def picture(self, modality: str, medium: Any) -> tuple[np.ndarray | None, tuple[float, ...]]:
        if modality == "image":
            step = max(1, len(medium) // 64)
            return medium[::step, ::step, 0][:64, :64].astype(np.float32), (0, 0, 1, 1)
        if modality == "text":
            return None, (0, len(medium))
        if modality == "audio":
            f, n = np.meshgrid(np.arange(48), np.arange(128), indexing="ij")
            return (np.sin(n / 9) * 20 - f - abs(n - 64) / 2).astype(np.float32), (0.0, 1.28)
        index = np.linspace(0, len(medium.frames) - 1, 12).round().astype(int)
        return medium.frames[index][:, ::2, ::2, 0].astype(np.float32), (0, 0, 1, 1)
