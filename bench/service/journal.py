"""What the daemon logs, read while it is written."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf
from pathlib import Path
from typing import Any

from bench.command import CommandError

LOOK = 0.005
"""Seconds between two looks for new lines. What is timed are the times in the lines."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event."""

    at: float
    """Seconds since 1970."""
    event: str
    uid: int
    """Whose, -1 for nobody's."""
    fields: dict[str, Any]

    @classmethod
    def of(cls, line: bytes) -> "Entry":
        """What a line says."""
        fields = json.loads(line)
        return cls(
            datetime.fromisoformat(fields["time"]).timestamp(), fields["event"], fields.get("uid", -1), fields
        )


class Journal:
    """The log file of one daemon, from the moment at which this was made."""

    def __init__(self, path: Path) -> None:
        """Take the file, which need not be there yet."""
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._entries: list[Entry] = []

    def entries(self) -> list[Entry]:
        """What was logged so far."""
        if self._path.exists():
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
            whole = data[: data.rfind(b"\n") + 1]
            self._offset += len(whole)
            self._entries += [Entry.of(line) for line in whole.splitlines()]
        return self._entries

    def first(
        self, since: Mapping[int, float], wanted: Callable[[Entry], bool], seconds: float
    ) -> dict[int, Entry]:
        """For each of these users, the first event since then that is wanted; returns when all have one.

        Args:
            since: the moment from which on an event counts, by uid.
            wanted: whether an event is what is waited for.
            seconds: how long to wait at most.

        Raises:
            CommandError: somebody had none in time.
        """
        found: dict[int, Entry] = {}
        deadline = time.monotonic() + seconds
        looked = 0
        while len(found) < len(since):
            entries = self.entries()
            for entry in entries[looked:]:
                if entry.at >= since.get(entry.uid, inf) and entry.uid not in found and wanted(entry):
                    found[entry.uid] = entry
            looked = len(entries)
            if time.monotonic() > deadline:
                raise CommandError(f"{self._path}: {len(since) - len(found)} users waited for {seconds:g} s")
            time.sleep(LOOK)
        return found
