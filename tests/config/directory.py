"""A directory with configuration files, and what comes of loading them."""

import re
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

from cscd.age import parse_recipient
from cscd.config import Checks, Loaded, Source, load
from cscd.errors import ConfigError

RECIPIENT = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
"""A recipient of the age project's own tests."""


def pattern(text: str) -> object:
    """Stand in for those who work with patterns: what is a regular expression is one."""
    try:
        return re.compile(text.replace("*", ".*"))
    except re.error as error:
        raise ValueError(str(error)) from None


CHECKS = Checks(recipient=parse_recipient, pattern=pattern)


@dataclass(frozen=True, slots=True)
class Directory:
    """Where `cscd.yaml` and `cscd.yaml.d` are."""

    path: Path

    @property
    def main(self) -> Path:
        """The main file."""
        return self.path / "cscd.yaml"

    def write(self, text: str) -> None:
        """Write the main file."""
        self.main.write_text(dedent(text), encoding="utf-8")

    def add(self, name: str, text: str) -> Path:
        """Write a file in the directory of additions."""
        path = self.path / "cscd.yaml.d" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
        return path

    def source(self, *, owner: int | None = None, required: bool = True) -> Source:
        """Return where it is read from."""
        return Source(str(self.main), owner, required)

    def load(self) -> Loaded:
        """Load it."""
        return load(self.source(), CHECKS)

    def problems(self, *, owner: int | None = None) -> list[str]:
        """Load what is wrong, and return every problem with file names instead of paths."""
        with pytest.raises(ConfigError) as caught:
            load(self.source(owner=owner), CHECKS)
        return [problem.replace(f"{self.path}/", "") for problem in caught.value.problems]
