"""What is wrong with a configuration, where it says so, and the error that carries all of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from cscd.errors import ConfigError


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a configuration file."""

    file: str
    """Its path, as it was given."""
    line: int = 0
    """Counted from 1; 0 stands for the file as a whole."""
    column: int = 0
    """Counted from 1, in characters; 0 stands for the whole line."""

    def __str__(self) -> str:
        """``file:line:column``, without the parts that are 0: what editors and terminals can jump to."""
        return ":".join([self.file, *(str(number) for number in (self.line, self.column) if number)])


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    place: Place
    key: str
    """The dotted name of the key, such as ``enforcement.retry.first``; "" where no key is meant."""
    message: str
    """What was expected, and what is there instead."""

    def __str__(self) -> str:
        """``file:line:column: key: message`` on one line."""
        return ": ".join(filter(None, [str(self.place), self.key, self.message]))


def refusal(problems: Iterable[Problem], files: Iterable[str]) -> ConfigError:
    """Return the error that names every problem once: in the order of the files read, then by place."""
    order = {file: number for number, file in enumerate(files)}
    unique = sorted(
        set(problems),
        key=lambda one: (order.get(one.place.file, -1), one.place, one.key, one.message),
    )
    return ConfigError(str(problem) for problem in unique)
