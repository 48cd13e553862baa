"""Kinds of columns, and which file endings belong to which."""

from __future__ import annotations

from pathlib import PurePath
from typing import Literal, get_args

MediaKind = Literal["image", "text", "audio", "video", "series", "vector"]
Kind = Literal[
    "image", "text", "audio", "video", "series", "vector", "number", "category", "date", "id", "label", "group", "split", "ignore"
]
KINDS: tuple[str, ...] = get_args(Kind)
MEDIA: tuple[str, ...] = get_args(MediaKind)
FILES = ("image", "audio", "video", "series", "vector")  # kinds that are always in files or arrays
TABLE = "table"  # the modality of all numbers and categories together
SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}  # names of splits in files, folders and columns
ENDINGS: dict[str, str] = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "tif", "tiff", "avif", "ppm", "pgm"), "image"),
    **dict.fromkeys(("wav", "mp3", "ogg", "oga", "opus", "flac", "m4a", "aac", "aif", "aiff", "wma", "au"), "audio"),
    **dict.fromkeys(("mp4", "m4v", "mov", "webm", "mkv", "avi", "mpg", "mpeg", "wmv", "flv", "ogv", "3gp"), "video"),
    **dict.fromkeys(("txt", "md"), "text"),
    **dict.fromkeys(("npy", "npz"), "series"),  # or a vector: the array's shape says which
}


def kind_of_file(name: str) -> str | None:
    """The kind of medium that a file name ends like; None where it is none."""
    return ENDINGS.get(PurePath(name).suffix[1:].lower())


def split_of(name: str) -> str | None:
    """ "train", "val" or "test" for one of the usual names of splits."""
    return SPLITS.get(name.strip().lower())
