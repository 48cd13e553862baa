"""Multitask fusion: one shared trunk answers several questions at once, and learns how much each of their losses should count.

    fused = MLP([x_1, p_1, ..., x_M, p_M])           (B, D), as in `early`; p_m = 1 where modality m is present, else 0
    answers: the label from the head, every further question q from a linear head of its own on `fused`
    loss  = sum_q  exp(-s_q) L_q + s_q / 2           classification (label, further questions, mask, found)
                   exp(-s_q) L_q / 2 + s_q / 2       regression (box)

exp(s) is the noise variance of a question, learned with the rest: a noisy question lowers its own weight and pays s / 2 for it.
At the optimal s a loss of any scale counts as its logarithm. The benefit is the shared trunk: further questions shape its features.
Limit: a loss that reaches zero would take all the weight; label smoothing prevents that.

Reference: Caruana 1997, Multitask Learning (Machine Learning 28); Kendall 2018, Multi-Task Learning Using Uncertainty to Weigh Losses
for Scene Geometry and Semantics (arXiv 1705.07115).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import Strategy, Targets, mlp
from fusion.types import Features, FusionOutput

PLACES = ("box", "mask", "found")
REGRESSION = ("box",)


def key(name: str) -> str:
    """The name of a question's head; a ModuleDict refuses names that a module has a method of, such as "half"."""
    return f"to_{name}"


class Multitask(Strategy):
    """Answers several questions from one shared trunk; how much each loss counts is learned."""

    title = "Multitask fusion"
    formula = "loss = Σ_q exp(−s_q) · L_q + s_q / 2"
    paper = "Caruana 1997; Kendall et al. 2018"
    fuses = "embeddings"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        auxiliary: dict[str, int] | None = None,
        places: bool = False,
        hidden: int = 384,
        dropout: float = 0.2,
    ) -> None:
        """`auxiliary` names further questions and their number of classes; `places` is for tasks that also ask where."""
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim
        self.questions = tuple(auxiliary or ())
        self.trunk = mlp(len(modalities) * (embed_dim + 1), hidden, embed_dim, dropout)
        self.heads = nn.ModuleDict({key(q): nn.Linear(embed_dim, classes) for q, classes in (auxiliary or {}).items()})
        self.weighted = ("label", *self.questions, *(PLACES if places else ()))
        self.log_variance = nn.ParameterDict()
        for name in self.weighted:  # one by one: a ParameterDict sorts what it is given at once
            self.log_variance[key(name)] = nn.Parameter(torch.zeros(()))
        self.register_load_state_dict_pre_hook(self.rename)  # type: ignore[no-untyped-call]

    @staticmethod
    def rename(module: nn.Module, state: dict[str, Tensor], prefix: str, *rest: object) -> None:
        """Weights from before the heads had names: these are numbered, in the same order."""
        assert isinstance(module, Multitask)
        numbered = {f"{prefix}heads.{i}.": f"{prefix}heads.{key(q)}." for i, q in enumerate(module.questions)}
        for old, new in numbered.items():
            for part in ("weight", "bias"):
                if old + part in state:
                    state[new + part] = state.pop(old + part)
        for i, name in enumerate(module.weighted):
            if f"{prefix}log_variance.{i}" in state:
                state[f"{prefix}log_variance.{key(name)}"] = state.pop(f"{prefix}log_variance.{i}")

    @classmethod
    def options_for(cls, questions: dict[str, int], places: bool, kinds: dict[str, str]) -> dict[str, object]:
        return {"auxiliary": questions, "places": places}

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        x = torch.cat([x, present[..., None].to(x.dtype)], -1)  # (B, M, D + 1)
        fused = self.trunk(x.flatten(1))
        answers = {question: self.heads[key(question)](fused) for question in self.questions}
        return FusionOutput(fused, auxiliary=answers or None)

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        terms = []
        for name, loss in losses.items():
            if name in self.weighted:
                loss = self.weigh(loss, self.log_variance[key(name)], name in REGRESSION)
            terms.append(loss)
        return torch.stack(terms).sum()

    @staticmethod
    def weigh(loss: Tensor, s: Tensor, regression: bool) -> Tensor:
        """Kendall's likelihood of one loss at log-variance s; smallest at s = ln L for a regression, ln 2L for a classification."""
        return (0.5 if regression else 1.0) * (-s).exp() * loss + s / 2
