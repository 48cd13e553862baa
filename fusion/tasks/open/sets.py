"""What typed labels are measured on: photos and sounds whose names nobody trained on as labels.

    photos      ten typed names over photos of outside/photos_other and photos/{cat,dog}
    sounds      ten typed names over animal_sounds and ESC-10
    coco        outside/coco_mini: 80 names of its objects, and its captions
    esc10       the ten names of ESC-10, with the fold of each sound

The encoders' teachers saw ImageNet's photos and AudioSet's sounds with their own names; the student of the sounds was distilled on sounds
of ESC-10 and of animals, without their names. The sets measure what typed names add to that.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from fusion.types import FusionError

PHOTOS = {  # typed name: other wordings, and what stands in the file names of its photos
    "dog": (("a puppy", "canine"), ()),
    "cat": (("kitten", "feline"), ()),
    "fish": (("sea fish", "a swimming fish"), ("goldfish", "great_white_shark", "electric_ray", "sturgeon", "lionfish", "puffer")),
    "insect": (("bug", "creepy-crawly"), ("ant", "grasshopper", "cricket", "walking_stick", "mantis", "leafhopper", "lycaenid")),
    "mushroom": (("fungus", "toadstool"), ("gyromitra", "stinkhorn", "hen-of-the-woods")),
    "fruit": (("fresh fruit", "sweet fruit"), ("strawberry", "fig", "pineapple", "custard_apple")),
    "truck": (("lorry", "heavy goods vehicle"), ("fire_engine", "garbage_truck", "trailer_truck")),
    "ship": (("boat", "vessel at sea"), ("aircraft_carrier", "gondola", "liner", "submarine", "wreck")),
    "train": (("railway carriage", "locomotive"), ("freight_car", "passenger_car")),
    "tool": (("hand tool", "workshop tool"), ("hatchet", "screwdriver", "power_drill", "chain_saw", "can_opener", "corkscrew")),
}
SOUNDS = {  # typed name: other wordings, folder or category
    "dog": (("a puppy barking", "canine"), "dog"),
    "cat": (("kitten", "a meowing cat"), "cat"),
    "bird": (("songbird", "birdsong"), "bird"),
    "cow": (("cattle", "mooing"), "cow"),
    "sheep": (("a lamb", "bleating"), "sheep"),
    "lion": (("a roaring lion", "big cat"), "lion"),
    "frog": (("croaking", "a toad"), "frog"),
    "rain": (("rainfall", "raindrops"), "rain"),
    "clock": (("ticking", "wall clock"), "clock_tick"),
    "helicopter": (("chopper", "rotorcraft"), "helicopter"),
}
OBJECTS = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant", "stop sign",
    "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat", "baseball glove", "skateboard",
    "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase",
    "scissors", "teddy bear", "hair drier", "toothbrush",
)  # fmt: skip
ANIMALS_KEPT = 40  # sounds of a species, every third one


@dataclass(frozen=True)
class Item:
    """A file, the typed name of what it shows, and its part ("fold 3"), if the set has parts."""

    path: Path
    label: str
    part: str = ""


@dataclass(frozen=True)
class Scene:
    """A photo of several things: the names of its objects, and its captions."""

    path: Path
    objects: frozenset[str]
    captions: tuple[str, ...]


def list_photos(data: Path) -> list[Item]:
    """Photos with one of the ten typed names."""
    folder = need(data / "outside" / "photos_other")
    files = {path.stem.split("_", 1)[1]: path for path in sorted(folder.iterdir())}
    found = [Item(files[name], label) for label, (_, names) in PHOTOS.items() for name in names if name in files]
    return [*found, *(Item(path, label) for label in ("cat", "dog") for path in sorted(need(data / "photos" / label).glob("*.jpg"))[::50])]


def other_photos(data: Path) -> list[Path]:
    """Photos with none of the ten typed names."""
    used = {item.path for item in list_photos(data)}
    return [path for path in sorted(need(data / "outside" / "photos_other").iterdir()) if path not in used]


def list_sounds(data: Path) -> list[Item]:
    """Sounds with one of the ten typed names."""
    species = {folder: label for label, (_, folder) in SOUNDS.items()}
    animals = [
        Item(path, species[folder.name])
        for folder in sorted(need(data / "animal_sounds").iterdir())
        if folder.name in species
        for path in sorted(folder.glob("*.ogg"))[::3][:ANIMALS_KEPT]
    ]
    others = [Item(item.path, species[item.label]) for item in list_esc(data) if item.label in species and item.label != "dog"]
    return animals + others


def other_sounds(data: Path) -> list[Path]:
    """Sounds with none of the ten typed names."""
    return sorted(need(data / "outside" / "sounds_other").iterdir())


def list_esc(data: Path) -> list[Item]:
    """ESC-10 with its own names of categories and folds."""
    folder = need(data / "esc50")
    with need(folder / "meta" / "esc50.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    named = [(row, Path(row["filename"]).stem) for row in rows if row["esc10"] == "True"]
    files = {path.stem: path for path in (folder / "audio").iterdir()}
    return [Item(files[stem], row["category"], f"fold {row['fold']}") for row, stem in named if stem in files]


def list_scenes(data: Path) -> list[Scene]:
    """Photos of COCO with their objects and captions."""
    folder = need(data / "outside" / "coco_mini")
    rows = json.loads(need(folder / "captions.json").read_text("utf-8"))
    return [
        Scene(folder / name, frozenset(found["name"] for found in row["objects"]), tuple(row["captions"])) for name, row in rows.items()
    ]


def need(path: Path) -> Path:
    """The path, which must exist."""
    if not path.exists():
        raise FusionError(
            "The typed labels are measured on {folder}/{file}, which is not in the data folder.", folder=path.parent.name, file=path.name
        )
    return path
