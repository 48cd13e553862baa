"""Finds the files of a pretrained model: a folder, or the Hugging Face hub with its own cache.

Only data is fetched: JSON, vocabularies and safetensors weights. Code of a repository is neither fetched nor run, nothing is unpickled.
"""

from __future__ import annotations

import re
from pathlib import Path

from fusion.messages import message
from fusion.types import FusionError

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
FILES = ["*.json", "*.txt", "*.model", "model.safetensors", "model-*-of-*.safetensors", "1_Pooling/config.json"]
WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
TIMEOUT = 5.0  # seconds until the hub must have answered
LARGEST = 2e9  # bytes of weights


def find_folder(source: str) -> Path:
    """The folder of a model: `source` itself where it is one, else what the hub gives for this id.

    Raises:
        FusionError: there is none.
    """
    local = _local(source)
    if local is None and not is_repository(source):
        raise FusionError(
            "{source!r} is neither a folder on this machine nor the id of a model such as microsoft/resnet-18.", source=source
        )
    folder = local or _fetch(source)
    if not (folder / "config.json").is_file():
        raise FusionError("{source} has no config.json, so transformers cannot load it.", source=source)
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    _check_weights(source, sizes)
    return folder


def is_repository(source: str) -> bool:
    """Whether this could be an id of the hub; decided without a request."""
    return bool(REPOSITORY.fullmatch(source)) and ".." not in source and "--" not in source and not source.endswith((".", "-", ".git"))


def _local(source: str) -> Path | None:
    try:
        folder = Path(source).expanduser()
        return folder if source and folder.is_dir() and ".." not in folder.parts else None
    except (OSError, RuntimeError, ValueError):  # too long, an unknown user's home, a null byte
        return None


def _fetch(source: str) -> Path:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import GatedRepoError, LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    reason: Exception
    try:
        info = HfApi().model_info(source, files_metadata=True, timeout=TIMEOUT)
        _check_weights(source, {file.rfilename: file.size or 0 for file in info.siblings or []})
        return Path(snapshot_download(source, revision=info.sha, allow_patterns=FILES, etag_timeout=TIMEOUT))
    except FusionError:
        raise
    except GatedRepoError as error:
        raise FusionError(
            "{source} is gated: accept its terms on huggingface.co and log in with `hf auth login`.", source=source
        ) from error
    except RepositoryNotFoundError as error:
        raise FusionError("There is no model {source} on huggingface.co, or it is private.", source=source) from error
    except Exception as error:  # the HTTP library of the hub's client has errors of its own
        reason = error
    try:
        return Path(snapshot_download(source, allow_patterns=FILES, local_files_only=True))
    except (LocalEntryNotFoundError, OSError) as error:
        offline = isinstance(reason, OfflineModeIsEnabled)
        why = message("the hub is switched off (HF_HUB_OFFLINE)") if offline else message("huggingface.co does not answer")
        raise FusionError("{source} is not on this machine and {reason}.", source=source, reason=why) from error


def _check_weights(source: str, sizes: dict[str, int]) -> None:
    """`sizes`: {name of a file at the top: bytes}."""
    weights = [size for name, size in sizes.items() if WEIGHTS.fullmatch(name)]
    if not weights:
        raise FusionError(
            "{source} has no weights in the safetensors format (model.safetensors), the only format that is loaded here.", source=source
        )
    if sum(weights) > LARGEST:
        raise FusionError(
            "{source} has {size:.1f} GB of weights; the limit is {limit:.0f} GB.",
            source=source,
            size=sum(weights) / 1e9,
            limit=LARGEST / 1e9,
        )
