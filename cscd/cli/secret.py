"""A secret on its way from a person to the service: bytes that nothing prints."""

import base64
from typing import Final, NoReturn

LONGEST_PASSPHRASE: Final = 1024
"""Bytes of one that the service takes."""


class Secret:
    """Some bytes; `reveal` is the one way to them, so that every use can be found by its name."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        """Take the bytes."""
        self._value = value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")

    def reveal(self) -> bytes:
        """Return the bytes."""
        return self._value

    def base64(self) -> str:
        """Return them as they travel to the service."""
        return base64.b64encode(self._value).decode("ascii")
