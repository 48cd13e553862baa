"""A model of the transformers library from a folder: its network in float32, its configuration, and what prepares its input.

Code of a repository is never run, and weights are read from safetensors only. Whatever goes wrong becomes one sentence.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fusion.messages import Message, both, message
from fusion.types import FusionError

SAFE = {"trust_remote_code": False, "local_files_only": True}
READS = {"timesformer": ("video",)}  # where the library is wrong: it claims image
ENTRIES = {"input_values": "audio", "input_features": "audio", "pixel_values": "image", "pixel_values_videos": "video"}
OTHERS = {  # parts of a model with several towers that one modality does not need
    "image": ("text_model", "text_projection"),
    "text": ("vision_model", "visual_projection", "image_model", "image_projection", "audio_model", "audio_projection"),
    "audio": ("text_model", "text_projection"),
    "video": (),
}
TOWER = {"image": "vision_config", "text": "text_config", "audio": "audio_config", "video": "vision_config"}
PREPARER = {  # what makes the network's input, and one of the files it is read from
    "image": (message("image processor"), ("preprocessor_config.json", "processor_config.json")),
    "text": (message("tokenizer"), ("tokenizer.json", "tokenizer_config.json", "vocab.txt", "vocab.json", "*.model")),
    "audio": (message("feature extractor"), ("preprocessor_config.json", "processor_config.json")),
    "video": (message("video processor"), ("video_preprocessor_config.json", "preprocessor_config.json", "processor_config.json")),
}
MOST_MISSING = 0.1  # share of the network's parameters that its file may lack, without poolers, which are not used then


@dataclass(frozen=True)
class Pretrained:
    """A loaded model, from which a tower is built.

    network  its modules, frozen; `run` the part for one modality: keyword tensors to an output with `last_hidden_state`
    config   of that part; `preparer` the library's processor or tokenizer; `entry` the keyword that takes what it makes
    pooler   whether its own pooling was trained: False where the file lacks the pooler's weights
    """

    source: str
    folder: Path
    network: nn.Module
    run: Callable[..., Any]
    config: Any
    preparer: Any
    entry: str
    pooler: bool


@contextlib.contextmanager
def one_sentence(source: str, what: Message) -> Iterator[None]:
    """Anything that goes wrong inside becomes "<source> <what>; the library reports: “<first line of the reason>”."."""
    try:
        yield
    except FusionError:
        raise
    except Exception as error:  # an unknown model in a large library can raise nearly anything
        reason = (str(error).strip().splitlines() or [""])[0][:160].rstrip(" .:") or type(error).__name__
        raise FusionError("{source} {what}; the library reports: “{reason}”.", source=source, what=what, reason=reason) from error


def load_pretrained(source: str, folder: Path, modality: str) -> Pretrained:
    """Everything of a model that reads `modality`.

    Raises:
        FusionError: it reads something else, or cannot be loaded.
    """
    import transformers
    from transformers.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # errors become one sentence; its reports are for programmers
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers types only a part of its functions
    unknown = message("has an architecture that this version of transformers does not know, or needs its own code, which is never run")
    with one_sentence(source, unknown):
        config = transformers.AutoConfig.from_pretrained(folder, **SAFE)
        kind: Any = transformers.AutoModel._model_mapping[type(config)]
    kind = kind[0] if isinstance(kind, tuple) else kind
    _check_modality(source, config, kind, modality)
    preparer = _load_preparer(source, folder, modality)
    with one_sentence(source, message("cannot be loaded")):
        network, found = transformers.AutoModel.from_pretrained(
            folder, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True,
            attn_implementation="eager" if modality == "image" else None, **SAFE,
        )  # fmt: skip
    missing = set(found["missing_keys"])
    sizes = {name: tensor.numel() for name, tensor in network.state_dict().items()}
    if sum(sizes.get(name, 0) for name in missing if "pooler" not in name) > MOST_MISSING * sum(sizes.values()):
        raise FusionError(
            "{source} has weights that do not match its config.json ({missing} of {count} are missing).",
            source=source,
            missing=len(missing),
            count=len(sizes),
        )
    run, network = _tower(network.requires_grad_(False).eval(), modality)
    entry = kind.main_input_name if modality != "image" else "pixel_values"
    return Pretrained(
        source, folder, network, run, getattr(config, TOWER[modality], None) or config, preparer,
        "input_ids" if modality == "text" else entry, not any("pooler" in name for name in missing),
    )  # fmt: skip


def _check_modality(source: str, config: Any, kind: Any, modality: str) -> None:
    """Raises FusionError where a model class `kind` does not read the modality."""
    claimed = READS.get(config.model_type, kind.input_modalities)
    reads = (claimed,) if isinstance(claimed, str) else tuple(claimed)
    if reads == ("text",) and kind.main_input_name in ENTRIES:  # "text" is also the library's default
        reads = (ENTRIES[kind.main_input_name],)
    speaks = config.is_encoder_decoder and modality == "text" and kind.main_input_name != "input_ids"  # text comes out, not in
    if modality not in reads or speaks:
        raise FusionError(
            "{source} reads {reads}, not {modality}.",
            source=source,
            reads=both(m for m in reads if not (speaks and m == "text")),
            modality=message(modality),
        )


def _tower(network: Any, modality: str) -> tuple[Callable[..., Any], nn.Module]:
    """The part for a modality, and the network without what that part does not need."""
    branch = f"get_{modality}_features"
    others = [name for name in OTHERS[modality] if hasattr(network, name)]
    if hasattr(network, branch) and (others or hasattr(network, "vision_model")):
        for name in others:
            delattr(network, name)
        return getattr(network, branch), network
    if network.config.is_encoder_decoder:
        network = network.get_encoder()
    return network, network


def _load_preparer(source: str, folder: Path, modality: str) -> Any:
    import transformers

    name, files = PREPARER[modality]
    if not any(True for pattern in files for _ in folder.glob(pattern)):
        raise FusionError(
            "{source} has no {name} ({file}), which defines how its input is prepared.", source=source, name=name, file=files[0]
        )
    with one_sentence(source, message("has no {name} that can be loaded", name=name)):
        if modality == "image":
            return transformers.AutoImageProcessor.from_pretrained(folder, **SAFE)  # type: ignore[no-untyped-call]  # as above
        if modality == "text":
            return transformers.AutoTokenizer.from_pretrained(folder, **SAFE)
        if modality == "audio":
            return transformers.AutoFeatureExtractor.from_pretrained(folder, **SAFE)  # type: ignore[no-untyped-call]  # as above
        return transformers.AutoVideoProcessor.from_pretrained(folder, **SAFE)  # type: ignore[no-untyped-call]  # as above
