"""What must be there before the page is served: an address that is free, and a folder that takes uploads. What is not is one sentence."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from fusion.files import require_folder
from fusion.system_errors import reason_of
from fusion.types import FusionError

HOST = "127.0.0.1"


def check_address(host: str | None, port: int | None) -> None:
    """Raises `FusionError` where the page could not be served there; of a port that is not named the server looks for a free one itself."""
    host = host or os.environ.get("GRADIO_SERVER_NAME") or HOST
    if not (named := os.environ.get("GRADIO_SERVER_PORT", "0")).isdecimal():  # Gradio reads it when it is imported
        raise FusionError("The variable GRADIO_SERVER_PORT is {named!r}, which is not a port number.", named=named)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port or 0, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise FusionError("There is no host named {host!r}; --host takes a name or an address of this machine.", host=host) from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()  # with addresses that may be used again, only this notices who listens already
        except OSError as error:
            where = f"{host}, port {port}" if port else host
            raise FusionError("The page cannot be served at {where}: {reason}.", where=where, reason=reason_of(error)) from error


def check_uploads(folder: Path) -> None:
    """Raises `FusionError` where nothing can be written to the folder of uploads."""
    try:
        require_folder(folder)
    except FusionError as error:
        raise FusionError("The folder for uploads (variable GRADIO_TEMP_DIR) cannot be used: {reason}", reason=error) from error


def upload_folder() -> Path:
    """Where Gradio keeps uploads."""
    from gradio.utils import get_upload_folder

    try:
        return Path(get_upload_folder())
    except OSError as error:  # no folder for temporary files at all
        raise FusionError("There is no folder for uploads; set the variable GRADIO_TEMP_DIR to one.") from error
