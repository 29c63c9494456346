"""Loops around pyrage (age in Rust, called from Python): what one would write in an afternoon.

This is a program of its own, `python -m bench.peers.loop WAY DIRECTION IDENTITY SOURCE TARGET`, so that the
peer pays for the start of an interpreter as cscd does. The ways:

* `plain`: read, encrypt, write to the new tree TARGET; one syncfs at the end.
* `batched`: in place (TARGET is SOURCE) and safe against a power cut. Per batch: write temporary files and
  start their writeback, one syncfs for all, then rename each over its original; one syncfs at the end.
* `forked`: the same, the files dealt to two processes.

None of them looks at leases, keeps modes and times, or could stop in the middle; cscd has to.
"""

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyrage

from bench import tree

BATCH = 256
"""Files that share one wait for the disk."""
STREAM = 1 << 20
"""Bytes from which on pyrage's streaming calls are faster than its calls on bytes."""
SYNC_FILE_RANGE_WRITE = 2
"""Start the writeback, do not wait for it (sync_file_range(2))."""
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Cipher:
    """One direction with one key."""

    encrypts: bool
    identity: Any  # pyrage has no types

    def convert(self, source: Path, target: Path) -> None:
        """Write the converted `source` to `target`."""
        if source.stat().st_size >= STREAM:
            stream = pyrage.encrypt_file if self.encrypts else pyrage.decrypt_file
            stream(os.fspath(source), os.fspath(target), self._keys)
        else:
            whole = pyrage.encrypt if self.encrypts else pyrage.decrypt
            target.write_bytes(whole(source.read_bytes(), self._keys))

    @cached_property
    def _keys(self) -> list[Any]:
        return [self.identity.to_public()] if self.encrypts else [self.identity]


def plain(cipher: Cipher, source: Path, target: Path) -> None:
    """Convert the tree `source` to the new tree `target`."""
    for path in tree.files(source):
        out = target / path.relative_to(source)
        out.parent.mkdir(parents=True, exist_ok=True)
        cipher.convert(path, out)
    _sync(target)


def batched(cipher: Cipher, paths: Sequence[Path]) -> None:
    """Convert `paths` in place."""
    for start in range(0, len(paths), BATCH):
        batch = [(path, path.with_name(f".{path.name}.tmp")) for path in paths[start : start + BATCH]]
        for path, temporary in batch:
            cipher.convert(path, temporary)
            _start_writeback(temporary)
        _sync(batch[0][0].parent)
        for path, temporary in batch:
            temporary.replace(path)
    if paths:
        _sync(paths[0].parent)


def forked(cipher: Cipher, paths: Sequence[Path]) -> None:
    """`batched` in two processes, each with every other file."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            batched(cipher, paths[1::2])
            status = 0
        finally:
            os._exit(status)
    batched(cipher, paths[0::2])
    if os.waitpid(child, 0)[1] != 0:
        raise ChildProcessError("the second process failed")


def main(words: Sequence[str]) -> None:
    """Convert one tree and return when it is durable."""
    way, direction, identity, source, target = words
    key = pyrage.x25519.Identity.from_str(Path(identity).read_text(encoding="ascii").strip())
    cipher = Cipher(direction == "encrypt", key)
    if way == "plain":
        plain(cipher, Path(source), Path(target))
    else:
        {"batched": batched, "forked": forked}[way](cipher, list(tree.files(Path(source))))


def _sync(path: Path) -> None:
    """syncfs(2) of the filesystem that holds `path`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _libc.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs", os.fspath(path))
    finally:
        os.close(descriptor)


def _start_writeback(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        zero = ctypes.c_int64(0)
        if _libc.sync_file_range(descriptor, zero, zero, SYNC_FILE_RANGE_WRITE) != 0:
            raise OSError(ctypes.get_errno(), "sync_file_range", os.fspath(path))
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    main(sys.argv[1:])
