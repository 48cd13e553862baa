"""The training loop: one for encoders and strategies, on any device that accelerate knows, resumable after every epoch.

The state of an unfinished run is kept in `<checkpoint>/.training/` as safetensors and JSON; an interrupted run loses at most one
epoch and reaches the same weights as an uninterrupted one, because every random draw follows from (seed, epoch, index).
"""

from __future__ import annotations

import math
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from fusion.config import TrainConfig
from fusion.files import STALE, load_json, load_tensors, require_folder, save_json, save_tensors
from fusion.system_errors import reason_of
from fusion.types import FusionError

MAX_GRADIENT_NORM = 2.0
OPTIMIZERS: dict[str, Callable[[list[nn.Parameter], TrainConfig], torch.optim.Optimizer]] = {
    "adamw": lambda p, c: torch.optim.AdamW(p, c.lr, weight_decay=c.weight_decay),
    "adam": lambda p, c: torch.optim.Adam(p, c.lr),
    "sgd": lambda p, c: torch.optim.SGD(p, c.lr, momentum=0.9, nesterov=True, weight_decay=c.weight_decay),
}

Model = TypeVar("Model", bound=nn.Module)
Batch = TypeVar("Batch")
BatchMade = TypeVar("BatchMade", covariant=True)


@dataclass(frozen=True)
class StepResult:
    """Where a run stands: `loss` and `accuracy` are running means of the epoch, `seconds` since the run (re)started."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    accuracy: float
    seconds: float


class EpochData(Protocol[BatchMade]):
    """A map-style data set whose samples depend on the epoch, and how its samples make a batch."""

    epoch: int

    def __len__(self) -> int: ...
    def __getitem__(self, index: int) -> Any: ...
    def collate(self, samples: list[Any]) -> BatchMade: ...


def rate_at(step: int, total: int, peak: float) -> float:
    """Learning rate: linear warm-up over the first 3 % of the steps, then half a cosine down to zero."""
    warm_up = max(1, int(0.03 * total))
    if step < warm_up:
        return peak * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, total - warm_up)
    return peak * 0.5 * (1 + math.cos(math.pi * progress))


def train(
    model: Model,
    data: EpochData[Batch],
    loss: Callable[[Model, Batch], tuple[Tensor, Tensor]],
    config: TrainConfig,
    folder: Path,
    device: str = "auto",
    resume: bool = True,
) -> Iterator[StepResult]:
    """Trains and yields after every step how it goes; the model is trained in place and left in eval mode.

    Args:
        model: any module; parameters with requires_grad are trained.
        loss: (model, batch) -> (mean loss, share of right answers). The model may be wrapped for several devices, see `unwrap`.
        folder: the checkpoint folder; the state of the run lies in its `.training/`.
        device: "auto", "cpu", "cuda", "mps".

    Raises:
        FusionError: nothing can be written to the folder, there are too few samples, or the loss is not finite, in one sentence.
    """
    require_folder(folder)
    accelerator = Accelerator(cpu=device == "cpu")
    trainable = [p for p in model.parameters() if p.requires_grad]
    optimizer = OPTIMIZERS[config.optimizer](trainable, config)
    loader: DataLoader[Any] = DataLoader(
        cast("Dataset[Any]", data),
        config.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=config.workers,
        collate_fn=data.collate,
    )
    if len(loader) == 0:
        raise FusionError(f"There are fewer samples ({len(data)}) than one batch holds ({config.batch_size}).")
    bare = model
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    first_epoch = load_state(folder, bare, optimizer, config) if resume else 0
    steps = len(loader)
    start = time.time()
    for epoch in range(first_epoch, config.epochs):
        data.epoch = epoch
        set_seed(config.seed * 1000 + epoch)
        model.train()
        total_loss = 0.0
        total_accuracy = 0.0
        for i, batch in enumerate(loader):
            rate = rate_at(epoch * steps + i, config.epochs * steps, config.lr)
            for group in optimizer.param_groups:
                group["lr"] = rate
            # autocast here and not in Accelerator, whose precision is fixed for the whole process
            with torch.autocast(accelerator.device.type, torch.bfloat16, enabled=config.precision == "bf16"):
                value, accuracy = loss(model, batch)
            if not torch.isfinite(value):
                raise FusionError(f"The loss is no longer finite (epoch {epoch + 1}, step {i + 1}); a smaller --lr helps.")
            accelerator.backward(value)
            accelerator.clip_grad_norm_(trainable, MAX_GRADIENT_NORM)
            optimizer.step()
            optimizer.zero_grad()
            total_loss += value.item()
            total_accuracy += accuracy.item()
            yield StepResult(
                epoch=epoch + 1,
                epochs=config.epochs,
                step=i + 1,
                steps=steps,
                loss=total_loss / (i + 1),
                accuracy=total_accuracy / (i + 1),
                seconds=time.time() - start,
            )
        if accelerator.is_main_process:
            save_state(folder, bare, optimizer, config, epoch + 1)
        accelerator.wait_for_everyone()
    model.eval()


def unwrap(model: Model) -> Model:
    """The module itself, where `train` wrapped it for several devices."""
    inner: Model = getattr(model, "module", model)
    return inner


def save_state(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, config: TrainConfig, epoch: int) -> None:
    """Weights and optimizer state after an epoch, written beside the old state and swapped in at once."""
    tensors = {f"model.{k}": v.detach().clone().contiguous() for k, v in model.state_dict().items()}
    numbers: dict[str, float] = {}
    for i, entries in optimizer.state_dict()["state"].items():
        for key, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{i}.{key}"] = value.detach().clone().contiguous()
            elif value is not None:
                numbers[f"{i}.{key}"] = value
    home = folder / ".training"
    part = folder / f".training.{uuid.uuid4().hex[:12]}.part"
    try:
        part.mkdir(parents=True)
        save_tensors(part / "state.safetensors", tensors, checksum=False)
        save_json(part / "state.json", {"epoch": epoch, "config": asdict(config), "numbers": numbers}, checksum=False)
        shutil.rmtree(home, ignore_errors=True)
        os.replace(part, home)
    except OSError as error:
        raise FusionError("{folder}/.training cannot be written: {reason}.", folder=folder.name, reason=reason_of(error)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def load_state(folder: Path, model: nn.Module, optimizer: torch.optim.Optimizer, config: TrainConfig) -> int:
    """Loads the state of an interrupted run of the same configuration.

    Returns:
        The number of epochs it had done; 0 where there is no such state, or it is damaged.
    """
    parts = sorted(folder.glob(".training.*part"), key=lambda p: p.stat().st_mtime)  # interrupted between the old state and the new one
    for home in (folder / ".training", *reversed(parts)):
        try:
            about = load_json(home / "state.json")
            tensors = load_tensors(home / "state.safetensors")
            epoch = int(about["epoch"])
            numbers = dict(about["numbers"])
            same = about["config"] == asdict(config)
        except (FusionError, KeyError, TypeError, ValueError):
            continue
        weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
        if same and {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in model.state_dict().items()}:
            model.load_state_dict(weights)
            load_optimizer(optimizer, tensors, numbers)
            return epoch
    return 0


def load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor], numbers: dict[str, float]) -> None:
    """Its state from tensors named "optimizer.<parameter>.<entry>" and numbers named "<parameter>.<entry>"."""
    state: dict[int, dict[str, Any]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, i, name = key.split(".", 2)
            state.setdefault(int(i), {})[name] = tensor
    for key, number in numbers.items():
        i, name = key.split(".", 1)
        state.setdefault(int(i), {})[name] = number
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def forget_state(folder: Path) -> None:
    """Removes the state of a run that is finished, and what killed ones left behind."""
    shutil.rmtree(folder / ".training", ignore_errors=True)
    for part in folder.glob(".training.*part"):
        if time.time() - part.stat().st_mtime > STALE:
            shutil.rmtree(part, ignore_errors=True)
