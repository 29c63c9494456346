"""Clients of the control socket, as anybody could write one."""

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

SECONDS = 20.0
"""For what takes milliseconds."""


def connected(path: Path) -> socket.socket:
    """A connection that has not asked yet."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(str(path))  # waits for its turn, which it does not with a timeout (unix(7), EAGAIN)
    connection.settimeout(SECONDS)
    return connection


def said(connection: socket.socket) -> bytes:
    """All that comes until the end; a reset is one."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            data += piece
    return data


def ask(path: Path, question: Any) -> Any:  # noqa: ANN401 - whatever JSON can be
    """What is answered, or None if nothing is; bytes are sent as they are."""
    line = question if isinstance(question, bytes) else json.dumps(question).encode() + b"\n"
    with connected(path) as connection:
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(line)
        data = said(connection)
    return json.loads(data) if data else None


def status(path: Path) -> Any:  # noqa: ANN401 - as above
    """What is answered to the question for the status."""
    return ask(path, {"ask": "status"})
