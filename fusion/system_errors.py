"""Why the operating system refused something, as a message that can be translated."""

from __future__ import annotations

import errno
import re

from fusion.messages import Message, message

REASONS = {
    errno.EACCES: message("permission denied"),
    errno.EPERM: message("operation not permitted"),
    errno.EROFS: message("read-only file system"),
    errno.ENOSPC: message("no space left on device"),
    errno.EDQUOT: message("disk quota exceeded"),
    errno.EFBIG: message("file too large"),
    errno.EIO: message("input/output error"),
    errno.ENOENT: message("no such file or directory"),
    errno.EISDIR: message("is a directory"),
    errno.ENAMETOOLONG: message("file name too long"),
    errno.EMFILE: message("too many open files"),
    errno.ENFILE: message("too many open files"),
    errno.EADDRINUSE: message("address already in use"),
    errno.EADDRNOTAVAIL: message("cannot assign requested address"),
    errno.ECONNREFUSED: message("connection refused"),
    errno.ENOMEM: message("out of memory"),
}
OF_RUST = re.compile(r"\(os error (\d+)\)")  # safetensors puts the number into its text


def reason_of(error: Exception) -> Message:
    """The reason of an `OSError`, without a path; of any other exception its number in the text, or else its type."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        return message("there is a file where its folder should be")
    number = getattr(error, "errno", None)
    if number is None and (found := OF_RUST.search(str(error))):
        number = int(found[1])
    if number in REASONS:
        return REASONS[number]
    return message("system error {number}", number=number) if number else message("error of the type {type}", type=type(error).__name__)
