"""Groups on both sides of a split, classes with few samples, and modalities that are missing more often in some classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.stats import chi2_contingency

from fusion.messages import message
from fusion.own_data.checks.finding import Finding, some
from fusion.own_data.samples import Samples
from fusion.own_data.splits import Plan

FEW = 5  # samples of a class
UNLIKELY = 1e-4
FAR = 0.2  # between the shares of two classes


def check_groups(samples: Samples, plan: Plan) -> Iterator[Finding]:
    """Groups whose samples are in training and in test; only given splits can have them."""
    if samples.groups is None or plan.kind != "given":
        return
    groups = np.array(samples.groups)
    fold = plan.folds[0]
    both = sorted(set(groups[fold.test]) & set(groups[np.concatenate([fold.train, fold.val])]))
    if both:
        said = message("{count:,} groups have samples on both sides of the split.", count=len(both))
        yield Finding("group leak", said, len(both), some(both))


def check_counts(samples: Samples, plan: Plan) -> Iterator[Finding]:
    """Classes with hardly any samples, and classes that are tested and never trained."""
    if samples.answer == "value":
        return
    count: Counter[str] = Counter()
    for label in samples.labels:
        count.update(label if isinstance(label, tuple) else [] if label is None else [label])
    few = sorted(c for c, n in count.items() if n < FEW)
    if few:
        said = message("{count:,} of {total:,} classes have fewer than {few} samples.", count=len(few), total=len(count), few=FEW)
        yield Finding("few samples", said, len(few), some(few))
    if samples.answer != "class":
        return
    labels = np.array([str(label) for label in samples.labels], object)
    unseen = {c for fold in plan.folds for c in set(labels[fold.test]) - set(labels[fold.train])} - set(few)
    if unseen:
        said = message("{count:,} classes are in the test and not in the training samples.", count=len(unseen))
        yield Finding("untrained class", said, len(unseen), some(sorted(unseen)))


def check_missing(samples: Samples) -> Iterator[Finding]:
    """Modalities whose absence goes with the class: a strategy may then learn what is missing instead of what is there."""
    if samples.answer != "class":
        return
    known = [i for i, label in enumerate(samples.labels) if label is not None]
    classes = {c: k for k, c in enumerate(samples.classes)}
    for m, values in samples.media.items():
        table = np.zeros((len(classes), 2))
        for i in known:
            table[classes[samples.labels[i]], int(values[i] is None)] += 1
        table = table[table.sum(1) > 0]
        if table[:, 1].sum() == 0 or table[:, 0].sum() == 0 or len(table) < 2:
            continue
        share = table[:, 1] / table.sum(1)
        if chi2_contingency(table).pvalue < UNLIKELY and share.max() - share.min() > FAR:
            worst = samples.classes[int(share.argmax())]
            said = message("{modality} is missing in {most:.0%} of the samples of {label}, and in {least:.0%} of another class.",
                           modality=m, most=float(share.max()), label=worst, least=float(share.min()))  # fmt: skip
            yield Finding("missing by class", said, int(table[:, 1].sum()), (worst,))
