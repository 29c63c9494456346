"""rclone with its crypt backend over a local directory."""

from pathlib import Path

from bench import command
from bench.peers.peer import Peer

CONFIGURATION = """[vault]
type = crypt
remote = {remote}
password = {password}
"""


class Rclone(Peer):
    """`rclone copy` into a crypt remote and out of it."""

    name = "rclone"
    how = "rclone copy --transfers 8 to a crypt remote in a local directory, then one sync"
    tools = ("rclone",)

    def prepare(self) -> None:
        """Write the configuration: NaCl SecretBox content, names encrypted too, as by default."""
        password = command.run(["rclone", "obscure", self.trial.key.recipient]).strip()
        text = CONFIGURATION.format(remote=self.cipher, password=password)
        self._configuration.write_text(text, encoding="utf-8")

    def encrypt(self) -> None:
        """Copy the source in."""
        self._copy(self.trial.source, "vault:")

    def decrypt(self) -> None:
        """Copy everything out."""
        self._copy("vault:", self.plain)

    @property
    def _configuration(self) -> Path:
        return self.trial.space / "rclone.conf"

    def _copy(self, source: str | Path, target: str | Path) -> None:
        command.run(["rclone", "--config", self._configuration, "copy", "--transfers", "8", source, target])
        self.trial.volume.sync()
