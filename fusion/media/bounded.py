"""Decoding in a child process that is killed when it exceeds its limits of time or memory.

    pixels = run_bounded(decode, file, name, seconds=10, megabytes=500)

The child is a fresh interpreter: it can be started from any thread, on Linux, macOS and Windows, and does not run the caller's `__main__`.
Requests and answers are JSON beside raw bytes: nothing is unpickled on either side, so that a decoder taken over by a hostile file can
at most return wrong pixels.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, Any, BinaryIO

import numpy as np
import psutil

from fusion.media.source import MediaError
from fusion.messages import Message

SECONDS = 10.0  # processor time one medium may cost
MEGABYTES = 500.0  # resident memory one medium may cost, in this process and the child together
RESERVE = 50.0  # of these, for this process: the answer, and what it held before
POLL_SECONDS = 0.01
WALL_FACTOR = 10  # a busy machine gives a child less than a processor; beyond this many times `seconds` it hangs
MAX_ANSWER = 1 << 28  # bytes
BLOCK = 1 << 20  # bytes read at a time
START = "from fusion.media.bounded import answer_request; answer_request()"

Buffers = list[bytes | memoryview]
Packed = dict[str, Any]  # a request or an answer as JSON; its bytes and arrays are indices of the buffers beside it

_slots = threading.BoundedSemaphore(2)  # children at a time, whatever the number of visitors


class OverBudget(MediaError):
    """A medium needs more time or memory than one medium may cost."""


def run_bounded(
    function: Callable[..., object], *arguments: object, name: str = "The file", seconds: float = SECONDS, megabytes: float = MEGABYTES
) -> Any:
    """Call a function in a child process with a limit of processor time and of resident memory.

    Args:
        function: at the top level of an importable module.
        arguments: None, bool, numbers, str, messages, bytes, arrays of numbers, open binary files (at any position: the child begins
            at 0), and lists or tuples of these.
        name: what a message calls the medium.
        seconds: processor time of the child, its start (about 0.2 s) included.
        megabytes: resident memory of the child and of what this process holds for it.

    Returns:
        What the function returns, of the same types except files; tuples come back as lists.

    Raises:
        OverBudget: it needed more time or memory.
        MediaError: raised by the function, or its process ended in any other way.
    """
    if not sys.executable:
        raise MediaError("{name} is too large to decode here.", name=name)
    buffers: Buffers = []
    files: list[int] = []
    packed = [_pack(argument, buffers, files) for argument in arguments]
    request = {
        "function": f"{function.__module__}:{function.__qualname__}",
        "arguments": packed,
        "seconds": seconds,
        "megabytes": megabytes,
    }
    allowed = megabytes - RESERVE - sum(len(buffer) for buffer in buffers) / 1e6
    try:
        with _slots:
            answer, values, reason = _ask(request, buffers, files, seconds, allowed)
    finally:
        for buffer in buffers:
            if isinstance(buffer, memoryview):
                buffer.release()  # or an error on its way would keep the caller's file from being closed
    if reason == "memory" or answer.get("error") == "MemoryError":
        raise OverBudget("{name} needs more than {limit:g} MB of memory to decode, which is too much.", name=name, limit=megabytes)
    if reason == "time":
        raise OverBudget("{name} needs more than {limit:g} seconds to decode, which is too long.", name=name, limit=seconds)
    if answer.get("error") == "MediaError":
        raise MediaError(Message.from_json(answer.get("message")))
    if "value" not in answer:
        raise MediaError("{name} is damaged and could not be decoded.", name=name)
    return _unpack(answer["value"], values)


def _ask(request: Packed, buffers: Buffers, files: list[int], seconds: float, megabytes: float) -> tuple[Packed, list[bytearray], str]:
    """Start a child, send it the request, read its answer: the answer, its buffers, and "time", "memory" or ""."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", START],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **threads, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        pass_fds=files,
    )
    assert child.stdin is not None and child.stdout is not None, "both are pipes"
    answer: Packed = {}
    values: list[bytearray] = []
    watch = _Watch(child, seconds, megabytes)
    try:
        watch.start()
        with contextlib.suppress(OSError):  # it ended before it had read everything
            _send(child.stdin, request, buffers)
        with contextlib.suppress(OSError):
            child.stdin.close()
        with contextlib.suppress(OSError, ValueError, struct.error):  # it was killed, or wrote something else
            answer, values = _receive(child.stdout)
    finally:
        watch.done.set()
        child.kill()
        child.wait()
        watch.join()
        child.stdout.close()
    return answer, values, "" if answer else watch.reason


class _Watch(threading.Thread):
    """Kills a child that exceeds its limits and remembers the reason."""

    def __init__(self, child: subprocess.Popen[bytes], seconds: float, megabytes: float) -> None:
        super().__init__(daemon=True)
        self.child = child
        self.seconds = seconds
        self.megabytes = megabytes
        self.done = threading.Event()
        self.reason = ""

    def run(self) -> None:
        end = time.monotonic() + WALL_FACTOR * self.seconds
        with contextlib.suppress(psutil.Error):  # it has ended by itself
            process = psutil.Process(self.child.pid)
            while not self.done.wait(POLL_SECONDS):
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
                if memory.rss > self.megabytes * 1e6:
                    self.reason = "memory"
                elif times.user + times.system > self.seconds or time.monotonic() > end:
                    self.reason = "time"
                if self.reason:
                    self.child.kill()
                    return


def _pack(value: Any, buffers: Buffers, files: list[int] | None = None) -> Any:
    """A value as JSON; the contents of bytes and arrays go to `buffers`, file descriptors to `files`."""
    if isinstance(value, Message):
        return {"message": value.to_json()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple):
        return [_pack(item, buffers, files) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "buif":
        buffers.append(np.ascontiguousarray(value).data.cast("B") if value.size else b"")
        return {"array": len(buffers) - 1, "dtype": value.dtype.str, "shape": value.shape}
    if isinstance(value, bytes | bytearray | memoryview):
        buffers.append(memoryview(value).cast("B"))
        return {"bytes": len(buffers) - 1}
    if files is not None and hasattr(value, "read"):
        return _pack_file(value, buffers, files)
    raise TypeError(f"{type(value).__name__} cannot be handed to another process")


def _pack_file(file: BinaryIO, buffers: Buffers, files: list[int]) -> Packed:
    descriptor = None
    with contextlib.suppress(OSError, AttributeError):  # not a file of the operating system
        descriptor = file.fileno()
    if descriptor is not None and os.name == "posix":
        files.append(descriptor)
        return {"file": descriptor}
    file.seek(0)
    buffers.append(file.getbuffer() if isinstance(file, io.BytesIO) else file.read())
    return {"file": None, "bytes": len(buffers) - 1}


def _unpack(value: Any, buffers: Sequence[bytes | bytearray]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, buffers) for item in value]
    if not isinstance(value, dict):
        return value
    if "message" in value:
        return Message.from_json(value["message"])
    if "array" in value:
        kind = np.dtype(value["dtype"])
        if kind.kind not in "buif":
            raise MediaError("The decoding process returned an invalid answer.")
        return np.frombuffer(buffers[value["array"]], kind).reshape(value["shape"])
    if value.get("file") is not None:
        return open(value["file"], "rb", closefd=False)
    return io.BytesIO(buffers[value["bytes"]]) if "file" in value else buffers[value["bytes"]]


def _send(stream: IO[bytes], head: Packed, buffers: Buffers) -> None:
    text = json.dumps({"head": head, "sizes": [len(buffer) for buffer in buffers]}).encode()
    stream.write(struct.pack(">Q", len(text)) + text)
    for buffer in buffers:
        stream.write(buffer)
    stream.flush()


def _receive(stream: IO[bytes], limit: int = MAX_ANSWER) -> tuple[Packed, list[bytearray]]:
    (length,) = struct.unpack(">Q", stream.read(8))
    if length > limit:
        raise ValueError("the message is too long")
    message = json.loads(stream.read(length))
    if sum(message["sizes"]) > limit or min(message["sizes"], default=0) < 0:
        raise ValueError("the message is too long")
    return message["head"], [_read(stream, size) for size in message["sizes"]]


def _read(stream: IO[bytes], size: int) -> bytearray:
    """Exactly `size` bytes, in a writable buffer so that an array over them is writable as well."""
    data = bytearray(size)
    view = memoryview(data)
    place = 0
    while place < size:
        block = stream.read(min(size - place, BLOCK))
        if not block:
            raise ValueError("the message is cut short")
        view[place : place + len(block)] = block
        place += len(block)
    return data


def answer_request() -> None:
    """The child process: reads one request from standard input, writes one answer to standard output."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # output printed by a decoder must not get into the answer
    request, buffers = _receive(sys.stdin.buffer, limit=1 << 40)
    limit_itself(request["seconds"], request["megabytes"])
    values: Buffers = []
    try:
        module, _, function = request["function"].partition(":")
        arguments = [_unpack(argument, buffers) for argument in request["arguments"]]
        answer = {"value": _pack(getattr(importlib.import_module(module), function)(*arguments), values)}
    except MediaError as error:
        answer = {"error": "MediaError", "message": error.message.to_json()}
    except BaseException as error:
        answer = {"error": type(error).__name__, "message": str(error)[:1000]}
    _send(output, answer, values if "value" in answer else [])


def limit_itself(seconds: float, megabytes: float) -> None:
    """A second limit, enforced by the kernel where it can: processor time, memory (Linux), files written, core dumps."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))  # does not apply to pipes
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 2, int(seconds) + 3))
        if sys.platform == "linux":  # only here it counts what is written to, not what is reserved
            most = int(2e6 * megabytes)
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))
