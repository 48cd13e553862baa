"""Finds out in which of six forms a data set comes, and reads it as a table.

    1  metadata.csv, .jsonl or .parquet beside media, one for all or one per split      folder_tables.py
    2  folders of classes, files of one stem are one sample                             class_folders.py
    3  WebDataset shards: .tar files                                                    archives.py, then form 2
    4  one clip per sample: its pictures and its sound are two modalities               clip_parts.py, for all forms
    5  one .npy or .npz file per modality, rows in the same order                       array_files.py
    6  one .npz per split with an array per modality, a CSV of the same rows beside it   array_files.py

A .zip file is unpacked first.
"""

from __future__ import annotations

import os
from pathlib import Path

from fusion.own_data.archives import unpacked
from fusion.own_data.array_files import read_arrays
from fusion.own_data.class_folders import read_folders
from fusion.own_data.folder_tables import read_tables
from fusion.own_data.samples import Table
from fusion.types import FusionError


def read_form(data: str | os.PathLike[str]) -> tuple[str, Table]:
    """A data set's name and its table.

    Raises:
        FusionError: nothing is there, or nothing that can be read, in one sentence.
    """
    path = Path(data).expanduser()
    name = path.name or path.resolve().name
    if not path.exists():
        raise FusionError("There is no folder or file {data}.", data=str(data))
    root = unpacked(path)
    if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
        raise FusionError("The folder {data} cannot be read.", data=str(data))
    for read in (read_arrays, read_tables, read_folders):
        table = read(root)
        if table is not None:
            return name, table
    if root.is_dir() and not any(root.iterdir()):
        raise FusionError("The folder {data} is empty.", data=name)
    raise FusionError("{data} holds no table, no folders of media and no arrays.", data=name)
