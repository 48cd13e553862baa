"""Downloads the public data of the task `digits` in its official layout: `python -m fusion download --task digits --data DIR`.

DIR/mnist/MNIST/raw/*.gz                    MNIST, as `torchvision.datasets.MNIST(root=DIR/mnist)` keeps it
DIR/fsdd/recordings/*.wav                   Free Spoken Digit Dataset v1.0.10
DIR/pendigits/pendigits-orig.{tra,tes}      UCI pen-based digits, original pen trajectories
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from unlzw3 import unlzw

from fusion.tasks.base import Progress
from fusion.tasks.downloading import fetch, has_sha256, unpack, write
from fusion.types import FusionError

MNIST_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
MNIST = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

FSDD_URLS = ("https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",)
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FSDD_NAMES = tuple(sorted(f"{digit}_{speaker}_{index}.wav" for digit in range(10) for speaker in FSDD_SPEAKERS for index in range(50)))
# Of the 3,000 names and recordings in order, not of the archive, whose bytes may change when the host packs it again.
FSDD_SHA256 = "45a9b976ba3397a2fd5c70a9f2e43c34f442a3a6be47392ecfc41174b678f37e"

PENDIGITS_URLS = ("https://archive.ics.uci.edu/static/public/81/pen+based+recognition+of+handwritten+digits.zip",)
PENDIGITS_SHA256 = "1e02bea023613c2b11c9492f6f34caf975420455934f3527d270cee9a1f03b64"  # of the archive
PENDIGITS_TRA_SHA256 = "a66225d68d7d68591e62944df1ad33b3f5aa608e2df2505844b41f5568a80da4"  # of the unpacked training file
PENDIGITS_TES_DIGITS = 3498  # no checksum of the unpacked test file is published, so its digits are counted


def get_mnist(data: Path, progress: Progress) -> Path:
    folder = data / "mnist" / "MNIST" / "raw"
    for name, digest in MNIST.items():
        fetch([mirror + name for mirror in MNIST_MIRRORS], folder / name, partial(has_sha256, digest=digest), progress)
    return folder


def get_fsdd(data: Path, progress: Progress) -> Path:
    folder = data / "fsdd" / "recordings"
    if _recordings_digest(lambda name: (folder / name).read_bytes()) == FSDD_SHA256:
        return folder
    archive = fetch(FSDD_URLS, data / "fsdd" / "fsdd-1.0.10.zip", _holds_fsdd, progress)
    for name, recording in unpack(archive, FSDD_NAMES):
        write(folder / name, recording)
    archive.unlink()
    return folder


def get_pendigits(data: Path, progress: Progress) -> Path:
    folder = data / "pendigits"
    if _has_pendigits(folder):
        return folder
    archive = fetch(PENDIGITS_URLS, folder / "pendigits.zip", partial(has_sha256, digest=PENDIGITS_SHA256), progress)
    for name, compressed in unpack(archive, ("pendigits-orig.tra.Z", "pendigits-orig.tes.Z")):
        write(folder / name.removesuffix(".Z"), unlzw(compressed))
    if not _has_pendigits(folder):
        raise FusionError(
            "{archive} was unpacked, but its files are not the training and the {count} test digits known here.",
            archive=archive,
            count=PENDIGITS_TES_DIGITS,
        )
    archive.unlink()
    return folder


def _recordings_digest(read: Callable[[str], bytes]) -> str | None:
    """sha256 over names and bytes of all recordings in order, or None where one is missing."""
    digest = hashlib.sha256()
    try:
        for name in FSDD_NAMES:
            digest.update(name.encode() + read(name))
    except (FileNotFoundError, KeyError):
        return None
    return digest.hexdigest()


def _holds_fsdd(archive: Path) -> bool:
    try:
        recordings = dict(unpack(archive, FSDD_NAMES))
    except FusionError:
        return False
    return _recordings_digest(recordings.__getitem__) == FSDD_SHA256


def _has_pendigits(folder: Path) -> bool:
    tra = folder / "pendigits-orig.tra"
    tes = folder / "pendigits-orig.tes"
    if not (tra.exists() and tes.exists()):
        return False
    return tes.read_bytes().count(b"\n.COMMENT") == PENDIGITS_TES_DIGITS and has_sha256(tra, PENDIGITS_TRA_SHA256)
