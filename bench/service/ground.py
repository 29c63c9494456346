"""What a daemon stands on: users with homes and files, a configuration, and directories of its own."""

import os
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench import tree
from bench.service.accounts import uid_of
from bench.volume import Volume

SMALLEST, LARGEST = 1 << 10, 16 << 10
"""Bytes of a user's file, evenly distributed."""
PER_FOLDER = 50
"""Files in each directory of a user."""
_CONFIG = """\
cache:
  roots: ["{{home}}/cache"]
encryption:
  policy: encrypted
sessions:
  source: runtime-directory
keys:
  machine_key_file: {root}/state/machine.key
logging:
  destination: file
  file: {root}/log/cscd.jsonl
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """One daemon's directories, on a volume to measure on."""

    root: Path

    @classmethod
    def make(cls, volume: Volume, name: str) -> "Ground":
        """A new one, in place of one of the same name."""
        root = volume.root / name
        tree.remove(root)
        for folder in ("", "homes", "sessions/sessions", "state", "run", "log"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for open_to_all in (root, root / "homes", root / "state"):
            open_to_all.chmod(0o711)
        ground = cls(root)
        ground.config.write_text(_CONFIG.format(root=root), encoding="utf-8")
        ground.config.chmod(0o600)
        return ground

    @property
    def config(self) -> Path:
        """The daemon's configuration."""
        return self.root / "cscd.yaml"

    @property
    def homes(self) -> Path:
        """The directory of all homes."""
        return self.root / "homes"

    @property
    def sessions(self) -> Path:
        """What stands for /run/systemd."""
        return self.root / "sessions"

    @property
    def log(self) -> Path:
        """Where the daemon writes what happens."""
        return self.root / "log" / "cscd.jsonl"

    @property
    def control(self) -> Path:
        """The daemon's control socket."""
        return self.root / "run" / "control"

    @property
    def notified(self) -> Path:
        """Where the daemon says that it is ready, and alive."""
        return self.root / "run" / "notify"

    def cache(self, uid: int) -> Path:
        """The root of a user's cache."""
        return self.homes / str(uid) / "cache"

    def settle_in(self, users: Iterable[int], files: int) -> None:
        """Give homes with plain files in their caches to the users with these numbers."""
        dice = random.Random(1)
        for number in users:
            uid = uid_of(number)
            cache = self.cache(uid)
            _directory(cache.parent, uid)
            _directory(cache, uid)
            for first in range(0, files, PER_FOLDER):
                folder = cache / f"folder-{first // PER_FOLDER:04}"
                _directory(folder, uid)
                for name in range(first, min(files, first + PER_FOLDER)):
                    write(
                        folder / f"item-{name:05}.bin", uid, dice.randbytes(dice.randint(SMALLEST, LARGEST))
                    )

    def plain(self, users: Iterable[int]) -> int:
        """How many files of these users are not encrypted."""
        return sum(tree.unencrypted(self.cache(uid_of(number))) for number in users)


def write(path: Path, uid: int, content: bytes) -> int:
    """Make a file as this user would have it, and return its inode; it is closed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchown(descriptor, uid, uid)
        os.write(descriptor, content)
        return os.fstat(descriptor).st_ino
    finally:
        os.close(descriptor)


def _directory(path: Path, uid: int) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, uid, uid)
