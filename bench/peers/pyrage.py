"""pyrage in a loop: naive, batched, and batched in two processes. `loop` is the program."""

import sys
from pathlib import Path
from typing import ClassVar

from bench import command
from bench.peers.peer import InPlace, Peer

ROOT = Path(__file__).resolve().parents[2]
"""The directory that holds the package `bench`."""


class Plain(Peer):
    """Read, encrypt, write; one file after the other."""

    name = "pyrage"
    how = "pyrage in a loop, to a new tree, then one sync of the filesystem"
    way: ClassVar[str] = "plain"

    def encrypt(self) -> None:
        """Run the loop on the source."""
        self._loop("encrypt", self.trial.source, self.cipher)

    def decrypt(self) -> None:
        """Run the loop on what it made."""
        self._loop("decrypt", self.cipher, self.plain)

    def _loop(self, direction: str, source: Path, target: Path) -> None:
        key = self.trial.key.identity
        argv: list[str | Path] = [
            sys.executable,
            "-m",
            "bench.peers.loop",
            self.way,
            direction,
            key,
            source,
            target,
        ]
        command.run(argv, env={"PYTHONPATH": str(ROOT)})


class Batched(InPlace, Plain):
    """In place, safe against a power cut, 256 files per wait for the disk."""

    name = "pyrage-batched"
    how = "pyrage in place: 256 temporary files per syncfs, each renamed only when durable"
    way = "batched"

    def encrypt(self) -> None:
        """Run the loop on the copy, in place."""
        self._loop("encrypt", self.cipher, self.cipher)


class Forked(Batched):
    """The same in two processes."""

    name = "pyrage-forked"
    how = "as pyrage-batched, in two processes with half of the files each"
    way = "forked"
