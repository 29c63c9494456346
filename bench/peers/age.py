"""age, started once per file: what a script around it would do."""

import os
from collections.abc import Sequence
from pathlib import Path

from bench import command, tree
from bench.peers.peer import Peer


class Age(Peer):
    """`age` for each file, two at a time."""

    name = "age"
    how = "age once per file, two at a time, to a new tree, then one sync of the filesystem"
    tools = ("age", "xargs")

    def encrypt(self) -> None:
        """`age -r RECIPIENT -o OUT IN` per file."""
        self._each(["-r", self.trial.key.recipient], self.trial.source, self.cipher)

    def decrypt(self) -> None:
        """`age -d -i IDENTITY -o OUT IN` per file."""
        self._each(["-d", "-i", str(self.trial.key.identity)], self.cipher, self.plain)

    def _each(self, options: Sequence[str], source: Path, target: Path) -> None:
        words = []
        for path in tree.files(source):
            out = target / path.relative_to(source)
            out.parent.mkdir(parents=True, exist_ok=True)
            words += [b"-o", os.fsencode(out), os.fsencode(path)]
        # Three words per start: xargs hands them to age itself, no shell in between.
        command.run(["xargs", "-0", "-n3", "-P2", "age", *options], stdin=b"\0".join(words) + b"\0")
        self.trial.volume.sync()
