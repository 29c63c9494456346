"""gocryptfs: an encrypting FUSE filesystem; mounted, copied into, unmounted."""

from pathlib import Path

from bench import command, tree
from bench.peers.peer import Peer, Trial

SCRYPT = "10"
"""log2 of the password hash's work, the least allowed: each mount pays it, and it is not what we compare."""


class Gocryptfs(Peer):
    """cp through a mounted view."""

    name = "gocryptfs"
    how = "mount, cp -a into or out of the view, unmount, then one sync of the filesystem"
    tools = ("gocryptfs", "fusermount")

    def __init__(self, trial: Trial) -> None:
        """Work in directories of the trial."""
        super().__init__(trial)
        self.view = trial.space / "view"
        self.password = trial.space / "password"

    def prepare(self) -> None:
        """Make the encrypted directory."""
        self.password.write_text(self.trial.key.recipient, encoding="ascii")
        self.cipher.mkdir()
        self.view.mkdir()
        self._gocryptfs("-init", "-scryptn", SCRYPT, self.cipher)

    def encrypt(self) -> None:
        """Copy the source into the view."""
        self._through_view(self.trial.source, self.view / "tree")

    def decrypt(self) -> None:
        """Copy the view out."""
        self._through_view(self.view / "tree", self.plain)

    def close(self) -> None:
        """Unmount, if a failure left it mounted."""
        if self.view.is_mount():
            command.run(["fusermount", "-u", "-z", self.view])

    def _through_view(self, source: Path, target: Path) -> None:
        self._gocryptfs(self.cipher, self.view)
        tree.copy(source, target)
        command.run(["fusermount", "-u", self.view])
        self.trial.volume.sync()

    def _gocryptfs(self, *words: str | Path) -> None:
        command.run(["gocryptfs", "-q", "-passfile", self.password, *words])
