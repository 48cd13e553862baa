"""Dynamic fusion: a gate per input decides how much each modality may say, from its content and its measured quality.

    h_m = tanh(W_m x_m)                     what modality m says
    v_m = log softmax(z_m)                  what it says by itself, the answer where one modality decides it
    q_m = (entropy, top probability, log-sum-exp) of z_m; its agreement with the others
    g   = softmax_m( gate_m([x_m, q_m]) )   over the modalities that are there
    fused = [MLP(sum_m g_m h_m), sum_m min(1, N g_m) v_m]      N modalities are there

The gated multimodal unit of Arevalo with a softmax over M > 2 modalities. Gates that see content alone can lose to static fusion
where inputs are noisy, so the gate also sees how sure a classifier of the modality alone is (Zhang 2023) and how far its belief lies
from that of the rest, and in training it is told which modalities believed the truth (Han 2022). tanh forgets how sure somebody was;
the gated votes keep it, and with even gates they are late fusion, which this contains. Limit: between confident modalities that
contradict one another a gate can only guess.

Reference: Arevalo 2017, Gated Multimodal Units (arXiv 1702.01992); Zhang 2023, Provable Dynamic Fusion (arXiv 2306.02050);
Han 2022, Multimodal Dynamics (CVPR; true-class probability as the gate's teacher).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fusion.strategies.base import PerModality, Strategy, perceptron, perceptrons
from fusion.types import Features, FusionOutput


class Dynamic(Strategy):
    """Gates the modalities for every input: those that look clean and are confident get more weight."""

    title = "Dynamic fusion"
    formula = "fused = [MLP(Σ g_m tanh(W_m x_m)), Σ min(1, N g_m) log softmax(z_m)],  g = softmax(gate(x, quality))"
    paper = "Arevalo et al. 2017 (GMU)"
    fuses = "embeddings"
    unimodal = "content"  # where no modality decides alone there would be nothing to measure trust by

    def __init__(self, modalities: tuple[str, ...], embed_dim: int, num_classes: int, hidden: int = 48, dropout: float = 0.1,
                 guidance: float = 1.0, sharpness: float = 0.2) -> None:  # fmt: skip
        super().__init__(modalities, embed_dim, num_classes)
        self.out_dim, self.guidance, self.sharpness = embed_dim + num_classes, guidance, sharpness
        self.classifiers = PerModality(len(modalities), embed_dim, num_classes)
        self.says = PerModality(len(modalities), embed_dim, embed_dim)
        self.gates = perceptrons(len(modalities), embed_dim + 4, hidden, 1, dropout)
        self.mix = perceptron(embed_dim, embed_dim, embed_dim, dropout)

    def build_head(self) -> nn.Module:
        """Linear; it begins as the vote alone."""
        head = nn.Linear(self.out_dim, self.num_classes)
        with torch.no_grad():
            head.weight[:, -self.num_classes :].copy_(torch.eye(self.num_classes))
        return head

    def objective(
        self, losses: dict[str, Tensor], output: FusionOutput, features: dict[str, Features], present: Tensor, content: Tensor
    ) -> Tensor:
        """Adds what the gate should have been: even among modalities whose own classifier believes the truth, nothing for the others."""
        logits = torch.stack([output.unimodal_logits[m] for m in self.modalities], 1).detach()  # (B, M, K)
        truth = logits.log_softmax(-1).gather(-1, content.clamp_min(0)[..., None]).squeeze(-1)  # (B, M)
        known = (content >= 0) & present
        rows = known.any(-1)
        target = (truth / self.sharpness).masked_fill(~known, float("-inf"))[rows].softmax(-1)
        gate = -(target * output.weights[rows].clamp_min(1e-6).log()).sum(-1)
        return super().objective(losses, output, features, present, content) + self.guidance * gate.sum() / max(1, len(gate))

    def quality(self, logits: Tensor, present: Tensor) -> Tensor:
        """(B, M, 4): entropy in nats, log of the top probability, log-sum-exp, log-probability that the others agree."""
        log_p = logits.log_softmax(-1)  # (B, M, K)
        p = log_p.exp()
        there = present[..., None].to(p.dtype)
        others = ((p * there).sum(1, keepdim=True) - p * there) / (there.sum(1, keepdim=True) - there).clamp_min(1)
        agree = (p * others).sum(-1).clamp_min(1e-4).log()
        alone = present.sum(-1, keepdim=True) == 1
        agree = agree.masked_fill(alone, 0.0)
        total = (logits[..., 0] - log_p[..., 0]) / 4  # log-sum-exp: what log-softmax took away
        return torch.stack([-(p * log_p).sum(-1), log_p.amax(-1), total, agree], -1)

    def forward(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> FusionOutput:
        x = self.embeddings(features, present)  # (B, M, D)
        logits = self.classifiers(x)  # (B, M, K)
        # the gate reads quality but may not bend the classifiers to its wishes; explanations follow this path too
        quality = self.quality(logits.detach() if self.training else logits, present)
        scores = self.gates(torch.cat([x, quality.to(x.dtype)], -1)).squeeze(-1)  # (B, M)
        weights = scores.masked_fill(~present, float("-inf")).softmax(-1)
        says = self.says(x).tanh()  # (B, M, D)
        share = (weights * present.sum(-1, keepdim=True)).clamp_max(1.0)
        votes = torch.einsum("bm,bmk->bk", share, logits.log_softmax(-1))
        fused = torch.cat([self.mix(torch.einsum("bm,bmd->bd", weights, says)), votes], -1)
        unimodal = {m: logits[:, i] for i, m in enumerate(self.modalities)}
        return FusionOutput(fused, weights, unimodal_logits=unimodal)
