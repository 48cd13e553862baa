"""Encoders -> strategy -> head: the whole model in one forward, and how it is saved and loaded (safetensors and JSON, nothing else).

A checkpoint folder of a task:

    checkpoints/<task>/encoders/<modality>/{model.safetensors, config.json, README.md}     shared by all strategies, and by other tasks
    checkpoints/<task>/<strategy>/{model.safetensors, config.json, README.md}              the strategy and its head
    checkpoints/<task>/<strategy>/calibration.json     its temperatures (`fusion.heads.temperature`); without the file all are 1
    checkpoints/<task>/open_set/{model.safetensors, config.json}     what tells "none of these" (`fusion.heads.open_set`), if anything does

Beside them lies SHA256SUMS (see `fusion.files`), with which weights and configurations are compared when they are loaded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from fusion.compact_weights import compress, expand, load_from_files, save_in_files
from fusion.config import EncoderConfig, OpenSetConfig, StrategyConfig, load_config, save_config
from fusion.encoders import ENCODERS, Encoder
from fusion.encoders.centring import measure_shift
from fusion.files import forget_checksum, load_json, save_json, save_tensors
from fusion.heads.localization import LocalizationHead, Location
from fusion.heads.open_set import OpenSet
from fusion.heads.temperature import Temperatures, every_subset
from fusion.strategies import STRATEGIES, Strategy, Unimodal
from fusion.tasks import Task
from fusion.types import Features, FusionError, FusionOutput

SHIFT_NUMBERS = {"image": 2, "audio": 1, "video": 3}  # of `EncoderConfig.shift`, where there is one
Batch = dict[str, tuple[Tensor, Tensor]]  # {modality: (values, mask)} as `fusion.encoders.collate` makes them


class Fused(NamedTuple):
    output: FusionOutput
    logits: Tensor  # (B, K)
    place: Location | None = None  # of tasks that ask where, when there is a picture


class FusionModel(nn.Module):
    """Encoders, one strategy and its heads. Several models may share the same encoders; `grid` > 0 adds the localization head."""

    def __init__(self, encoders: Mapping[str, Encoder | None], strategy: Strategy, grid: int = 0, picture: str = "image") -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(cast("dict[str, nn.Module]", dict(encoders)))  # torch takes None as well
        self.strategy = strategy
        self.head = strategy.build_head()
        self.temperatures = Temperatures(strategy.modalities)
        self.place = LocalizationHead(strategy.out_dim, strategy.token_dim, grid, picture) if grid else None
        self.picture = picture

    def encode(self, batch: Batch) -> dict[str, Features]:
        return {m: self.encoders[m](*batch[m]) for m in self.strategy.modalities if m in batch}

    def fuse(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> Fused:
        """Logits are calibrated: their softmax is what is shown as probabilities."""
        output = self.strategy(features, present, need_attention)
        return Fused(output, self.temperatures(self.head(output.fused), present), self.locate(output, features))

    def fuse_subsets(self, features: dict[str, Features], present: Tensor, need_attention: bool = False) -> Fused:
        """One sample (features of batch one) in B subsets of its modalities, and where it is in the first of them, row 0."""
        output = self.strategy(features, present, need_attention)
        return Fused(output, self.temperatures(self.head(output.fused), present), self.locate(output.first(), features))

    def locate(self, output: FusionOutput, features: dict[str, Features]) -> Location | None:
        """Where the answer is, in tasks that ask for it; None without a picture."""
        if self.place is None or self.picture not in features or self.picture not in self.strategy.modalities:
            return None
        location: Location = self.place(output)
        return location

    def forward(self, batch: Batch, present: Tensor, need_attention: bool = False) -> Fused:
        """Encode, fuse, decide; `present` (B, M) in the order of `strategy.modalities`."""
        return self.fuse(self.encode(batch), present, need_attention)


def build_encoder(config: EncoderConfig) -> Encoder:
    if config.name not in ENCODERS:
        raise FusionError("There is no encoder named {name!r}; there are {known}.", name=config.name, known=list(ENCODERS))
    return ENCODERS[config.name](**config.options)


def build_strategy(config: StrategyConfig) -> Strategy:
    """The strategy of a configuration; `image_only` and so on are the unimodal baselines."""
    kind = Unimodal if config.name.endswith("_only") else STRATEGIES.get(config.name)
    if kind is None:
        raise FusionError("There is no strategy named {name!r}; there are {known}.", name=config.name, known=list(STRATEGIES))
    return kind(config.modalities, config.embed_dim, config.num_classes, **config.options)


def strategy_options(task: Task, name: str) -> dict[str, Any]:
    """Arguments that a strategy is built with for a task, beside modalities, width and classes."""
    kind = STRATEGIES.get(name)
    if kind is None:
        return {}
    questions = {question: len(answers) for question, answers in task.heads.questions.items()}
    return kind.options_for(questions, task.heads.localization is not None, dict(task.kinds))


def picture_of(task: Task) -> str:
    """The modality that a task which asks where looks in."""
    where = task.heads.localization
    return where.image if where else "image"


def grid_of(task: Task, modalities: tuple[str, ...]) -> int:
    """Image tokens along one side where the task asks for a place and the picture is among the modalities, else 0."""
    where = task.heads.localization
    return where.grid if where and where.image in modalities else 0


def save_weights(folder: Path, state: dict[str, Tensor], config: EncoderConfig | StrategyConfig, half: bool = False) -> None:
    """Writes the weights whole or not at all: a broken run never harms a finished checkpoint. `half`: 16 bits for each number."""
    dtype = torch.float16 if half else torch.float32
    plain = {k: v.detach().to(dtype).cpu() if v.is_floating_point() else v.cpu() for k, v in state.items()}
    save_tensors(folder / "model.safetensors", plain)
    save_config(folder / "config.json", config)


def load_weights(folder: Path) -> dict[str, Tensor]:
    """The weights in a folder; a missing or damaged file is one sentence."""
    return expand(load_from_files(folder))


def save_compact_encoder(folder: Path, encoder: Encoder, config: EncoderConfig) -> None:
    """Writes the weights of an encoder with 8 bits for each number, in files of limited size."""
    save_in_files(folder, compress(encoder.state_dict()))
    save_config(folder / "config.json", config)


def load_encoder(folder: Path) -> Encoder:
    """An encoder in eval mode, on the CPU.

    Raises:
        FusionError: weights or configuration are missing or damaged, or do not fit one another, in one sentence.
    """
    config, state = load_config(folder / "config.json", EncoderConfig), load_weights(folder)
    try:
        encoder = build_encoder(config)
        encoder.load_state_dict(state)
        if len(config.shift) not in (0, SHIFT_NUMBERS.get(encoder.modality, 0)):
            raise FusionError("The configuration in {folder} has an invalid value for shift.", folder=folder.name)
        encoder.shift = tuple(float(value) for value in config.shift)
    except FusionError:
        raise
    except Exception as error:  # options of a wrong kind fail wherever they are first used
        raise FusionError("The weights in {folder} do not fit their configuration.", folder=folder.name) from error
    return encoder.eval()


def save_encoder(folder: Path, encoder: Encoder, config: EncoderConfig, half: bool = False) -> None:
    """Writes its weights like `save_weights`, and the measured offset of its tokens with these weights."""
    training = encoder.training
    shift = measure_shift(encoder.eval())
    encoder.train(training)
    save_weights(folder, encoder.state_dict(), replace(config, shift=shift), half)


def fuser_state(model: FusionModel) -> dict[str, Tensor]:
    """What a strategy's own checkpoint holds: strategy and head without the encoders."""
    return {k: v for k, v in model.state_dict().items() if not k.startswith("encoders.")}


def load_model(folder: Path, encoders: Mapping[str, Encoder | None]) -> FusionModel:
    """A strategy's model in eval mode around encoders that are loaded already; a modality without an encoder is always missing.

    Raises:
        FusionError: weights or configuration are missing or damaged, or do not fit one another or the encoders, in one sentence.
    """
    config = load_config(folder / "config.json", StrategyConfig)
    state = load_weights(folder)
    own = {m: encoders[m] for m in config.modalities if m in encoders}
    widths = {e.embed_dim for e in own.values() if isinstance(e, Encoder)}
    if widths - {config.embed_dim}:
        raise FusionError("The weights in {folder} are for vectors of another width than the encoders give.", folder=folder.name)
    try:
        model = FusionModel(own, build_strategy(config), config.grid, config.picture)
        missing, unexpected = model.load_state_dict(state, strict=False)
        load_temperatures(folder, model)
    except FusionError:
        raise
    except Exception as error:  # options of a wrong kind fail wherever they are first used
        raise FusionError("The weights in {folder} do not fit their configuration.", folder=folder.name) from error
    strange = [k for k in missing if not k.startswith("encoders.")] + unexpected
    if strange:
        raise FusionError("The weights in {folder} do not fit their configuration ({name}).", folder=folder.name, name=strange[0])
    return model.eval()


TEMPERATURES = "calibration.json"


def save_temperatures(folder: Path, temperatures: Mapping[str, float]) -> None:
    """{modalities given: temperature} beside the weights of a strategy."""
    save_json(folder / TEMPERATURES, {"temperatures": {given: round(value, 4) for given, value in temperatures.items()}})


def load_temperatures(folder: Path, model: FusionModel) -> None:
    """Sets those of a folder, if it has any.

    Raises:
        FusionError: the file is damaged, or lacks a subset of the modalities, in one sentence.
    """
    path = folder / TEMPERATURES
    if not path.exists():
        return
    found = load_json(path)
    temperatures = found.get("temperatures") if isinstance(found, dict) else None
    if not isinstance(temperatures, dict):
        raise FusionError("{folder}/{file} holds no temperatures.", folder=folder.name, file=TEMPERATURES)
    try:
        model.temperatures.set(temperatures)
    except FusionError as error:
        raise FusionError("{folder}/{file} cannot be used: {reason}", folder=folder.name, file=TEMPERATURES, reason=error) from error


def forget_temperatures(folder: Path) -> None:
    """Removes the temperatures of former weights."""
    forget_checksum(folder / TEMPERATURES)
    (folder / TEMPERATURES).unlink(missing_ok=True)


def save_open_set(folder: Path, open_set: OpenSet) -> None:
    save_tensors(folder / "model.safetensors", {k: v.detach().half().cpu() for k, v in open_set.state_dict().items()})
    save_config(folder / "config.json", open_set.config)


def load_open_set(folder: Path, task: Task) -> OpenSet:
    """What tells "none of these" in a task, in eval mode on the CPU.

    Raises:
        FusionError: weights or configuration are missing or damaged, or do not fit one another or the task, in one sentence.
    """
    config, state = load_config(folder / "config.json", OpenSetConfig), load_weights(folder)
    needed = {"+".join(s) for part in task.parts for s in every_subset(part)}
    fits = (config.task, config.modalities, config.parts) == (task.name, task.modalities, tuple("+".join(p) for p in task.parts))
    if not fits or not needed <= set(config.thresholds):
        raise FusionError("{folder}/config.json does not fit the task {task}.", folder=folder.name, task=task.name)
    try:
        open_set = OpenSet(config)
        open_set.load_state_dict(state)
    except Exception as error:  # numbers of a wrong kind fail wherever they are first used
        raise FusionError("The weights in {folder} do not fit their configuration.", folder=folder.name) from error
    return open_set.eval()


def present_mask(modalities: tuple[str, ...], given: Iterable[Collection[str]]) -> Tensor:
    """(B, M) bool: which modality each sample has."""
    return torch.tensor([[m in sample for m in modalities] for sample in given])
