"""Makes the encoder of each modality of a data set, saves it in a lab, and loads it from there."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusion.config import CHECKPOINTS, EncoderConfig, load_config
from fusion.encoders import CLASSICAL, ENCODERS, Encoder
from fusion.model import build_encoder, load_encoder, load_weights, save_weights
from fusion.own_data.encoders.base import OwnEncoder
from fusion.own_data.encoders.series import SeriesStatistics
from fusion.own_data.encoders.tables import TableColumns, levels_of
from fusion.own_data.encoders.texts import TextFeatures
from fusion.own_data.encoders.trunks import TrunkFeatures
from fusion.own_data.encoders.vectors import StandardisedVector
from fusion.own_data.kinds import TABLE
from fusion.own_data.media import load_medium
from fusion.own_data.samples import Samples
from fusion.paths import BACKBONE, encoder_folder
from fusion.tasks import TASKS
from fusion.types import MODALITIES, FusionError

EMBED_DIM = 192
SHIPPED = "shipped"
FITTED_ON = 256  # media, for what an encoder has to know of all of them


@dataclass(frozen=True)
class Saved:
    """What is written beside the weights: how to build the encoder."""

    kind: str
    embed_dim: int
    options: dict[str, Any]
    inner: dict[str, Any] | None


def shipped_encoder(kind: str) -> Encoder[Any]:
    """The encoder that the project ships for a kind of medium, of the task that lends it."""
    task, modality = next((task, m) for task in TASKS.values() for m in task.lends if task.kinds[m] == kind)
    return load_encoder(encoder_folder(CHECKPOINTS, task, modality, task.encoders[modality]))


def build_encoders(samples: Samples, choice: str | Mapping[str, str] = SHIPPED, embed_dim: int = EMBED_DIM) -> dict[str, OwnEncoder[Any]]:
    """{modality: encoder}, projections not fitted.

    Args:
        choice: "shipped", "classical", or {modality: name of an encoder, or "backbone:<hub id or path>"}.

    Raises:
        FusionError: an unknown modality or encoder, in one sentence.
    """
    named = {} if isinstance(choice, str) else dict(choice)
    if unknown := sorted(named.keys() - samples.kinds.keys()):
        raise FusionError(
            "There is no modality named {modality!r}; there are {modalities}.", modality=unknown[0], modalities=list(samples.kinds)
        )
    if isinstance(choice, str) and choice not in (SHIPPED, "compact", "classical"):
        raise FusionError(
            "There is no set of encoders named {encoders!r}; there are {known}.", encoders=choice, known=[SHIPPED, "classical"]
        )
    classical = CLASSICAL if choice == "classical" else {}
    return {m: _build_one(samples, m, named.get(m, classical.get(kind, SHIPPED)), embed_dim).eval() for m, kind in samples.kinds.items()}


def _build_one(samples: Samples, modality: str, name: str, embed_dim: int) -> OwnEncoder[Any]:
    kind = samples.kinds[modality]
    values = samples.media[modality]
    if kind in MODALITIES:
        inner = inner_encoder(kind, name)
        if name in ENCODERS:
            _teach(inner, kind, values)
        return (TextFeatures if kind == "text" else TrunkFeatures)(inner, name, embed_dim)
    if name != SHIPPED:
        raise FusionError("The modality {modality} has one encoder only.", modality=modality)
    if kind == TABLE:
        return TableColumns(embed_dim, levels_of(values, samples.table_columns))
    some = examples_of(kind, values)
    if not some:
        raise FusionError("None of the files of {modality} can be read.", modality=modality)
    if kind == "vector":
        return StandardisedVector(embed_dim, most_common([x.size for x in some]))
    series = SeriesStatistics(embed_dim, most_common([int(np.prod(x.shape[1:])) for x in some]))
    series.learn(some)
    return series


def examples_of(kind: str, values: list[Any], count: int = FITTED_ON) -> list[Any]:
    """Some media, evenly over all of them; those that cannot be read are passed over."""
    there = [v for v in values if v is not None]
    found = []
    for value in there[:: 1 + len(there) // count]:
        try:
            found.append(load_medium(kind, value))
        except FusionError:
            continue
    return found


def most_common(numbers: list[int]) -> int:
    return max(set(numbers), key=numbers.count)


def inner_encoder(kind: str, name: str) -> Encoder[Any]:
    """A frozen encoder for a kind of medium."""
    if name == SHIPPED:
        return shipped_encoder(kind)
    if name.startswith(BACKBONE):
        from fusion.encoders.backbone import load_backbone

        return load_backbone(name.removeprefix(BACKBONE), kind)
    if name not in ENCODERS or ENCODERS[name].modality != kind:
        known = [n for n, e in ENCODERS.items() if e.modality == kind]
        raise FusionError(
            "There is no encoder named {name!r}; there are {known} and {prefix}<hub id or path>.", name=name, known=known, prefix=BACKBONE
        )
    return build_encoder(EncoderConfig(name)).eval()


def _teach(inner: Encoder[Any], kind: str, values: list[Any]) -> None:
    """Fits the vocabulary of a classical encoder to the data set's own media."""
    learn = getattr(inner, "learn", None)
    if learn is not None:
        learn(examples_of(kind, values, 1000))


def save_encoder(folder: Path, encoder: OwnEncoder[Any]) -> None:
    """Weights and configuration; of a pretrained backbone only the projections."""
    inner = getattr(encoder, "inner", None)
    about: dict[str, Any] = {}
    state = encoder.state_dict()
    if inner is not None:
        name = encoder.options()["name"]
        about = {"source": name, "modality": inner.modality}
        if name.startswith(BACKBONE):
            state = {k: v for k, v in state.items() if not k.startswith("inner.")}
        else:
            kind = next(n for n, c in ENCODERS.items() if type(inner) is c)
            about |= {"name": kind, "embed_dim": inner.embed_dim, "options": inner.options()}
    options = {"kind": encoder.modality, "embed_dim": encoder.embed_dim, "own": encoder.options(), "inner": about}
    save_weights(folder, state, EncoderConfig("own_data", options), half=inner is not None)


def load_own_encoder(folder: Path) -> OwnEncoder[Any]:
    """An encoder that `save_encoder` wrote, in eval mode on the CPU.

    Raises:
        FusionError: it is missing or damaged, in one sentence.
    """
    config = load_config(folder / "config.json", EncoderConfig)
    state = load_weights(folder)
    try:
        kind, width, own, about = (config.options[k] for k in ("kind", "embed_dim", "own", "inner"))
        encoder: OwnEncoder[Any]
        if about:
            encoder = (TextFeatures if kind == "text" else TrunkFeatures)(_inner_of(about), about["source"], width)
        else:
            kinds: dict[str, type[OwnEncoder[Any]]] = {"series": SeriesStatistics, "vector": StandardisedVector, "table": TableColumns}
            encoder = kinds[kind](width, **own)
        missing, unexpected = encoder.load_state_dict(state, strict=False)
        if unexpected or any(not key.startswith("inner.") for key in missing):
            raise FusionError("The weights in {folder} do not fit their configuration.", folder=folder.name)
    except FusionError:
        raise
    except Exception as error:  # options of a wrong kind fail wherever they are first used
        raise FusionError("The weights in {folder} do not fit their configuration.", folder=folder.name) from error
    return encoder.eval()


def _inner_of(about: dict[str, Any]) -> Encoder[Any]:
    if about["source"].startswith(BACKBONE):
        return inner_encoder(about["modality"], about["source"])
    takes_width = "embed_dim" in inspect.signature(ENCODERS[about["name"]]).parameters
    width = {"embed_dim": about["embed_dim"]} if takes_width else {}
    return build_encoder(EncoderConfig(about["name"], width | about["options"])).eval()
