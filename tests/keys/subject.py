"""Whose keys the tests are about, and how they are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from cscd.errors import KeyChangeError, KeyFileError

UID: Final = 1000
"""The user."""


def refusal(call: Callable[[], object]) -> KeyFileError:
    """Return what a call is refused with because of a file."""
    with pytest.raises(KeyFileError) as caught:
        call()
    return caught.value


def no_change(call: Callable[[], object]) -> KeyChangeError:
    """Return what a call is refused with because of what it would do."""
    with pytest.raises(KeyChangeError) as caught:
        call()
    return caught.value


def add(directory: Path, name: str, content: bytes) -> None:
    """Put a file among the keys as we would have."""
    (directory / name).touch(0o600)
    (directory / name).write_bytes(content)


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file below a directory with what it holds."""
    found = (each for each in directory.rglob("*") if each.is_file())
    return {str(each.relative_to(directory)): each.read_bytes() for each in found}
