"""Readers of the public data sets of the task `scenes`, in their official layouts below one data folder, and their splits.

Tiny-ImageNet   tiny-imagenet-200/{train/<wnid>/images, val}      ImageNet terms: research, no redistribution
CIFAR-10        cifar10/train/<class>/*.jpg                       research; birds and outliers
Dogs-vs-Cats    photos/{cat,dog}/*.jpg                            research
ESC-10          esc50/{meta/esc50.csv, audio}                     CC BY 3.0
Animal sounds   animal_sounds/<class>/*.ogg                       no licence stated: to train and to measure, never to pass on
outside         outside/{photos_other, sounds_other}              of none of the classes; measured only
COCO            outside/coco_mini                                 see `fusion.tasks.scenes.coco`; distilled and trained on

Splits never mix. Tiny-ImageNet's own `val` is the test split, the last tenth of each training class is validation; folders without an
official split are split by their sorted order, every tenth file validation and two more of ten test; ESC-10 by fold (clips of one
recording share a fold): 4 validation, 5 test.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fusion.tasks.scenes.task import LABELS
from fusion.types import FusionError

SPLITS = ("train", "val", "test")
WNIDS = {  # the pictures of a class: bighorns for sheep, bison and oxen for cow, umbrellas for rain, torches, candles for fire
    "dog": ("n02085620", "n02094433", "n02099601", "n02099712", "n02106662", "n02113799"),
    "cat": ("n02123045", "n02123394", "n02124075"),
    "bird": ("n01855672", "n02002724", "n02058221"),
    "cow": ("n02403003", "n02410509"),
    "sheep": ("n02415577",),
    "lion": ("n02129165",),
    "frog": ("n01641577", "n01644900"),
    "sea": ("n09428293",),
    "fire": ("n02948072", "n04456115"),
    "clock": ("n04328186",),
    "rain": ("n04507155",),
}
LABEL_OF = {wnid: LABELS.index(name) for name, wnids in WNIDS.items() for wnid in wnids}
PENGUIN, LAKE = "n02056570", "n09332890"  # a bird, and water that looks like the sea: neither a class nor an outlier
HELD_OUT = 3  # every third class of none is kept from training: rejection is measured on it
CIFAR_LABELS = {"bird": 2, "cat": 1, "dog": 0, "frog": 6}
ESC_LABELS = {"dog": 0, "sea_waves": 7, "crackling_fire": 8, "clock_tick": 9, "rain": 10}
ESC_HELD_OUT = ("helicopter", "crying_baby")
SPECIES_HELD_OUT = ("donkey",)
ROOSTERS = ("chicken", "rooster")  # birds, but of another voice than the class: neither a class nor an outlier
# Mislabelled files, found by low confidence of the audio teacher and checked on spectrograms: the animal is not audible.
NOT_THE_ANIMAL = {
    "cat_121": "dance music",
    "cat_036": "bangs and crackles",
    "cat_079": "a crowd talking",
    "cat_080": "a crowd talking",
    "cat_081": "a crowd talking",
    "cat_097": "a crowd talking",
    "dog_105": "noise and crackles",
    "dog_107": "one low tone",
    "bird_180": "a band of noise",
}
NONE = -1


@dataclass(frozen=True)
class Item:
    """A file: `label` is an index of LABELS or -1, `origin` the data set it is from, `kind` its finest class name there.

    Of a photo with a `box` (left, top, right, bottom) in pixels only that part is meant.
    """

    path: Path
    label: int
    origin: str
    kind: str
    box: tuple[int, ...] | None = None


def list_photos(data: Path, split: str) -> list[Item]:
    """Pictures of one split, those of no class with label -1; in `test` the outliers are of classes that training never saw.

    CIFAR-10 has 32 pixels, less than anybody sends: it trains, and is measured by itself (`list_small`).
    """
    small = list_small(data, split) if split != "test" else []
    return [*_tiny_imagenet(data, split), *small, *_dogs_and_cats(data, split)]


def list_small(data: Path, split: str) -> list[Item]:
    """Pictures of 32 pixels; the only song birds."""
    return list(_cifar(data, split))


def list_sounds(data: Path, split: str) -> list[Item]:
    """Recordings of one split, likewise."""
    return [*_esc(data, split), *_animal_sounds(data, split)]


def list_outside(data: Path, kind: str) -> list[Item]:
    """`kind` "photos" or "sounds": files of none of the classes, from elsewhere, that do not occur in training."""
    folder = _need(Path(data) / "outside" / f"{kind}_other")
    trained = outlier_classes(data)[0] if kind == "photos" else ()  # the photos' names begin with ImageNet's number of what they show
    return [Item(p, NONE, "outside", p.stem) for p in sorted(folder.iterdir()) if p.stem.split("_")[0] not in trained]


def list_unlabelled(data: Path) -> list[Path]:
    """Photos that distillation uses uncropped; there may be none."""
    return sorted((Path(data) / "outside" / "coco_mini").glob("*.jpg"))


def outlier_classes(data: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """WNIDs of Tiny-ImageNet that are no class of the task: those used in training, and those held out to measure rejection."""
    others = [w for w in _wnids(data) if w not in LABEL_OF and w not in (PENGUIN, LAKE)]
    return tuple(w for i, w in enumerate(others) if i % HELD_OUT), tuple(others[::HELD_OUT])


def _need(path: Path) -> Path:
    if not path.exists():
        raise FusionError("The task scenes needs {folder}/{file} in the data folder.", folder=path.parent.name, file=path.name)
    return path


def _part(index: int) -> str:
    return {7: "val", 8: "test", 9: "test"}.get(index % 10, "train")


def _wnids(data: Path) -> list[str]:
    return sorted(p.name for p in _need(Path(data) / "tiny-imagenet-200" / "train").iterdir())


def _tiny_imagenet(data: Path, split: str) -> Iterator[Item]:
    trained, held_out = outlier_classes(data)
    wanted = set(LABEL_OF) | set(held_out if split == "test" else trained)
    root = Path(data) / "tiny-imagenet-200"
    if split == "test":
        lines = [line.split("\t") for line in (root / "val" / "val_annotations.txt").read_text().splitlines()]
        found = [(root / "val" / "images" / name, wnid) for name, wnid, *_ in lines]
    else:
        found = []
        for wnid in sorted(wanted):
            paths = sorted((root / "train" / wnid / "images").iterdir())
            cut = len(paths) * 9 // 10
            found += [(p, wnid) for p in (paths[:cut] if split == "train" else paths[cut:])]
    yield from (Item(p, LABEL_OF.get(w, NONE), "tiny-imagenet", w) for p, w in found if w in wanted)


def _cifar(data: Path, split: str) -> Iterator[Item]:
    """Birds of many kinds; the other classes only add pictures of little detail. Ships are left out, since they show the sea."""
    for folder in sorted(_need(Path(data) / "cifar10" / "train").iterdir()):
        if folder.name != "ship":
            files = enumerate(sorted(folder.iterdir()))
            label = CIFAR_LABELS.get(folder.name, NONE)
            yield from (Item(p, label, "cifar10", folder.name) for i, p in files if _part(i) == split)


def _dogs_and_cats(data: Path, split: str) -> Iterator[Item]:
    for name in ("cat", "dog"):
        files = enumerate(sorted(_need(Path(data) / "photos" / name).glob("*.jpg")))
        yield from (Item(p, LABELS.index(name), "photos", name) for i, p in files if _part(i) == split)


def _esc(data: Path, split: str) -> Iterator[Item]:
    folds = {"train": "123", "val": "4", "test": "5"}[split]
    with (_need(Path(data) / "esc50" / "meta") / "esc50.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["fold"] in folds and r["category"] not in ROOSTERS]
    for row in rows:
        label = ESC_LABELS.get(row["category"], NONE)
        path = Path(data) / "esc50" / "audio" / row["filename"]
        if label != NONE or (row["category"] in ESC_HELD_OUT) == (split == "test"):
            yield Item(path, label, "esc10", row["category"])


def _animal_sounds(data: Path, split: str) -> Iterator[Item]:
    """Files with adjacent numbers are often parts of one recording: each class is split into contiguous ranges, not at random."""
    for folder in sorted(_need(Path(data) / "animal_sounds").iterdir()):
        label = LABELS.index(folder.name) if folder.name in LABELS else NONE
        if folder.name in ROOSTERS or label == NONE and (folder.name in SPECIES_HELD_OUT) != (split == "test"):
            continue
        paths = sorted(folder.iterdir())
        for i, path in enumerate(paths):
            in_split = (label == NONE and split == "test") or _part(10 * i // len(paths)) == split  # held-out species are all for test
            if in_split and path.stem not in NOT_THE_ANIMAL:
                yield Item(path, label, "animal_sounds", folder.name)


def data_hash(data: Path) -> dict[str, str]:
    """SHA-256 over names and sizes of the files of each source, which identifies the data of a report."""
    hashes = {}
    for name in ("tiny-imagenet-200", "cifar10", "photos", "esc50", "animal_sounds", "captions", "outside"):
        files = sorted(p for p in (Path(data) / name).rglob("*") if p.is_file())
        lines = "\n".join(f"{p.relative_to(data).as_posix()} {p.stat().st_size}" for p in files)
        hashes[name] = hashlib.sha256(lines.encode()).hexdigest()
    return hashes
