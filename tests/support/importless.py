"""A fork server whose workers cannot import: as where the interpreter lies out of their users' reach.

A program: its arguments are a file to which the name of each module is added that a worker or any process
of its asks for, and the descriptor to talk over.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

from cscd.worker.channel import Channel
from cscd.worker.forkserver import main
from cscd.worker.keeping import resident


class Refusal:
    """A finder that finds nothing, and takes note of what it was asked for."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Refuse."""
        del path, target
        self._refuse(name)

    @staticmethod
    def _refuse(name: str) -> NoReturn:
        note = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
        os.write(note, f"{name}\n".encode())
        os.close(note)
        raise ImportError(name)


def run(channel: Channel) -> int:
    """Be a worker that cannot import."""
    sys.meta_path.insert(0, Refusal())
    return resident.run(channel)


if __name__ == "__main__":
    os._exit(main(sys.argv[-1:], run))
