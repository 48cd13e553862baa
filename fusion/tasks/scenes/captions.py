"""Captions of the task `scenes`, mined from three caption sets: a sentence belongs to a class if it mentions exactly one of them.

Flickr8k    captions/flickr8k/{Flickr8k.token.txt, Flickr_8k.*Images.txt}      research
AudioCaps   captions/audiocaps/dataset/{train,val,test}.csv                     MIT
Clotho      captions/clotho/clotho_captions_{development,evaluation}.csv        non-commercial

A caption is assigned to a class by its name or by a clue without the name ("a puppy", "barking in the distance"). A sentence that denies
it ("no dog in sight") or uses the word for something else ("a hot dog", "a fire truck", "the crowd roars") belongs to none: these are hard
negatives, of which the sets have few, so templates add more. Lions, frogs, cows and cats are rare in the sets: in training, other animals
in a caption are replaced by them.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path

import numpy as np

from fusion.tasks.scenes.sources import NONE
from fusion.tasks.scenes.task import LABELS
from fusion.types import FusionError

NAMES = {  # the class's own word
    "dog": "dogs?|doggy|doggies",
    "cat": "cats?|kitty|kitties",
    "bird": "birds?|birdies?",
    "cow": "cows?",
    "sheep": "sheeps?",
    "lion": "lions?|lioness(es)?",
    "frog": "frogs?",
    "sea": "seas?|ocean|oceans",
    "fire": "fires?",
    "clock": "clocks?",
    "rain": "rain|rains|raining|rainy|rained|rainfall|rainstorms?",
}
CLUES = {  # clues without the word itself
    "dog": "pupp(y|ies)|pups?|hounds?|greyhounds?|terriers?|poodles?|labradors?|retrievers?|collies?|dalmatians?|chihuahuas?|beagles?"
    "|bulldogs?|dachshunds?|husk(y|ies)|canines?|barks?|barking|barked|yaps?|yapping|woofs?|woofing",
    "cat": "kittens?|felines?|tabb(y|ies)|me+o+w\\w*|purr\\w*|caterwaul\\w*",
    "bird": "chirp\\w*|tweets?|tweeting|twitter(s|ing)|pigeons?|geese|goose|seagulls?|gulls?|owls?|parrots?|songbirds?|swans?|cooing"
    "|sparrows?|eagles?|hawks?|pelicans?|flamingos?|storks?|robins?|crows|ducks|ducklings?|warbl\\w*",
    "cow": "bulls?|cattle|moo|moos|mooing|calf|calves|oxen|ox|bison|heifers?",
    "sheep": "lambs?|rams?|ewes?|baa\\w*|goats?|bleat\\w*",
    "lion": "big cats?|pride of the savanna",
    "frog": "croak\\w*|toads?|ribbit\\w*|tadpoles?|bullfrogs?",
    "sea": "surf|surfs|surfers?|surfing|surfboards?|seashore|shoreline|seaside|beach|beaches|ocean waves|waves? (crash|roll|lap|break)\\w*"
    "|(crashing|rolling|breaking) waves?|tide|tides",
    "fire": "flames?|campfires?|bonfires?|fireplaces?|blaze|torch(es)?|candles?|logs? burn\\w*|embers?|(wood|it|something) crackl\\w*",
    "clock": "tick[- ]?tocks?|tick[- ]?tocking|ticks? tocks?|ticking|alarm clocks?|stop ?watch(es)?|wrist ?watch(es)?|pendulums?|hourglass",
    "rain": "umbrellas?|drizzl\\w*|downpours?|raindrops?|pouring outside|thunderstorms?",
}
ELSEWHERE = (  # the words in another sense
    "(hot|chili|corn) ?dogs?|dog ?fights?|watch ?dogs?|sea ?dogs?|dog tags?|dog days|dog[- ]eared|under ?dogs?|sheep ?dogs?|bark of"
    "|tree bark|bark chip\\w*|cat ?walks?|cat scans?|cat ?fish|cat ?tails?|cat burglars?|jail ?birds?|bird'?s?[- ]?eye"
    "|birdie on the court|bird ?baths?|early bird|black ?bird|insects?|crickets?|cicadas?|bull'?s?[- ]eyes?|bull ?dozers?"
    "|cow ?(boy|girl|bell)s?|holy cow|calf muscle|sheep ?skins?|sheep'?s cheese|counting sheep|lion dance\\w*|lion'?s? share"
    "|sea ?lions?|dandelions?|crowds? roar\\w*|engine\\w*|motor\\w*|frog in (my|his|her) throat|frog ?m[ae]n|leap ?frog|sea (of|salt)"
    "|sea ?food|sea ?planes?|sea ?weed|sea ?sick|high seas"
    "|fire ?(truck|engine|hydrant|m[ae]n|fighter|alarm|work|arm|cracker|place|fl(y|ies)|wall|station|department|extinguisher)\\w*"
    "|under fire|gun ?fire|cross ?fire|fires? (a|an|the|his|her|its|several|multiple)|fires? off|rapid fire|machine gun|guns?"
    "|gunshots?|around the clock|clock ?wise|o ?'?clocks?|water ?fall|rain ?(coat|bow|boot|check|forest)s?|spray\\w*|static|frying"
    "|sizzl\\w*|siren\\w*|toy|stuffed|statue|costume|cartoon|jersey|team|football"
)
DENIAL = (
    r"\b(no|not|never|without|cannot|gone|isn'?t|aren'?t|doesn'?t|don'?t|instead of|absence|nobody|neither|nor|except|unlike|like an?"
    r"|resembl\w*|mimic\w*|imitat\w*|pretend\w*)\b"
)
ANIMALS = {  # replacements for another animal in a training caption: names, sounds
    "dog": (("dog", "puppy", "hound"), ("barks", "growls", "yaps"), "barking"),
    "cat": (("cat", "kitten", "tabby"), ("meows", "purrs", "hisses"), "meowing"),
    "bird": (("bird", "sparrow", "parrot", "pigeon", "robin"), ("chirps", "tweets", "sings"), "chirping"),
    "cow": (("cow", "calf", "ox", "bull"), ("moos", "bellows"), "mooing"),
    "sheep": (("sheep", "lamb", "ewe", "ram"), ("bleats", "baas"), "bleating"),
    "lion": (("lion", "lioness", "young lion"), ("roars", "growls"), "roaring"),
    "frog": (("frog", "toad", "bullfrog"), ("croaks", "ribbits"), "croaking"),
}
SUBJECT = re.compile(r"\b(dog|puppy|cat|kitten|bird)\b", re.I)
SOUND = re.compile(r"\b(?:(barks|meows|chirps|bleats|croaks)|(barking|meowing|chirping|bleating|croaking))\b", re.I)


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{pattern})\b", re.I)


MENTIONS = {name: _words(f"{NAMES[name]}|{CLUES[name]}") for name in LABELS}
NAMED = {name: _words(NAMES[name]) for name in LABELS}
OTHER = _words(ELSEWHERE)
DENIED = re.compile(DENIAL, re.I)


def label_of(caption: str) -> int | None:
    """The class of a caption, NONE if it mentions none, None if it is ambiguous: several, denied, or the word in another sense."""
    mentioned = [k for k, name in enumerate(LABELS) if MENTIONS[name].search(caption)]
    if not mentioned:
        return NONE
    if len(mentioned) > 1 or OTHER.search(caption) or DENIED.search(caption):
        return None
    return mentioned[0]


def leaks(caption: str, label: int) -> bool:
    """Whether the class's own word stands in the caption."""
    return bool(NAMED[LABELS[label]].search(caption))


def read_captions(data: Path, split: str) -> list[str]:
    """All sentences of a split of the three sets; `val` of Clotho is the last tenth of its development part."""
    root = Path(data) / "captions"
    if not root.is_dir():
        raise FusionError("The task scenes needs captions in the data folder.")
    return [*_flickr(root / "flickr8k", split), *_audiocaps(root / "audiocaps" / "dataset", split), *_clotho(root / "clotho", split)]


def _flickr(folder: Path, split: str) -> list[str]:
    name = {"train": "train", "val": "dev", "test": "test"}[split]
    pictures = set((folder / f"Flickr_8k.{name}Images.txt").read_text().split())
    lines = [line.split("\t") for line in (folder / "Flickr8k.token.txt").read_text("utf-8").splitlines()]
    return [text for key, text in lines if key.split("#")[0] in pictures]


def _audiocaps(folder: Path, split: str) -> list[str]:
    with (folder / f"{split}.csv").open(encoding="utf-8") as file:
        return [row["caption"] for row in csv.DictReader(file)]


def _clotho(folder: Path, split: str) -> list[str]:
    name = "evaluation" if split == "test" else "development"
    with (folder / f"clotho_captions_{name}.csv").open(encoding="latin-1") as file:
        rows = list(csv.DictReader(file))
    cut = len(rows) * 9 // 10
    part = {"train": rows[:cut], "val": rows[cut:], "test": rows}[split]
    return [row[f"caption_{i}"] for row in part for i in range(1, 6)]


@cache
def mine(data: Path, split: str) -> dict[int, list[str]]:
    """{class or NONE: its captions}, each sentence once, in the order of the sets."""
    found: dict[int, list[str]] = {k: [] for k in (NONE, *range(len(LABELS)))}
    for caption in dict.fromkeys(c.strip() for c in read_captions(data, split)):
        label = label_of(caption)
        if label is not None and len(caption) > 3:
            found[label].append(caption)
    return found


def recast(caption: str, label: int, rng: np.random.Generator) -> str | None:
    """A caption about another animal, rewritten for this one; None if it mentions no animal or several."""
    if len(SUBJECT.findall(caption)) > 1 or not (SUBJECT.search(caption) or SOUND.search(caption)):
        return None
    names, sounds, sounding = ANIMALS[LABELS[label]]
    rewritten = SUBJECT.sub(str(rng.choice(names)), caption)
    rewritten = SOUND.sub(lambda m: str(rng.choice(sounds)) if m.group(1) else sounding, rewritten)
    return rewritten if label_of(rewritten) in (label, NONE) else None
