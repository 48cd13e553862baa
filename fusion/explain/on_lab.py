"""The explainers applied to a lab: one strategy's output for one label as a function of tokens or of a medium. Only this file knows a lab.

    tokens -> pool -> strategy -> head -> log p / (1 - p)      pooled vectors are recomputed from tokens, by the encoder's own pool
    medium -> encoder -> ...                                   the features of the other modalities stay as they are

What is explained is the log-odds of the label in nats, as a probability near 1 hardly changes whatever is deleted. Limits: where a
strategy stops a gradient (the gate of dynamic fusion reads its classifiers so), relevance misses that path; where it scales vectors to
unit length (shared space), f can jump at zero tokens, which no gradient sees. Completeness fails by that much.

Reference: see the explainers beside this file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from fusion.encoders import Encoder, collate
from fusion.explain.attention import attention_scores
from fusion.explain.faithfulness import Faithfulness, PredictWithout, deletion_insertion
from fusion.explain.occlusion import PredictMedia, occlusion
from fusion.explain.relevance import PredictTokens, relevance
from fusion.inputs import Encoded
from fusion.lab import Lab
from fusion.model import present_mask
from fusion.types import Features, FusionError, Medium

BATCH = 64  # media encoded together


def log_odds(logits: Tensor, index: int) -> Tensor:
    """Logits (B, K) to log p / (1 - p) of one label (B,), without going through p, which float32 rounds to 1."""
    rest = torch.cat([logits[:, :index], logits[:, index + 1 :]], -1)
    return logits[:, index] - rest.logsumexp(-1)


OUTPUTS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "log_odds": log_odds,
    "probability": lambda logits, index: logits.softmax(-1)[:, index],
}


def token_function(
    lab: Lab, encoded: Encoded, strategy: str, label: str, output: str = "log_odds"
) -> tuple[PredictTokens, dict[str, Tensor]]:
    """A differentiable function {modality: (B, T, D)} -> (B,), and the tokens {modality: (1, T, D)} of this input to ask it at."""
    given = _given(lab, encoded, strategy)
    _check_pools(lab, given)
    measure = _measure(lab, strategy, label, output)
    # clones, as autograd refuses tensors that were made in inference mode
    masks = {m: encoded.features[m].mask.clone() for m in given}

    def predict(tokens: dict[str, Tensor]) -> Tensor:
        features = {}
        for m, x in tokens.items():
            mask = masks[m].expand(len(x), -1)
            features[m] = _pooled(lab.encoders[m], x, mask)
        return measure(features, None)

    return predict, {m: encoded.features[m].tokens.clone() for m in given}


def medium_function(lab: Lab, encoded: Encoded, strategy: str, label: str, modality: str, output: str = "log_odds") -> PredictMedia:
    """A function of other media in the place of one modality, (N) media -> (N,); all other modalities stay as they are."""
    given = _given(lab, encoded, strategy)
    _check_given(lab, strategy, modality, given)
    measure = _measure(lab, strategy, label, output)
    encoder = lab.encoders[modality]

    def predict(media: Iterable[Medium]) -> np.ndarray:
        prepared = (encoder.prepare_like(medium, encoded.prepared[modality]) for medium in media)
        values = [np.zeros(0)]
        with torch.inference_mode():
            while part := list(islice(prepared, BATCH)):
                padded, mask = collate(part)
                features = {m: encoded.features[m].repeat(len(part)) for m in given if m != modality}
                features[modality] = encoder(padded.to(lab.device), mask.to(lab.device))
                values.append(measure(features, None).double().cpu().numpy())
        return np.concatenate(values)

    return predict


def explain_by_attention(lab: Lab, encoded: Encoded, strategy: str, label: str) -> dict[str, np.ndarray]:
    """Attention received; the same for every label, and empty where the strategy has none."""
    _measure(lab, strategy, label, "log_odds")
    return attention_scores(lab.predict(encoded, strategy).attention)


def explain_by_relevance(lab: Lab, encoded: Encoded, strategy: str, label: str) -> dict[str, np.ndarray]:
    """Integrated gradients of the log-odds on the tokens."""
    return relevance(*token_function(lab, encoded, strategy, label))


def explain_by_occlusion(lab: Lab, encoded: Encoded, strategy: str, label: str) -> dict[str, np.ndarray]:
    """Fall of the log-odds when a token's place is hidden on the medium."""
    scores = {}
    for m in _given(lab, encoded, strategy):
        predict = medium_function(lab, encoded, strategy, label, m)
        scores[m] = occlusion(predict, encoded.media[m], encoded.prepared[m].layout)
    return scores


TOKEN_EXPLAINERS: dict[str, Callable[[Lab, Encoded, str, str], dict[str, np.ndarray]]] = {
    "attention": explain_by_attention,
    "relevance": explain_by_relevance,
    "occlusion": explain_by_occlusion,
}


def kept_function(
    lab: Lab, encoded: Encoded, strategy: str, label: str, modalities: Sequence[str], output: str = "probability"
) -> PredictWithout:
    """A function kept (N, T) bool -> (N,), T the tokens of `modalities` one after the other; nothing is encoded anew.

    Pools and attention skip tokens that are not kept; a modality that has none left is missing, and with nothing left every label is as
    likely. The tokens of all other modalities are kept.
    """
    given = _given(lab, encoded, strategy)
    for m in modalities:
        _check_given(lab, strategy, m, given)
    _check_pools(lab, modalities)
    measure = _measure(lab, strategy, label, output)
    ends = np.cumsum([encoded.features[m].tokens.shape[1] for m in modalities])

    def predict_part(kept: np.ndarray) -> np.ndarray:
        parts = dict(zip(modalities, np.split(kept, ends[:-1], axis=1), strict=True))
        present = torch.tensor([[m not in parts or bool(parts[m][n].any()) for m in given] for n in range(len(kept))])
        features = {m: encoded.features[m].repeat(len(kept)) for m in given}
        for m, part in parts.items():
            mask = torch.from_numpy(part).to(lab.device)
            mask = mask | ~mask.any(1, keepdim=True)  # softmax needs at least one token; `present` drops the modality
            features[m] = _pooled(lab.encoders[m], features[m].tokens, mask)
        values: np.ndarray = measure(features, present).double().cpu().numpy()
        return values

    def predict(kept: np.ndarray) -> np.ndarray:
        if kept.shape[1] != ends[-1]:
            raise FusionError(
                "There are {count} tokens of {modalities}, but {scores} scores.",
                count=ends[-1],
                modalities=" and ".join(modalities),
                scores=kept.shape[1],
            )
        with torch.inference_mode():
            return np.concatenate([predict_part(kept[n : n + BATCH]) for n in range(0, len(kept), BATCH)])

    return predict


def _pooled(encoder: Encoder, tokens: Tensor, mask: Tensor) -> Features:
    """Features of tokens (B, T, D) by the encoder's own pool, see `_check_pools`."""
    assert encoder.pool is not None
    pooled, weights = encoder.pool(tokens, mask)
    return Features(tokens, mask, pooled, weights)


def measure_faithfulness(
    lab: Lab, encoded: Encoded, strategy: str, label: str, scores: dict[str, np.ndarray], steps: int = 16, orders: int = 8, seed: int = 0
) -> Faithfulness:
    """Deletion and insertion of tokens in the probability of the label; areas in [0, 1], the same judge for every explainer.

    Tokens of all modalities in `scores` are deleted in one common order: where modalities are redundant, deleting one alone changes
    nothing. For one medium itself instead of tokens: `deletion_insertion(without_function(medium_function(...), medium, layout), scores)`.
    """
    if not scores:
        raise FusionError("There are no scores to evaluate.")
    predict = kept_function(lab, encoded, strategy, label, list(scores))
    return deletion_insertion(predict, np.concatenate(list(scores.values())), steps, orders, seed)


def _given(lab: Lab, encoded: Encoded, strategy: str) -> list[str]:
    """The modalities that this strategy reads of this input, in its order."""
    needs = lab.models[strategy].strategy.modalities if strategy in lab.models else ()
    title = lab.describe(strategy).title  # says so where there is no such strategy
    given = [m for m in needs if m in encoded.features]
    if not given:
        raise FusionError("{title} needs {modalities}, which is missing.", title=title, modalities=" or ".join(needs))
    return given


def _check_given(lab: Lab, strategy: str, modality: str, given: list[str]) -> None:
    if modality not in given:
        raise FusionError(
            "{strategy} was not given {modality}, only {known}.",
            modality=modality,
            strategy=lab.describe(strategy).title,
            known=list(given),
        )


def _check_pools(lab: Lab, modalities: Sequence[str]) -> None:
    """Raises a FusionError for an encoder whose vector is no pool of its tokens, so that deleting tokens would not change it."""
    if own := [m for m in modalities if lab.encoders[m].pool is None]:
        raise FusionError(
            "The {modality} encoder does not compute its vector from its tokens, so scores of tokens cannot be evaluated.", modality=own[0]
        )


Measure = Callable[[dict[str, Features], Tensor | None], Tensor]


def _measure(lab: Lab, strategy: str, label: str, output: str) -> Measure:
    """A function of the features of a batch, and of which of them are present (B, M'; None: all), to the output for `label` (B,)."""
    if label not in lab.labels:
        raise FusionError("There is no label named {label!r}; there are {known}.", label=label, known=list(lab.labels))
    if output not in OUTPUTS:
        raise FusionError("There is no output named {output!r}; there are {known}.", output=output, known=list(OUTPUTS))
    model = lab.models[strategy]
    index = lab.labels.index(label)

    def measure(features: dict[str, Features], is_present: Tensor | None) -> Tensor:
        B = len(next(iter(features.values())).tokens)
        if is_present is None:
            is_present = torch.ones(B, len(features), dtype=torch.bool)
        given = [[m for m, p in zip(features, row, strict=True) if p] for row in is_present.tolist()]
        present = present_mask(model.strategy.modalities, given)
        empty = ~present.any(1)
        present[empty] = True  # a strategy needs at least one modality; its answer is replaced by uniform logits
        logits = model.fuse(features, present.to(lab.device)).logits
        return OUTPUTS[output](logits.masked_fill(empty.to(lab.device)[:, None], 0.0), index)

    return measure
