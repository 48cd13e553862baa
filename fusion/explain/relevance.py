"""Gradient relevance of tokens: which token embeddings carry the answer.

    integrated gradients   r_t = sum_d x_td * integral over a in [0, 1] of  df/dx_td (a x)        baseline: all tokens zero
    input x gradient       r_t = sum_d x_td * df/dx_td (x)

The relevances of integrated gradients sum to f(x) - f(0) over all tokens of all modalities (completeness). Limit: a token of the last
layer of an encoder has read its neighbours; relevance belongs to the token, and only loosely to its place on the medium.

Reference: Sundararajan 2017, Axiomatic Attribution for Deep Networks (arXiv 1703.01365); Kokhlikyan 2020, Captum (arXiv 2009.07896).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from fusion.types import FusionError

PredictTokens = Callable[[dict[str, Tensor]], Tensor]  # {modality: (B, T, D)} to (B,)

# Tokens are often normalised first (LayerNorm), so f is steep near zero. The straight path is therefore cut into pieces that grow from
# zero, with a few points in each: still the same integral, but with points where f changes.
PIECES = (0.0, 0.0001, 0.001, 0.01, 0.1, 1.0)
POINTS = 12  # in each piece, Gauss-Legendre


def relevance(predict: PredictTokens, tokens: dict[str, Tensor], method: str = "integrated_gradients") -> dict[str, np.ndarray]:
    """{modality: (T,)} relevance in the units of `predict`.

    Args:
        predict: differentiable, a batch of tokens to one number per sample.
        tokens: {modality: (1, T, D)}, the place to explain.
        method: "integrated_gradients" or "input_x_gradient".
    """
    if method not in METHODS:
        raise FusionError("There is no gradient method named {method!r}; there are {known}.", method=method, known=list(METHODS))
    if not tokens or any(x.ndim != 3 or len(x) != 1 for x in tokens.values()):
        raise FusionError("Relevance needs the tokens of one sample, and of at least one modality.")
    names = list(tokens)
    values = tuple(x.detach().clone() for x in tokens.values())

    def forward(*inputs: Tensor) -> Tensor:
        # adding zero times every token gives those that `predict` never reads a gradient of zero instead of none
        zero = torch.stack([(x * 0).sum((1, 2)) for x in inputs]).sum(0)
        return predict(dict(zip(names, inputs, strict=True))) + zero

    with torch.inference_mode(False), torch.enable_grad():
        scores = METHODS[method](forward, values)
    return {m: s.detach().sum((0, 2)).double().cpu().numpy() for m, s in zip(names, scores, strict=True)}


def _integrated_gradients(forward: Callable[..., Tensor], values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """(pieces, T, D) each; the pieces of the path are samples of one batch, and sum to the whole."""
    from captum.attr import IntegratedGradients  # takes half a second to import

    cuts = [x.new_tensor(PIECES)[:, None, None] * x for x in values]
    starts = tuple(c[:-1] for c in cuts)
    ends = tuple(c[1:] for c in cuts)
    scores: tuple[Tensor, ...] = IntegratedGradients(forward).attribute(ends, starts, n_steps=POINTS, method="gausslegendre")
    return scores


def _input_x_gradient(forward: Callable[..., Tensor], values: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    from captum.attr import InputXGradient

    scores: tuple[Tensor, ...] = InputXGradient(forward).attribute(tuple(x.requires_grad_() for x in values))
    return scores


METHODS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "integrated_gradients": _integrated_gradients,
    "input_x_gradient": _input_x_gradient,
}
