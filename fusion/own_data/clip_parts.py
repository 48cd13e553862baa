"""Form 4: where a sample is one clip, its pictures and its sound are two modalities on one clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from fusion.messages import message
from fusion.own_data.samples import Column

LOOKED_AT = 16  # clips
Media = dict[str, list[Any]]


def with_sound(media: Media, kinds: dict[str, str], columns: list[Column]) -> tuple[Media, dict[str, str], list[Column]]:
    """Adds the sound of the clips as a modality where there is one column of clips, most have sound, and no other sound is given."""
    clips = [m for m, kind in kinds.items() if kind == "video"]
    if len(clips) != 1 or "audio" in kinds.values():
        return media, kinds, columns
    there = [v for v in media[clips[0]] if isinstance(v, Path)][:LOOKED_AT]
    if not there or sum(map(has_sound, there)) * 2 < len(there):
        return media, kinds, columns
    name = "sound" if "sound" not in kinds else f"{clips[0]}_sound"
    source = next(c for c in columns if c.modality == clips[0])
    added = Column(source.name, "audio", message("the sound of the clips"), source.example, source.missing, name)
    return media | {name: list(media[clips[0]])}, kinds | {name: "audio"}, [*columns, added]


def has_sound(path: Path) -> bool:
    """Whether a clip has a sound track; False where it cannot be opened."""
    try:
        with av.open(str(path)) as clip:
            return bool(clip.streams.audio)
    except (OSError, ValueError):
        return False
