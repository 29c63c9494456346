"""cp and sync: no encryption at all, the yardstick for everything else."""

from bench import tree
from bench.peers.peer import Peer


class Copying(Peer):
    """`cp -a` the tree, then sync its filesystem."""

    name = "cp"
    how = "cp -a to a new tree, then one sync of the filesystem; no encryption"

    def encrypt(self) -> None:
        """Copy the source."""
        tree.copy(self.trial.source, self.cipher)
        self.trial.volume.sync()

    def decrypt(self) -> None:
        """Copy the copy."""
        tree.copy(self.cipher, self.plain)
        self.trial.volume.sync()
