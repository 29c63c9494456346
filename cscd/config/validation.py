"""From a tree to settings, with everything that is wrong told at its place and in our own words."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cscd.config import node
from cscd.config.kind import described
from cscd.config.outline import outline, section_at
from cscd.config.problem import Problem
from cscd.config.settings import CONTRADICTION, Settings
from cscd.errors import CscdError

Path = tuple[str | int, ...]

_LONGEST: Final = 4_096
"""Characters of an item that is worth a check; longer ones are refused for that."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What those can tell who work with a value; each raises ValueError or CscdError with the reason.

    The configuration is below the layers that know an age key or a pattern when they see one, so whoever
    loads it passes that knowledge in.
    """

    recipient: Callable[[str], object]
    """Takes an item of `encryption.recovery_recipients`; what it raises must not quote it."""
    pattern: Callable[[str], object]
    """Takes an item of `cache.include` and `cache.exclude`."""

    def problems(self, tree: node.Mapping) -> Iterator[Problem]:
        """Yield a problem for every value that is refused."""
        for path, check in (
            (("encryption", "recovery_recipients"), self.recipient),
            (("cache", "include"), self.pattern),
            (("cache", "exclude"), self.pattern),
        ):
            for item in node.items(tree, path):
                why = _objection(check, item.value)
                if why:
                    yield Problem(item.place, ".".join(path), f"expected {_expected((*path, 0))}: {why}")


def _objection(check: Callable[[str], object], item: node.Plain) -> str:
    """Return why a check refuses an item; "" if it does not, or if it is no text to begin with."""
    if not isinstance(item, str) or len(item) > _LONGEST:
        return ""
    try:
        check(item)
    except (ValueError, CscdError) as error:
        return str(error) or "not usable"
    return ""


def validate(
    tree: node.Mapping, checks: Checks, *, whole: bool = True
) -> tuple[Settings | None, list[Problem]]:
    """Return the settings that a tree stands for, or None and everything that is wrong with it.

    Without `whole` it is one file among several: keys that only contradict each other are no problem then,
    for another file may have the other half.
    """
    settings, refused = None, list[ErrorDetails]()
    try:
        settings = Settings.model_validate(node.plain(tree))
    except ValidationError as error:
        refused = error.errors(include_url=False)
    checked = list(checks.problems(tree))
    places = {problem.place for problem in checked}
    found = [_problem(tree, details) for details in refused if whole or details["type"] != CONTRADICTION]
    # Who works with a value says better what is wrong with it.
    problems = [problem for problem in found if problem.place not in places] + checked
    return (None if problems else settings), problems


def _problem(tree: node.Mapping, details: ErrorDetails) -> Problem:
    """Translate one error of pydantic's."""
    path: Path = details["loc"]
    if details["type"] == "extra_forbidden":
        return Problem(node.locate_key(tree, path), _dotted(path), _unknown(path))
    if details["type"] == CONTRADICTION:
        return _contradiction(tree, path, details)
    place = node.locate(tree, path)
    if details["type"] in _STRUCTURE:
        found = "an empty one" if details["type"] == "too_short" else described(details["input"])
        return Problem(place, _dotted(path), f"expected {_expected(path)}, not {found}")
    return Problem(place, _dotted(path), details["msg"])


_STRUCTURE = {"tuple_type", "too_short", "model_type", "model_attributes_type", "dict_type"}
"""Pydantic's errors for a value of the wrong shape, whatever it is a list or a section of."""


def _contradiction(tree: node.Mapping, path: Path, details: ErrorDetails) -> Problem:
    key = (*path, str(details.get("ctx", {}).get("key", "")))
    return Problem(node.locate(tree, key), _dotted(key), details["msg"])


def _unknown(path: Path) -> str:
    """Say that there is no such key, and which one may be meant."""
    section = section_at(path[:-1])
    near = difflib.get_close_matches(str(path[-1]), section.model_fields if section else [], n=1)
    elsewhere = [key.name for key in outline() if key.path[-1] == path[-1]]
    if near:
        return f"no such key; did you mean {near[0]}?"
    if elsewhere:
        return f"no such key here; did you mean {elsewhere[0]}?"
    known: Mapping[str, object] = section.model_fields if section else {}
    return f"no such key; expected one of {', '.join(known)}"


def _expected(path: Path) -> str:
    """Return what the value at a path should be, to follow that word."""
    names = tuple(step for step in path if isinstance(step, str))
    if not names:
        return "sections"
    key = next(key for key in outline() if key.path == names)
    return key.kind.phrase if key.kind and isinstance(path[-1], int) else key.phrase


def _dotted(path: Path) -> str:
    """Return the name of the key at a path; an item of a list goes by the name of the list."""
    return ".".join(step for step in path if isinstance(step, str))
