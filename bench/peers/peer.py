"""What every peer does: encrypt a tree to completion, then get the plain tree back; both timed."""

import shutil
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bench import tree
from bench.subject import Key, Subject
from bench.volume import Volume


@dataclass(frozen=True, slots=True)
class Trial:
    """One peer's one round."""

    volume: Volume
    source: Path
    """The plain tree, in the page cache; nobody writes to it."""
    space: Path
    """An empty directory on the volume, for this trial alone."""
    key: Key
    subject: Subject


class Peer(ABC):
    """One way to encrypt a tree. Only `encrypt` and `decrypt` are timed."""

    name: ClassVar[str]
    how: ClassVar[str]
    """What is timed, and what is durable when the time ends: one sentence."""
    tools: ClassVar[tuple[str, ...]] = ()
    """Programs without which it cannot run."""

    def __init__(self, trial: Trial) -> None:
        """Prepare nothing yet; `trial` says where to work."""
        self.trial = trial
        self.cipher = trial.space / "cipher"
        self.plain = trial.space / "plain"

    @classmethod
    def missing(cls, volume: Volume, subject: Subject) -> str:
        """Why it cannot run here, `""` if it can."""
        del volume, subject
        return ", ".join(f"{tool} is not installed" for tool in cls.tools if shutil.which(tool) is None)

    def prepare(self) -> None:  # noqa: B027 - most peers need nothing
        """Whatever has to be there before encrypting starts."""

    @abstractmethod
    def encrypt(self) -> None:
        """Encrypt `trial.source` (or the copy made by `prepare`); durable on return."""

    def turn(self) -> None:
        """Between encrypting and decrypting: by default, have what was encrypted in the page cache."""
        tree.warm(self.cipher)

    @abstractmethod
    def decrypt(self) -> None:
        """Get the plain tree back; durable on return."""

    def close(self) -> None:  # noqa: B027 - most peers leave nothing but files
        """Let go of everything but files; called once, also after a failure."""


class InPlace(Peer):
    """A peer that replaces each file where it stands. Its tree is a fresh copy of the source."""

    def __init__(self, trial: Trial) -> None:
        """Both trees are the same one."""
        super().__init__(trial)
        self.cipher = self.plain = trial.space / "tree"

    def prepare(self) -> None:
        """Copy the source: the copy's pages are warm by that."""
        tree.copy(self.trial.source, self.cipher)
