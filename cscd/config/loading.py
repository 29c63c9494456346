"""From files to settings: nothing but these files decides what comes out, and nothing is changed by it.

So the daemon can load anew while the old settings are in force, and keep them when this fails.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Final

from cscd.config import node
from cscd.config.document import parse
from cscd.config.problem import Place, Problem, refusal
from cscd.config.settings import Settings
from cscd.config.source import Source
from cscd.config.validation import Checks, validate

DEFAULT_PATH: Final = "/etc/cscd/cscd.yaml"
"""The main file of a computer; additions are in the directory `cscd.yaml.d` beside it."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where they come from."""

    settings: Settings
    origins: Mapping[str, Place]
    """Where the value of a key is written, by its dotted name; a key that is missing here has its default."""
    files: tuple[str, ...]
    """The files that were read, in the order in which one is laid over the other."""


def source(path: str | None = None) -> Source:
    """Return where this process takes its configuration from.

    With a path that file must be there; without one it is the computer's, and if that is missing all keys
    have their defaults. As root, the files must be root's alone to write.
    """
    owner = 0 if os.geteuid() == 0 else None
    return Source(path or DEFAULT_PATH, owner, required=path is not None)


def load(files: Source, checks: Checks) -> Loaded:
    """Return the settings that the files stand for.

    Raises ConfigError, which names every problem in every file. A file is refused also for a value that
    another one replaces: that it is wrong would show when the other one is gone.
    """
    texts, problems = files.read()
    trees: list[node.Mapping] = []
    for text in texts:
        tree, broken = parse(text.content, text.file)
        trees.append(tree)
        problems += broken
        problems += _new(validate(tree, checks, whole=False)[1], problems)
    whole = reduce(node.merged, trees, node.Mapping({}, Place(files.main)))
    settings, wrong = validate(whole, checks)
    problems += _new(wrong, problems)
    names = tuple(text.file for text in texts)
    if problems or settings is None:
        raise refusal(problems, names)
    return Loaded(settings, MappingProxyType(dict(node.leaves(whole))), names)


def _new(found: list[Problem], known: list[Problem]) -> list[Problem]:
    """Return the problems at places of which nothing is known yet: one problem is enough there."""
    places = {problem.place for problem in known}
    return [problem for problem in found if problem.place not in places]
