"""The client whose connection the daemon has handed over: asked for secrets, which are read and bounded.

A client is a stranger and has seconds. It gets a line that names what is wanted, and sends one line of JSON
with exactly that, in Base64 (RFC 4648). Nothing of what it sends is in any error or message.
"""

import base64
import binascii
import json
import os
import select
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from cscd.worker.holder.reply import LONGEST, Refused, wanted

SECRETS_WITHIN: Final = 5.0
"""Seconds for the secrets to be there, whole."""
_TAKES_WITHIN: Final = 5.0
"""Seconds for the client to take what is said to it."""

_LONGEST_SECRET: Final[Mapping[str, int]] = MappingProxyType(
    {"passphrase": 1024, "new": 1024, "identity": 32 << 10}
)
"""The secrets that there are, and the bytes that each may have."""


class Client:
    """The connection, which is closed with it."""

    def __init__(self, descriptor: int, within: float = SECRETS_WITHIN) -> None:
        """Take over a connected stream socket."""
        self._fd = descriptor
        self._within = within

    def ask(self, *names: str) -> dict[str, bytes]:
        """Say which secrets are wanted, and return them. Raises Refused where they do not come."""
        self.say(wanted(names))
        return _secrets(self._line(), names)

    def say(self, line: bytes) -> None:
        """Send a line. Raises Refused where nobody takes it."""
        deadline = time.monotonic() + _TAKES_WITHIN
        while line:
            self._wait(select.POLLOUT, deadline)
            try:
                line = line[os.write(self._fd, line) :]
            except BlockingIOError:
                continue
            except OSError:
                raise _gone() from None

    def close(self) -> None:
        """Let go of the connection; the daemon has it, too."""
        os.close(self._fd)

    def _line(self) -> bytearray:
        """Return the line that comes, without its end."""
        deadline = time.monotonic() + self._within
        data = bytearray()
        while b"\n" not in data:
            if len(data) >= LONGEST:
                raise Refused("malformed", f"the secrets are longer than {LONGEST} bytes")
            self._wait(select.POLLIN, deadline)
            try:
                piece = os.read(self._fd, LONGEST - len(data))
            except BlockingIOError:
                continue
            except OSError:
                raise _gone() from None
            if not piece:
                raise _gone()
            data += piece
        if not data.endswith(b"\n") or data.count(b"\n") != 1:
            raise _malformed("more than one line")
        return data[:-1]

    def _wait(self, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(self._fd, event)
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise Refused("timed_out", "the secrets that were wanted did not come in time")


def _secrets(line: bytearray, names: tuple[str, ...]) -> dict[str, bytes]:
    """Return the secrets in a line. The errors of the parsers would quote it, and are not passed on."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        raise _malformed("no JSON") from None
    if not isinstance(said, dict) or said.keys() != set(names):
        raise _malformed("not exactly what was wanted")
    return {name: _secret(name, said[name]) for name in names}


def _secret(name: str, said: object) -> bytes:
    if not isinstance(said, str):
        raise _malformed(f"{name} is no text")
    try:
        secret = base64.b64decode(said, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed(f"{name} is no Base64") from None
    if not 1 <= len(secret) <= _LONGEST_SECRET[name]:
        raise _malformed(f"{name} is to have 1 to {_LONGEST_SECRET[name]} bytes")
    return secret


def _malformed(what: str) -> Refused:
    return Refused("malformed", f"these are no secrets: {what}")


def _gone() -> Refused:
    return Refused("timed_out", "the client closed the connection")
