"""Dynamic fusion: a gate weights each modality for every input, by its content and its measured quality.

    h_m = tanh(W_m x_m)                     values of modality m
    v_m = log softmax(z_m)                  its vote: a classifier on this modality alone
    q_m = (entropy, top probability, log-sum-exp) of z_m; its agreement with the others
    g   = softmax_m( gate_m([x_m, q_m]) )   over the present modalities
    fused = [MLP(sum_m g_m h_m), sum_m min(1, N g_m) v_m]      N modalities are present

One number per modality as a gate, supervised: its target in training is which modalities give the true class a high probability, as the
confidence in Han 2022. The gate sees the content, how confident the classifier of the modality alone is (as Zhang 2023 weights votes),
and how well it agrees with the others. tanh discards the confidence; the gated votes keep it, and with even gates they are late
fusion, which is a special case. The weight shown is the gate g: the factor of a modality's values in the sum, not that of its vote, which
is min(1, N g). For the gated multimodal unit of Arevalo, with a gate per number and no supervision, see `gmu`; for the votes of Zhang
alone, `quality_aware`. Limit: between confident modalities that contradict one another a gate can only guess.

Reference: Han 2022, Multimodal Dynamics: Dynamical Fusion for Trustworthy Multimodal Classification (CVPR); Zhang 2023, Provable Dynamic
Fusion for Low-Quality Multimodal Data (arXiv 2306.02050).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.heads.classification import vote_head
from fusion.strategies.base import PerModality, Strategy, Targets, mlp, mlp_per_modality
from fusion.types import Features, FusionOutput


class Dynamic(Strategy):
    """Gates the modalities for every input: those that look clean and are confident get more weight."""

    title = "Dynamic fusion"
    formula = "fused = [MLP(Σ g_m tanh(W_m x_m)), Σ min(1, N g_m) log softmax(z_m)],  g = softmax(gate(x, quality))"
    paper = "Han et al. 2022 (Multimodal Dynamics); Zhang et al. 2023"
    fuses = "embeddings"
    unimodal = "content"  # where no modality decides the label alone, its classifier would have no target to measure quality by

    def __init__(
        self,
        modalities: tuple[str, ...],
        embed_dim: int,
        num_classes: int,
        hidden: int = 48,
        dropout: float = 0.1,
        guidance: float = 1.0,
        sharpness: float = 0.2,
    ) -> None:
        """`guidance` weights the loss of the gates, `sharpness` is the temperature of their target, in nats."""
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim = embed_dim + num_classes
        self.guidance = guidance
        self.sharpness = sharpness
        self.classifiers = PerModality(len(modalities), embed_dim, num_classes)
        self.values = PerModality(len(modalities), embed_dim, embed_dim)
        self.gates = mlp_per_modality(len(modalities), embed_dim + 4, hidden, 1, dropout)
        self.mix = mlp(embed_dim, embed_dim, embed_dim, dropout)

    def build_head(self) -> nn.Module:
        """Linear; initialised to pass on the gated votes alone."""
        return vote_head(self.out_dim, self.num_classes)

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, targets: Targets
    ) -> Tensor:
        """Adds the cross-entropy of the gate; its target is a softmax over the modalities' log-probabilities of the true class."""
        assert output.unimodal_logits is not None and output.weights is not None
        logits = torch.stack([output.unimodal_logits[m] for m in self.modalities], 1).detach()  # (B, M, K)
        truth = logits.log_softmax(-1).gather(-1, targets.content.clamp_min(0)[..., None]).squeeze(-1)  # (B, M)
        known = (targets.content >= 0) & present
        rows = known.any(-1)
        target = (truth / self.sharpness).masked_fill(~known, float("-inf"))[rows].softmax(-1)
        gate_losses = -(target * output.weights[rows].clamp_min(1e-6).log()).sum(-1)
        gate_loss = gate_losses.sum() / max(1, len(gate_losses))
        return super().objective(losses, output, features, present, targets) + self.guidance * gate_loss

    def quality(self, logits: Tensor, present: Tensor) -> Tensor:
        """(B, M, 4): entropy in nats, log of the top probability, a quarter of log-sum-exp, log-probability that the others agree."""
        log_p = logits.log_softmax(-1)  # (B, M, K)
        p = log_p.exp()
        given = present[..., None].to(p.dtype)
        sum_of_others = (p * given).sum(1, keepdim=True) - p * given
        mean_of_others = sum_of_others / (given.sum(1, keepdim=True) - given).clamp_min(1)
        agreement = (p * mean_of_others).sum(-1).clamp_min(1e-4).log()
        agreement = agreement.masked_fill(present.sum(-1, keepdim=True) == 1, 0.0)
        entropy = -(p * log_p).sum(-1)
        log_sum_exp = (logits[..., 0] - log_p[..., 0]) / 4  # the constant that log-softmax subtracted, scaled
        return torch.stack([entropy, log_p.amax(-1), log_sum_exp, agreement], -1)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        logits = self.classifiers(x)  # (B, M, K)
        # in training the gate sends no gradient to the classifiers; explanations do follow this path
        quality = self.quality(logits.detach() if self.training else logits, present)
        scores = self.gates(torch.cat([x, quality.to(x.dtype)], -1)).squeeze(-1)  # (B, M)
        weights = scores.masked_fill(~present, float("-inf")).softmax(-1)
        values = self.values(x).tanh()  # (B, M, D)
        mixed = self.mix(torch.einsum("bm,bmd->bd", weights, values))
        vote_weights = (weights * present.sum(-1, keepdim=True)).clamp_max(1.0)
        votes = torch.einsum("bm,bmk->bk", vote_weights, logits.log_softmax(-1))
        fused = torch.cat([mixed, votes], -1)
        unimodal = {m: logits[:, i] for i, m in enumerate(self.modalities)}
        return FusionOutput(fused, weights, unimodal_logits=unimodal)
