"""The public endpoints as plain functions: JSON in, a pydantic model out. Names, types and docstrings are the documentation of the API.

The same labs, memory and limits as those of the page; the answers are those of `Lab.predict` and `Lab.compare`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Unpack

import numpy as np

from fusion.explain import attention_scores, medium_function, occlusion, relevance, shapley_values, token_function, value_of
from fusion.explain.occlusion import PredictMedia
from fusion.messages import Message, message, words
from fusion.strategies import STRATEGIES
from fusion.tasks import TASKS, Task
from fusion.types import MODALITIES, FusionError, Medium, Prediction
from fusion.ui.api.answers import (
    CompareAnswer,
    EncoderInfo,
    EncodersAnswer,
    Explanation,
    Method,
    PredictAnswer,
    StrategyInfo,
    TaskDescription,
    TaskInfo,
    TokenScores,
    answer_of,
)
from fusion.ui.api.inputs import Request, checked, media_of, merged
from fusion.ui.api.parameters import Inputs, documented
from fusion.ui.i18n import encoder_text, say, strategy_text, task_text
from fusion.ui.service import TaskService, TaskServices

if TYPE_CHECKING:
    from fusion.inputs import Encoded

AT_A_TIME = 8  # media of an occlusion; then others may compute
UNITS: dict[Method, Message] = {
    "attention": message("mean attention that a token receives, in [0, 1]"),
    "relevance": message("contribution to the label's log-odds, in nats"),
    "occlusion": message("drop of the label's log-odds when the token's place is hidden, in nats"),
    "shapley": message("contribution to the label's probability, in [-1, 1]"),
}


class Functions:
    """The endpoints around the labs of the page."""

    def __init__(self, services: TaskServices) -> None:
        self.services = services

    @documented()
    def tasks(self, language: str | None = None) -> list[TaskInfo]:
        """List the tasks of this server: what each asks, its labels, and the names and kinds of its modalities."""
        request = checked(language=language)
        return [TaskInfo(**self._task_fields(self._task(name), request.language)) for name in self.services]

    @documented(strategy="Name of a strategy, to describe only this one.")
    def describe(self, task: str | None = None, strategy: str | None = None, language: str | None = None) -> TaskDescription:
        """Describe a task: its labels, modalities, encoders and fusion strategies with their idea, formula and paper."""
        request = checked(task=task, strategy=strategy, language=language)
        service = self.services[self.services.task(request.task)]
        lab = service.lab
        names = [request.strategy] if request.strategy else [*lab.strategies, *lab.baselines]
        return TaskDescription(
            **self._task_fields(lab.task, request.language),
            encoders=dict(lab.task.encoders),
            strategies=[self._strategy(service, name, request.language) for name in names],
            untrained=[name for name in lab.untrained if name in STRATEGIES],
            faults={name: say(reason, request.language) for name, reason in lab.unavailable.items()},
        )

    @documented()
    def predict(self, task: str | None = None, strategy: str | None = None, **given: Unpack[Inputs]) -> PredictAnswer:
        """Answer an input with one fusion strategy. Give any of the task's modalities, at least one."""
        request, service, encoded = self._encoded(given, task=task, strategy=strategy)
        name = chosen(service, request)
        with service.computing:
            prediction = service.lab.predict(encoded, name)
        return PredictAnswer(
            task=service.lab.task.name,
            notes=[say(note, request.language) for note in encoded.notes],
            **answer_of(name, prediction).model_dump(),
        )

    @documented()
    def compare(self, task: str | None = None, **given: Unpack[Inputs]) -> CompareAnswer:
        """Answer an input with all fusion strategies, and with each modality alone. Give any of the task's modalities, at least one."""
        request, service, encoded = self._encoded(given, task=task)
        with service.computing:
            found = service.lab.compare(encoded)
        answers = [answer_of(name, prediction) for name, prediction in found.items()]
        return CompareAnswer(task=service.lab.task.name, answers=answers, notes=[say(note, request.language) for note in encoded.notes])

    @documented()
    def explain(
        self,
        task: str | None = None,
        strategy: str | None = None,
        method: Method = "attention",
        label: str | None = None,
        **given: Unpack[Inputs],
    ) -> Explanation:
        """Explain the answer of a strategy: which tokens or modalities speak for a label."""
        request, service, encoded = self._encoded(given, task=task, strategy=strategy, method=method, label=label)
        lab, name = service.lab, chosen(service, request)
        with service.computing:
            prediction = lab.predict(encoded, name)
        explained = request.label or prediction.label
        if explained not in lab.labels:
            raise FusionError("There is no label named {label!r}; there are {known}.", label=explained, known=lab.labels)
        values = shapley(prediction, explained) if request.method == "shapley" else None
        return Explanation(
            task=lab.task.name,
            strategy=name,
            method=request.method,
            label=explained,
            unit=say(UNITS[request.method], request.language),
            modalities=values,
            tokens=None if values else self._tokens(service, encoded, name, prediction, explained, request.method),
            notes=[say(note, request.language) for note in encoded.notes],
        )

    @documented()
    def encoders(self, task: str | None = None, language: str | None = None) -> EncodersAnswer:
        """List the encoders that can read each modality of a task."""
        request = checked(task=task, language=language)
        service = self.services[self.services.task(request.task)]
        own = service.lab.task
        found = {m: [self._encoder(service, m, name, request.language) for name in service.registry.names(m)] for m in own.modalities}
        allowed: list[str] | Literal["all"] = "all" if self.services.backbones.all else sorted(self.services.backbones.names)
        return EncodersAnswer(task=own.name, choice=own.encoder_choice, modalities=found, backbones=allowed)

    def _task(self, name: str) -> Task:
        return TASKS[name] if name in TASKS else self.services[name].lab.task

    def _task_fields(self, task: Task, language: str) -> dict[str, Any]:
        same: dict[str, Any] = {"name": task.name, "interaction": task.interaction}
        same |= {key: task_text(task, key, language) for key in ("title", "question", "note")}
        same |= {key: same[key] or getattr(task, key) for key in ("title", "question")}
        names = {"labels": list(task.labels), "modalities": {m: task.kinds[m] for m in task.modalities}}
        reason = self.services.unavailable.get(task.name)
        return same | names | {"unavailable": reason and say(reason, language)}

    def _strategy(self, service: TaskService, name: str, language: str) -> StrategyInfo:
        lab = service.lab
        about = lab.describe(name)
        only = name.removesuffix("_only") if name in lab.baselines else None
        texts = {key: strategy_text(lab.task, about, key, language, only) for key in ("title", "idea", "formula", "paper")}
        notes = [say(note, language) for note in about.notes]
        return StrategyInfo(name=name, baseline=only is not None, parameters=lab.parameters[name], fuses=about.fuses, notes=notes, **texts)

    def _encoder(self, service: TaskService, modality: str, name: str, language: str) -> EncoderInfo:
        about = service.registry.describe(name)
        texts = {key: encoder_text(name, key, language) or about[key] for key in ("title", "idea")}
        shipped = name == service.lab.task.encoders[modality]
        return EncoderInfo(name=name, shipped=shipped, paper=about["paper"], learned=about["learned"], **texts)

    def _encoded(self, given: Inputs, **others: Any) -> tuple[Request, TaskService, Encoded]:
        """The request, the service that answers it, and its inputs after the encoders."""
        shared = {name: given.get(name) for name in ("severity", "encoders", "language")}
        request = checked(**shared, **others)
        service = self.services.open(self.services.task(request.task), request.encoders or {})
        named = {kind: given.get(kind) for kind in MODALITIES}
        inputs = media_of(merged(named, given.get("inputs")), service.lab.task.kinds, service.uploads)
        if not inputs:
            raise FusionError("Nothing is given: give at least one of {modalities}.", modalities=words(service.lab.modalities))
        chosen(service, request)  # before anything is computed
        loaded = service.lab.load(inputs, request.severity or {}, service.cache)
        with service.computing:
            return request, service, service.lab.encode_media(loaded, service.cache)

    def _tokens(
        self, service: TaskService, encoded: Encoded, strategy: str, prediction: Prediction, label: str, method: Method
    ) -> dict[str, TokenScores]:
        """{modality: scores of its tokens} by a method that explains tokens."""
        scores = TOKENS[method](service, encoded, strategy, prediction, label)
        if not scores:
            title = service.lab.describe(strategy).title
            raise FusionError("{strategy} has no attention here; use relevance, occlusion or shapley.", strategy=title)
        layouts = prediction.layouts
        places = {m: np.asarray(layouts[m].places, np.float64).round(4).tolist() for m in scores}
        return {m: TokenScores(kind=layouts[m].kind, places=places[m], scores=np.asarray(s).tolist()) for m, s in scores.items()}


def chosen(service: TaskService, request: Request) -> str:
    """The strategy that was asked for, or the one a visitor finds first.

    Raises:
        FusionError: there is none of this name here, or it cannot be used, in one sentence.
    """
    known = (*service.lab.strategies, *service.lab.baselines)
    if request.strategy and request.strategy not in known:
        service.lab.describe(request.strategy)  # says why it cannot be used, if there is a reason
        raise FusionError("There is no strategy named {name!r}; there are {known}.", name=request.strategy, known=known)
    return request.strategy or service.strategy("")


Scores = dict[str, np.ndarray]  # {modality: (T,)}


def shapley(prediction: Prediction, label: str) -> dict[str, float]:
    """{modality: its Shapley value for the probability of a label}."""
    return shapley_values(value_of(prediction, label), tuple(prediction.contributions))


def by_attention(service: TaskService, encoded: Encoded, strategy: str, prediction: Prediction, label: str) -> Scores:
    return attention_scores(prediction.attention) if prediction.attention else {}


def by_relevance(service: TaskService, encoded: Encoded, strategy: str, prediction: Prediction, label: str) -> Scores:
    with service.computing:
        return relevance(*token_function(service.lab, encoded, strategy, label))


def by_occlusion(service: TaskService, encoded: Encoded, strategy: str, prediction: Prediction, label: str) -> Scores:
    found = {}
    for m, layout in prediction.layouts.items():
        predict = in_turns(medium_function(service.lab, encoded, strategy, label, m), service.computing)
        found[m] = occlusion(predict, encoded.media[m], layout)
    return found


TOKENS: dict[Method, Callable[[TaskService, Encoded, str, Prediction, str], Scores]] = {
    "attention": by_attention,
    "relevance": by_relevance,
    "occlusion": by_occlusion,
}


def in_turns(predict: PredictMedia, computing: threading.Semaphore) -> PredictMedia:
    """The same function, a few media at a time, so that others can compute in between."""

    def predicted(media: Iterable[Medium]) -> np.ndarray:
        rest, parts = iter(media), [np.zeros(0)]
        while part := list(islice(rest, AT_A_TIME)):
            with computing:
                parts.append(predict(part))
        return np.concatenate(parts)

    return predicted
