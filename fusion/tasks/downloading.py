"""Downloads the public data of a task: `python -m fusion download --task NAME --data DIR`.

Files that exist and match their checksum are kept. An interrupted transfer resumes from its `.part` file, which is renamed only after its
checksum is verified. The page needs none of this.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from fusion.system_errors import reason_of
from fusion.tasks import TASKS
from fusion.tasks.base import Progress
from fusion.types import FusionError

CHUNK = 1 << 16  # bytes
TIMEOUT = 30  # seconds without an answer
TRIES = 5  # per address, while each one makes progress
LARGEST_UNPACKED = 200_000_000  # bytes; ten times what any of the archives holds


class _Dropped(Exception):
    """A transfer ended early; the message gives the host and the reason."""


def run(task: str, data: str | Path, progress: Progress | None = None) -> Iterator[Path]:
    """Downloads the data sets of a task and yields the folder of each as soon as it is complete.

    Args:
        task: a task with `downloads`.
        data: the data folder; created if it is missing.
        progress: called as bytes arrive; a line on stderr where None.
    """
    known = [name for name, each in TASKS.items() if each.downloads]
    if task not in known:
        raise FusionError('There is no data to download for the task "{task}"; there is for: {known}.', task=task, known=list(known))
    progress = progress or ProgressLine()
    try:
        for get in TASKS[task].downloads:
            yield get(Path(data), progress)
    except OSError as error:  # network errors are handled in `fetch`
        raise FusionError("Cannot write {file}: {reason}.", file=error.filename or data, reason=reason_of(error)) from error


def fetch(urls: Iterable[str], target: Path, is_complete: Callable[[Path], bool], progress: Progress) -> Path:
    """Downloads one file from the first address that delivers it completely.

    Args:
        urls: addresses of the same file, best first.
        target: path of the file; replaced only by a complete one.
        is_complete: checks a file, for example by its checksum.

    Raises:
        FusionError: all addresses failed; a `.part` file is kept for the next attempt.
    """
    if target.exists() and is_complete(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    if part.exists() and is_complete(part):  # it was interrupted before the file was renamed
        part.replace(target)
        return target
    failures = []
    for url in urls:
        failure = _fetch_from(url, part, is_complete, partial(progress, target.name))
        if failure is None:
            part.replace(target)
            return target
        failures.append(failure)
    raise FusionError(
        "{name} could not be downloaded ({failures}): check the network and run the same command again, it continues where it stopped.",
        name=target.name,
        failures="; ".join(failures),
    )


def _fetch_from(url: str, part: Path, is_complete: Callable[[Path], bool], progress: Callable[[int, int | None], None]) -> str | None:
    """Fills `part` from one address, resuming after a dropped connection. Returns None, or the reason of the failure."""
    failure = ""
    for _ in range(TRIES):
        before = _size(part)
        try:
            _transfer(url, part, progress)
        except _Dropped as dropped:
            failure = str(dropped)
            if _size(part) <= before:
                return failure
            continue
        if is_complete(part):
            return None
        part.unlink()
        failure = f"{_host(url)} gave a file with a wrong checksum"
        if before == 0:  # the file itself is wrong; after a resume the old part may have been, so it is tried once more from the start
            return failure
    return failure


def _transfer(url: str, part: Path, progress: Callable[[int, int | None], None]) -> None:
    """Appends the rest of a file to `part`, or starts over if the server does not support ranges."""
    done = _size(part)
    with _open(url, done) as response:
        if response.status == 206:
            span, _, whole = response.headers.get("Content-Range", "").partition("/")
            if span != f"bytes {done}-{span.rpartition('-')[2]}":
                part.unlink()
                raise _Dropped(f"{_host(url)} sent another part of the file than the one asked for")
            total = int(whole) if whole.isdigit() else None
        else:
            done = 0
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
        with part.open("ab" if done else "wb") as file:
            for chunk in _chunks(response, url):
                file.write(chunk)
                done += len(chunk)
                progress(done, total)
    if total is not None and done < total:
        raise _Dropped(f"{_host(url)} closed the connection after {done} of {total} bytes")


def _open(url: str, offset: int) -> HTTPResponse:
    headers = {"User-Agent": "fusion-lab", "Accept-Encoding": "identity"}  # ranges count the bytes as stored
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response: HTTPResponse = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
        return response
    except HTTPError as error:
        error.close()
        if error.code == 416 and offset:  # the part is as long as the file, but wrong: start over
            return _open(url, 0)
        raise _Dropped(f"{_host(url)} answered {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        reason = getattr(error, "reason", error)  # a URLError wraps the actual error
        raise _Dropped(f"no connection to {_host(url)}: {getattr(reason, 'strerror', None) or reason}") from error


def _chunks(response: HTTPResponse, url: str) -> Iterator[bytes]:
    while True:
        try:
            chunk = response.read(CHUNK)
        except (OSError, HTTPException) as error:
            raise _Dropped(f"the connection to {_host(url)} broke: {error}") from error
        if not chunk:
            return
        yield chunk


def unpack(archive: Path, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yields (file name, bytes) of the wanted files of a zip, in any of its folders.

    Only bytes leave this function: the caller chooses every path, so that no entry can write outside of its folder. An archive that
    tries to, or that would unpack to far more than expected, is refused as a whole.
    """
    wanted = set(names)
    try:
        with zipfile.ZipFile(archive) as file:
            entries = file.infolist()
            for entry in entries:
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or ":" in entry.filename:
                    raise FusionError(
                        '{archive} holds an entry with an unsafe path ("{entry}") and was not unpacked.',
                        archive=archive.name,
                        entry=entry.filename,
                    )
            if sum(entry.file_size for entry in entries) > LARGEST_UNPACKED:
                raise FusionError(
                    "{archive} would unpack to more than {limit} MB and was not unpacked.",
                    archive=archive.name,
                    limit=LARGEST_UNPACKED // 1_000_000,
                )
            for entry in entries:
                name = PurePosixPath(entry.filename).name
                if name in wanted and not entry.is_dir():
                    yield name, file.read(entry)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise FusionError("{archive} is not a readable zip archive: {reason}.", archive=archive.name, reason=error) from error


class ProgressLine:
    """Prints the progress of a file to stderr: a line that is updated on a terminal, one line per tenth in a log."""

    def __init__(self) -> None:
        self.last: tuple[str, int] | None = None

    def __call__(self, name: str, done: int, total: int | None) -> None:
        live = sys.stderr.isatty()
        steps = 100 if live else 10
        step = done * steps // total if total else done // (1 << 20)
        if (name, step) == self.last:
            return
        self.last = (name, step)
        share = f"{done / total:4.0%} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
        start = "\r" if live else ""
        end = "" if live and done != total else "\n"
        print(f"{start}{name}  {share}", end=end, file=sys.stderr, flush=True)


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def write(path: Path, payload: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(payload)
    os.replace(fresh, path)


def has_sha256(path: Path, digest: str) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == digest
