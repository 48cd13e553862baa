"""Reading of small handwriting, put into a picture encoder that is trained already: its finder, and a further training on pages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from fusion.config import EncoderConfig, TrainConfig, load_config
from fusion.encoders.handwriting import InkFinder
from fusion.encoders.image_cnn import ImageCNN
from fusion.model import build_encoder, load_weights, save_encoder
from fusion.tasks import Task
from fusion.training.ink_finder import train_finder
from fusion.training.loop import StepResult, forget_state
from fusion.training.twins import train_on_pages
from fusion.types import FusionError


@dataclass
class Handwriting:
    """The picture encoder below `out`, with a finder: its own one, or that of the encoder in the folder `shared`."""

    task: Task
    data: Path
    out: Path
    shared: Path | None = None

    @property
    def folder(self) -> Path:
        return self.out / "encoders" / "image"

    def find(self, config: TrainConfig, device: str = "auto", resume: bool = True) -> Iterator[StepResult]:
        """Trains the finder, unless there is a shared one, and saves the encoder with it; the rest of the encoder stays as it is."""
        encoder, options = self.load()
        finder = shared_finder(self.shared) if self.shared is not None else InkFinder()
        if self.shared is None:
            yield from train_finder(finder, self.task.pages(self.data).page, self.folder, config, device, resume)
        encoder.finder = finder.requires_grad_(False).eval()
        save_encoder(self.folder, encoder, replace(options, shift=()))
        forget_state(self.folder)

    def pages(self, config: TrainConfig, device: str = "auto", resume: bool = True) -> Iterator[StepResult]:
        """Trains the encoder further on photographs of pages; its linear head stays as it is."""
        if self.shared is not None:
            raise FusionError("The task {name} reads pages with the encoder of another task.", name=self.task.name)
        encoder, options = self.load()
        photograph = self.task.pages(self.data).photograph
        head = load_weights(self.out / "image_only")
        both: tuple[Tensor, Tensor] = (head["head.weight"], head["head.bias"])
        yield from train_on_pages(encoder, both, photograph, self.folder, config, device, resume)
        save_encoder(self.folder, encoder, options)
        forget_state(self.folder)

    def load(self) -> tuple[ImageCNN, EncoderConfig]:
        """The encoder with its weights, and its configuration with the task's options for small handwriting."""
        config = load_config(self.folder / "config.json", EncoderConfig)
        config = replace(config, options={**config.options, "finder": True, **self.task.close_up})
        encoder = build_encoder(config)
        assert isinstance(encoder, ImageCNN)
        encoder.load_state_dict(load_weights(self.folder), strict=False)
        return encoder, config


def shared_finder(folder: Path) -> InkFinder:
    """The finder of a trained encoder."""
    finder = InkFinder()
    weights = {k.removeprefix("finder."): v for k, v in load_weights(folder).items() if k.startswith("finder.")}
    finder.load_state_dict(weights)
    return finder
