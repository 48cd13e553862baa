"""What ImageNet's names mean: a name's vector is that of its name and of its definition in WordNet together.

Names such as "crane", "mouse" or "passenger car" have several senses, or say little by themselves. ImageNet's classes are in the order of a
taxonomy, so the sense of a name is the one that lies nearest to its neighbours in this order.

Reference: Lesk 1986 (senses by what stands around a word); Fellbaum 1998 (WordNet).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from fusion.types import FusionError

NEAR = 6  # neighbours on each side
ROUNDS = 2  # the second one with the neighbours' chosen senses
Encode = Callable[[list[str]], Tensor]


def read_senses(folder: Path) -> dict[str, list[str]]:
    """{noun in small letters: "its lemmas: its definition" of each sense} of WordNet's database.

    Raises:
        FusionError: it is not there.
    """
    path = folder / "data.noun"
    if not path.is_file():
        raise FusionError("WordNet's database (data.noun and others) is not in {folder}.", folder=folder.name)
    found: dict[str, list[str]] = {}
    for line in path.read_text("latin-1").splitlines():
        if line.startswith(" "):  # the licence
            continue
        head, _, gloss = line.partition("|")
        fields = head.split()
        lemmas = [fields[4 + 2 * i].replace("_", " ").lower() for i in range(int(fields[3], 16))]
        definition = gloss.split('; "')[0].strip()
        sense = f"{', '.join(lemmas)}: {definition}"
        for lemma in lemmas:
            found.setdefault(lemma, []).append(sense)
    return found


def vectors_with_senses(names: list[str], senses: dict[str, list[str]], encode: Encode) -> Tensor:
    """Unit vectors (N, D) of names in the order of a taxonomy; `encode` gives unit vectors of texts."""
    own = encode(names)
    several = [senses.get(name.lower(), []) for name in names]
    texts = [sense for each in several for sense in each]
    split = torch.split(encode(texts), [len(each) for each in several])
    chosen = own
    for _ in range(ROUNDS):
        chosen = torch.stack([_nearest(i, own, split[i], chosen) for i in range(len(names))])
    return F.normalize(own + chosen, dim=-1)


def _nearest(index: int, own: Tensor, senses: Tensor, chosen: Tensor) -> Tensor:
    """The sense of a name that lies nearest to the names around it; the name itself where it has none."""
    if not len(senses):
        return own[index]
    around = torch.cat([chosen[max(0, index - NEAR) : index], chosen[index + 1 : index + 1 + NEAR]]).mean(0)
    return senses[int((senses @ around).argmax())]
