"""Evidential fusion: each modality gives evidence for every class and says how much it leaves open; Dempster's rule combines them.

    e_m  = softplus(A_m x_m + a_m)                     (B, K) evidence of modality m, never negative
    S_m  = K + sum_k e_mk
    b_mk = e_mk / S_m,  u_m = K / S_m                  belief in each class, and doubt; they sum to 1
    b_k ~ prod_m (b_mk + u_m) - prod_m u_m             Dempster's rule for all modalities at once
    u   ~ prod_m u_m                                   both divided by 1 - conflict, the sum of all of these before
    p_k  = b_k + u / K

The paper combines one modality after the other; for beliefs in single classes the products above are the same in one step. A missing
modality is nothing but doubt (b = 0, u = 1) and leaves the combination of the others exactly as it is. Conflict is the share of belief
that two modalities give to different classes, which the rule leaves out. Where doubt stays above a half the strategy refuses to answer.
Beliefs of single modalities are added up, so an answer that only a combination decides (a + b) is out of reach.

    loss = sum over the modalities and their combination of
           sum_k y_k (psi(S) - psi(alpha_k)) + lambda KL(Dirichlet(alpha') || Dirichlet(1)),  alpha = e + 1, alpha' without the true class

lambda grows from 0 to `most_regularised` over the first `annealing` epochs. Where nothing present decides the label only the second
term is left, with all of alpha.

Reference: Han 2021, Trusted Multi-View Classification (arXiv 2102.02051); Sensoy 2018, Evidential Deep Learning (arXiv 1806.01768).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.strategies.base import PerModality, Strategy, Targets
from fusion.types import Features, FusionOutput, Opinion

REFUSES = 0.5  # doubt above which there is no answer


class Evidential(Strategy):
    """Collects evidence from each modality, combines it by Dempster's rule, and says how much it leaves open."""

    title = "Evidential fusion"
    formula = "b_k ∝ Π_m (b_mk + u_m) − Π_m u_m,  u ∝ Π_m u_m"
    paper = "Han et al. 2021 (TMC)"
    fuses = "logits"

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        annealing: int = 10,
        most_regularised: float = 1.0,
    ) -> None:
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = num_classes
        self.annealing = annealing
        self.most_regularised = most_regularised
        self.classifiers = PerModality(len(modalities), embed_dim, num_classes)

    def build_head(self) -> nn.Module:
        return nn.Identity()

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        logits = self.classifiers(self.embeddings(features, present))  # (B, M, K)
        evidence = F.softplus(logits.float()) * present[..., None]  # a missing modality has none
        opinion = combine(evidence)
        probs = opinion.belief + opinion.doubt[:, None] / self.num_classes
        unimodal = {m: (evidence[:, i] + 1).log() for i, m in enumerate(self.modalities)}  # softmax gives alpha / S
        return FusionOutput(probs.log(), unimodal_logits=unimodal, opinion=opinion)

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        """The evidential loss in place of the cross-entropies of the label; losses of the task's further heads count as they are."""
        assert output.unimodal_logits is not None and output.opinion is not None
        share = self.most_regularised * min(1.0, targets.epoch / self.annealing)
        further = [loss for name, loss in losses.items() if name not in ("label", "unimodal")]
        alone = torch.stack([output.unimodal_logits[m] for m in self.modalities], 1).exp()  # alpha (B, M, K)
        doubt = output.opinion.doubt[:, None]
        whole = output.opinion.belief * self.num_classes / doubt + 1
        each = evidential_loss(alone, targets.own, share)  # (B, M)
        mean_each = (each * present).sum(0) / present.sum(0).clamp_min(1)
        return evidential_loss(whole, targets.label, share).mean() + mean_each.sum() + sum(further)


def combine(evidence: Tensor) -> Opinion:
    """Dempster's rule over all modalities.

    Args:
        evidence: (B, M, K), zero for a missing modality.
    """
    K = evidence.shape[-1]
    total = evidence.sum(-1, keepdim=True) + K  # (B, M, 1)
    belief = evidence / total
    doubt = K / total  # (B, M, 1)
    log_doubt = doubt.log().sum(1)  # (B, 1) log of the product
    log_either = (belief + doubt).log().sum(1)  # (B, K)
    # every product lies above the product of the doubts: in shares of the latter nothing cancels
    excess = torch.expm1((log_either - log_doubt).clamp_max(80.0))  # (B, K)
    scale = 1 + excess.sum(-1, keepdim=True)  # (B, 1)
    agreed = (log_doubt + scale.log()).exp().squeeze(-1)
    return Opinion(excess / scale, 1 / scale.squeeze(-1), (1 - agreed).clamp(0, 1), doubt.squeeze(-1))


def evidential_loss(alpha: Tensor, label: Tensor, share: float) -> Tensor:
    """The expected cross-entropy under a Dirichlet distribution, and `share` times its distance from the flat one without the true class.

    Args:
        alpha: (..., K), at least 1.
        label: (...) class 0..K-1, or -1 for none.
    """
    known = (label >= 0)[..., None]
    truth = F.one_hot(label.clamp_min(0), alpha.shape[-1]) * known
    entropy = (truth * (alpha.sum(-1, keepdim=True).digamma() - alpha.digamma())).sum(-1)
    misleading = truth + (1 - truth) * alpha
    return entropy + share * kl_to_flat(misleading)


def kl_to_flat(alpha: Tensor) -> Tensor:
    """Nats between Dirichlet(alpha), alpha (..., K), and the flat Dirichlet(1, ..., 1)."""
    K = alpha.shape[-1]
    total = alpha.sum(-1, keepdim=True)
    constant = torch.lgamma(total).squeeze(-1) - torch.lgamma(alpha).sum(-1) - torch.lgamma(torch.tensor(float(K)))
    return constant + ((alpha - 1) * (alpha.digamma() - total.digamma())).sum(-1)
