"""Topics: each text is a mixture of topics, each topic a distribution over terms; both are inferred from texts alone.

    theta_d ~ Dirichlet(alpha)      for each term of text d:  topic z ~ theta_d,  term w ~ beta_z
    p(z = k | w, d) ~ theta_dk exp(E[log beta_kw])      theta and beta in turn until they settle (variational Bayes)

A token is the mean of p(z | w, d) over the terms of a word, the vector is theta.

A document is one text, its terms the words and their runs of letters (`fusion.encoders.vocabulary`): a phrase has few words, too few to
say which go together, but the runs within a word always do. So a topic here is as often a way of spelling as a subject, and no label
tells it that "three" and "drei" are one: expect spelling cousins, not translations. 64 topics, as ten digits in eight languages do not fit
in fewer.

Reference: Blei 2003, Latent Dirichlet Allocation; Hoffman 2010 (the updates in scikit-learn).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from fusion.encoders.base import Prepared, collate
from fusion.encoders.vocabulary import TermEncoder, shares
from fusion.types import Panel

if TYPE_CHECKING:
    from sklearn.decomposition import LatentDirichletAllocation

TOPICS = 64
MOST_TERMS = 1500
ROUNDS = 25  # of variational Bayes
SHOWN = 8  # topics
TERM_PRIOR = 0.05  # below 1: a topic has few terms


class TextTopics(TermEncoder):
    """Text to the topics it is made of, found without labels by latent Dirichlet allocation.

    Text of any length to raw tokens (W, K), one per word, and a raw vector (K): chances of the K topics in [0, 1], which sum to 1.
    """

    title = "Topics (LDA)"
    paper = "Blei, Ng & Jordan 2003"
    longest = 2

    def __init__(self, embed_dim: int = 96, vocabulary: Sequence[str] | None = None, topics: int = TOPICS) -> None:
        super().__init__(embed_dim, vocabulary, topics)
        self.topics = topics
        self.components: Tensor
        self.register_buffer("components", torch.ones(topics, len(self.vocabulary)))  # Dirichlet parameters of beta

    def learn(self, media: Sequence[str]) -> None:
        from sklearn.decomposition import LatentDirichletAllocation
        from sklearn.feature_extraction.text import CountVectorizer

        rare = 3 if len(media) > 100 else 1
        counter = CountVectorizer(analyzer=self.terms_of_text, max_features=MOST_TERMS, min_df=rare)
        counts = counter.fit_transform(media)
        model = LatentDirichletAllocation(self.topics, topic_word_prior=TERM_PRIOR, max_iter=ROUNDS, random_state=0).fit(counts)
        self.set_vocabulary(counter.get_feature_names_out().tolist())
        self.components = torch.from_numpy(model.components_).float()

    def options(self) -> dict[str, Any]:
        return {**super().options(), "topics": self.topics}

    def rebuild(self) -> LatentDirichletAllocation:
        """scikit-learn's fitted model, restored from the saved parameters without a pickle."""
        from sklearn.decomposition import LatentDirichletAllocation

        model = LatentDirichletAllocation(self.topics)
        model.components_ = self.components.double().numpy()
        model.exp_dirichlet_component_ = self.expected().numpy()
        model.doc_topic_prior_ = 1 / self.topics
        model.n_features_in_ = len(self.vocabulary)
        return model

    def expected(self) -> Tensor:
        """exp(E[log beta]), (K, V)."""
        rows = self.components.double()
        return (rows.digamma() - rows.sum(1, keepdim=True).digamma()).exp()

    def describe(self, values: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        counts = self.counts(values) * mask[..., None]  # (B, W, V)
        theta = torch.from_numpy(self.rebuild().transform(counts.sum(1).double().numpy()))  # (B, K)
        beta = self.expected()
        known = counts.sum(-1)
        each = torch.einsum("bwv,bv->bwv", counts.double(), 1 / (theta @ beta))  # the terms' chances given the text, their topics summed
        tokens = theta[:, None] * (each @ beta.T) / known.clamp_min(1)[..., None]
        tokens = torch.where(known[..., None] > 0, tokens, theta[:, None])  # a word without known terms gets the topics of its text
        return tokens.float(), mask, theta.float(), shares(known, mask)

    def names(self) -> tuple[str, ...]:
        """Each topic by its three likeliest whole words."""
        whole = [i for i, term in enumerate(self.vocabulary) if term.startswith("<") and term.endswith(">")]
        best = self.components[:, whole].argsort(dim=1, descending=True, stable=True)[:, :3]
        return tuple("·".join(self.texts[whole[i]] for i in row) for row in best.tolist())

    @torch.inference_mode()
    def panels(self, medium: str, prepared: Prepared) -> list[Panel]:
        tokens, _, theta, _ = (x[0] for x in self.describe(*collate([prepared])))
        strongest = theta.argsort(descending=True, stable=True)[:SHOWN]
        every = self.names()
        names = tuple(every[i] for i in strongest)
        return [
            Panel("bars", "lda.topics", theta[strongest].numpy(), names=names),
            Panel("words", "lda.words", tokens[:, strongest].numpy().astype(np.float32), names=names),
        ]
