"""Task `scenes`: which of eleven things is in the photo, the caption, the sound, the clip? Natural media of any size.

Photo, sound, caption and clip of one sample come from different events and share the label alone: a fused gain is expected and is no proof
of synergy. Clips are photos under a moving camera. A fifth of the training media show none of the eleven; other kinds of such media, which
training never sees, are held out to measure open-set rejection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from fusion.media.corruptions import corrupt
from fusion.tasks.base import Sample
from fusion.tasks.digits.samples import draw_level
from fusion.tasks.scenes import captions, clips, languages, photos, phrases, sounds
from fusion.tasks.scenes.coco import list_coco
from fusion.tasks.scenes.sources import NONE, Item, list_outside, list_photos, list_sounds
from fusion.tasks.scenes.task import LABELS
from fusion.types import MODALITIES, Audio, Clip, FusionError, Medium

__all__ = ["LABELS", "NONE", "Scenes"]
NOTHING_SHARE = 0.2
FOREIGN = {"train": 0.2, "val": 0.3}  # of the texts are sentences in one of five languages; the test has sets of these for itself
PHRASES = 0.4  # of the other training texts are short queries and templates, the others captions
KEPT = 4096  # decoded photos kept in memory
Groups = tuple[list[list[Item]], np.ndarray]


@dataclass
class Scenes:
    """Samples of one split, any number of them, each the same for the same seed and index.

    Args:
        data: folder with the data sets.
        split: "train", "val" or "test".
        modalities: which to make; only their data sets are read.
        empty: every medium is of none of the classes; in "test" of kinds that training never saw.
    """

    data: Path
    split: str
    modalities: tuple[str, ...] = MODALITIES
    empty: bool = False
    pools: dict[str, dict[int, Groups]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.data = Path(self.data)
        if not self.data.is_dir():
            raise FusionError(
                "The data folder {folder} does not exist; set it with --data or FUSION_DATA.", folder=self.data.name or self.data
            )
        outside = self.split == "test"
        if {"image", "video"} & set(self.modalities):
            photo_items = list_photos(self.data, self.split)
            if outside:
                photo_items += list_outside(self.data, "photos")
            elif self.split == "train":
                photo_items += list_coco(self.data)
            self.pools["photo"] = _by_label(photo_items)
        if "audio" in self.modalities:
            sound_items = list_sounds(self.data, self.split)
            if outside:
                sound_items += list_outside(self.data, "sounds")
            self.pools["sound"] = _by_label(sound_items)
        if "text" in self.modalities:
            self.texts = captions.mine(self.data, self.split)
            self.blind = {k: [t for t in texts if not captions.leaks(t, k)] for k, texts in self.texts.items() if k != NONE}
        self.read_photo = lru_cache(KEPT)(photos.read_photo)
        self.read_sound = lru_cache(None)(sounds.read_sound)
        self.makers: dict[str, Callable[[int, np.random.Generator], Medium]] = {
            "image": self.make_image,
            "text": self.make_text,
            "audio": self.make_audio,
            "video": self.make_video,
        }

    def pick(self, pool: str, label: int, rng: np.random.Generator) -> Item:
        """A file of a class: a random group (data set and kind), then a random file of it, so that no group dominates."""
        groups, odds = self.pools[pool][label]
        items = groups[int(rng.choice(len(groups), p=odds))]
        return items[int(rng.integers(len(items)))]

    def make_image(self, label: int, rng: np.random.Generator) -> np.ndarray:
        if label == NONE and rng.random() < 0.1:
            return photos.make_blank(rng)
        picture = self.read_item(self.pick("photo", label, rng))
        while label == LABELS.index("fire") and not photos.shows_flame(picture):
            picture = self.read_item(self.pick("photo", label, rng))
        return photos.make_photo(picture, rng) if self.split == "train" else picture

    def read_item(self, item: Item) -> np.ndarray:
        picture = self.read_photo(item.path)
        left, top, right, bottom = item.box or (0, 0, picture.shape[1], picture.shape[0])
        return picture[top:bottom, left:right]

    def make_video(self, label: int, rng: np.random.Generator) -> Clip:
        return clips.make_clip(self.make_image(label, rng), rng)

    def make_audio(self, label: int, rng: np.random.Generator) -> Audio:
        if label == NONE and rng.random() < 0.3:
            return sounds.make_nothing(rng)
        sound = self.read_sound(self.pick("sound", label, rng).path)
        return sounds.make_sound(sound.samples, rng) if self.split == "train" else sound

    def make_text(self, label: int, rng: np.random.Generator) -> str:
        if self.split in FOREIGN and rng.random() < FOREIGN[self.split]:
            language = languages.pick(languages.LANGUAGES, rng)
            return languages.make_none(language, (), rng) if label == NONE else languages.make_known(language, label, rng)
        few = len(self.texts[label]) < 200 and self.split == "train"
        if self.split == "train" and rng.random() < (0.7 if few else PHRASES):
            return phrases.make_nothing(rng) if label == NONE else phrases.make_phrase(label, rng)
        if few and 0 <= label < len(captions.ANIMALS):
            for _ in range(20):
                source = self.texts[int(rng.integers(3))]
                rewritten = captions.recast(source[int(rng.integers(len(source)))], label, rng)
                if rewritten:
                    return rewritten
        own = self.texts[label] or [t for t, k in phrases.written() if k == label]  # the test parts of the caption sets mention no lion
        if self.split != "train" and rng.random() < 0.5:  # at least half of the test captions do not contain the class's word
            own = self.blind.get(label) or own
        return own[int(rng.integers(len(own)))]

    def sample(self, index: int, seed: int, severity: dict[str, int] | str = "none", nothing: bool = False) -> Sample:
        """Sample `index` of the endless stream `seed`.

        Args:
            severity: corruption per modality; "none"; "train" draws one per modality, half of them 0.
            nothing: a fifth of the media then show none of the classes.
        """
        label = int(np.random.default_rng([seed, index]).integers(len(LABELS)))
        inputs: dict[str, Medium] = {}
        named: list[str] = []
        for modality in self.modalities:  # each has its own random stream, so that it does not depend on the other modalities
            rng = np.random.default_rng([seed, index, MODALITIES.index(modality), 1])
            empty = self.empty or nothing and rng.random() < NOTHING_SHARE
            if not empty:
                named.append(modality)
            medium = self.makers[modality](NONE if empty else label, rng)
            inputs[modality] = corrupt(modality, medium, draw_level(severity, modality, rng), rng)
        return Sample(inputs, label, tuple(named))


def _by_label(items: list[Item]) -> dict[int, Groups]:
    """{label: its files in groups, and the probability of each group}: between uniform over groups and uniform over files."""
    pools: dict[int, Groups] = {}
    for label in (NONE, *range(len(LABELS))):
        groups: dict[tuple[str, str], list[Item]] = {}
        for item in items:
            if item.label == label:  # NONE has hundreds of kinds, of one or two files each
                groups.setdefault((item.origin, item.kind if label != NONE else ""), []).append(item)
        origins = Counter(origin for origin, _ in groups)
        odds = np.array([1.0 if label == NONE else (len(files) / origins[origin]) ** 0.5 for (origin, _), files in groups.items()])
        pools[label] = (list(groups.values()), odds / odds.sum())
    return pools


def without_small(pools: dict[int, Groups]) -> dict[int, Groups]:
    """Without CIFAR-10, whose 32 pixels are less than real inputs have: its low confidences would lower the threshold too much."""
    kept: dict[int, Groups] = {}
    for label, (groups, odds) in pools.items():
        large = [i for i, group in enumerate(groups) if group[0].origin != "cifar10"]
        kept[label] = ([groups[i] for i in large], odds[large] / odds[large].sum())
    return kept
