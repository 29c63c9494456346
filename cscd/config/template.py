"""Paths with places for the user: ``{home}/.cache/cscd`` becomes the one of whoever logs on.

A template comes from the administrator and is checked when the configuration is read. What fills it comes
from the user database, which may be a directory server that others write to: it is hostile until checked.
"""

import os
import re
from dataclasses import dataclass
from typing import Any, Final

from cscd.config.kind import Kind
from cscd.errors import AccountError

NAMES: Final = ("user", "uid", "home")
"""What may stand in braces."""

_BRACES: Final = re.compile(r"\{([^{}]*)\}")
_LAST_UID: Final = 0xFFFF_FFFD
"""Uids are 32 bits; the last two mean "none" to some calls (systemd's UIDS-GIDS)."""


@dataclass(frozen=True, slots=True)
class Template(Kind):
    """A path that begins with ``/`` or ``{home}``."""

    @property
    def phrase(self) -> str:
        """How it begins, and what may stand in it."""
        return "an absolute path, in which {user}, {uid} and {home} stand for the user's"

    def read(self, value: object) -> str:
        """Return the template as it is written."""
        if not isinstance(value, str):
            raise ValueError("a path that begins with a brace needs quotes" if value else "")  # noqa: TRY004 - a value of the wrong type is a wrong value
        _check_braces(value)
        _check_characters(value)
        if not value.startswith(("/", "{home}")):
            raise ValueError("it begins neither with / nor with {home}")
        if ".." in value.split("/"):
            raise ValueError("it goes up with ..")
        if not value.strip("/."):
            raise ValueError("it is the whole filesystem")
        return value

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": r"^(?:/|\{home\})(?:[^{}]|\{(?:user|uid|home)\})*$"}


def expand(template: str, *, user: str, uid: int, home: str) -> str:
    """Return the path that a checked template stands for.

    `user`, `uid` and `home` are as the user database has them: a login name, a number, an absolute path.
    Raises AccountError where they do not make a path: it would be no absolute path, go up with ``..``, leave
    its place for another directory, or be the root of the filesystem.
    """
    _check_account(user, uid, home)
    values = {"user": user, "uid": str(uid), "home": home}
    # In one go, so that a name in braces in a value stays what it is.
    path = _BRACES.sub(lambda braces: values[braces[1]], template)
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts or not path.startswith("/") or ".." in parts:
        raise AccountError(f"the cache of user {user!r}, {path!r}, is no place for one")
    return "/" + "/".join(parts)


def _check_braces(template: str) -> None:
    """Raise ValueError for a brace that is none of the names."""
    rest = _BRACES.sub(lambda braces: " " * len(braces[0]) if braces[1] in NAMES else braces[0], template)
    at = min((rest.find(brace) for brace in "{}" if brace in rest), default=-1)
    if at < 0:
        return
    unknown = _BRACES.match(template, at)
    what = unknown[0] if unknown else template[at]
    raise ValueError(f"{what} at character {at + 1} is none of these")


def _check_characters(template: str) -> None:
    for at, character in enumerate(template, 1):
        if not character.isprintable():
            raise ValueError(f"U+{ord(character):04X} at character {at} cannot be seen")


def _check_account(user: str, uid: int, home: str) -> None:
    """Raise AccountError for values that would make another path than the template says."""
    if user in ("", ".", "..") or "/" in user or "\0" in user:
        raise AccountError(f"the user name {user!r} cannot be part of a path")
    if not 0 <= uid <= _LAST_UID:
        raise AccountError(f"the uid {uid} of user {user!r} is none")
    if not os.path.isabs(home) or "\0" in home:
        raise AccountError(f"the home directory {home!r} of user {user!r} is no absolute path")
    if ".." in home.split("/"):
        raise AccountError(f"the home directory {home!r} of user {user!r} goes up with ..")
