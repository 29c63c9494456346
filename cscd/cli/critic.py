"""Who watches the demonstration and notes what did not go as it was told."""

import os
from collections.abc import Mapping

from cscd.cli import exhibits
from cscd.cli.exhibits import Exhibit
from cscd.cli.exitcodes import ExitCode
from cscd.cli.names import shown
from cscd.cli.stage import Done


class Critic:
    """What was wrong so far."""

    def __init__(self, cache: str) -> None:
        """Take the directory of the files."""
        self._cache = cache
        self.wrong: list[str] = []
        """In words; empty if all is well."""

    def note(self, wrong: str) -> None:
        """Note what was wrong."""
        self.wrong.append(wrong)

    def expect(self, done: Done, code: ExitCode, what: str) -> None:
        """Note if a command ended with another code."""
        if done.code != code:
            self.note(f"{what} ended with {done.code} instead of {code.value}")

    def expect_states(self, states: Mapping[str, str]) -> None:
        """Note which files are not what they should be, by their first bytes."""
        for path, asked in states.items():
            state = exhibits.state_of(os.path.join(self._cache, path))
            if state != asked:
                self.note(f"{shown(path)} was {state} where it should have been {asked}")

    def compare(self, before: Mapping[str, Exhibit], after: Mapping[str, Exhibit], read: str) -> None:
        """Note every difference; only the access time of the file `read` may be another one."""
        for path in sorted(before.keys() | after.keys()):
            old, new = before.get(path), after.get(path)
            if old is None or new is None:
                self.note(f"{shown(path)} {'is new' if old is None else 'is gone'}")
                continue
            differences = set(old.differences(new))
            if path == read:
                differences.discard("accessed_ns")
            if differences:
                self.note(f"{shown(path)}: {', '.join(sorted(differences))} changed")
