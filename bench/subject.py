"""cscd as a user starts it: one command line, a key, and a place for its state."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyrage

from bench.volume import Volume

State = Literal["encrypted", "unencrypted"]
RETRY_FOR = "10m"
"""Long enough that a pass which yields to every opener still comes back to each item."""


@dataclass(frozen=True, slots=True)
class Key:
    """An age key pair that every age implementation here uses."""

    identity: Path
    recipient: str

    @classmethod
    def make(cls, folder: Path) -> "Key":
        """A new key pair, its identity kept in `folder`."""
        path = folder / "identity.txt"
        identity = pyrage.x25519.Identity.generate()
        path.touch(mode=0o600)
        path.write_text(f"{identity}\n", encoding="ascii")
        return cls(path, str(identity.to_public()))


@dataclass(frozen=True, slots=True)
class Subject:
    """The program under test."""

    program: Path

    @classmethod
    def beside_interpreter(cls) -> "Subject":
        """The `cscd` of the virtual environment that runs the benchmark."""
        return cls(Path(sys.prefix) / "bin" / "cscd")

    def recheck(self, to: State, tree: Path, key: Key) -> list[str | Path]:
        """The command line that brings `tree` into the state `to`, in the background as is the default."""
        wish: list[str | Path] = ["--to", to, "--identity", key.identity, "--retry-for", RETRY_FOR]
        return [self.program, "recheck", *wish, tree]

    def environment(self, volume: Volume) -> Mapping[str, str]:
        """Variables that keep its state on `volume`, so that the index is as durable as the items."""
        return {"XDG_STATE_HOME": str(volume.root / "state"), "HOME": str(volume.root)}
