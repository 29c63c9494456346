"""A name in an open directory for a key file of our own: put there whole or not at all.

Whoever loses such a file loses what was encrypted to it. So a file gets its name only when it is on the
medium with all that it holds; the name is on the medium before anybody uses the key; and of two who put a
file there at once, both go on with the one that came first. Nothing is replaced but by `replace`, and then
the name has the old file or the new one, whole, at every instant.
"""

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from cscd.errors import KeyFileError
from cscd.keys.keyfile import KeyFile, open_ours, read_ours

_NO_UNNAMED: Final = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)
"""What open(2) answers to O_TMPFILE where the filesystem or the kernel has no unnamed files."""

_UNFINISHED: Final = re.compile(r"\..+-[0-9a-f]{16}")
"""A name that a file has before it gets its own; see the function `_unfinished`."""


@dataclass(frozen=True, slots=True)
class Place:
    """A name in a directory that is held open by somebody else."""

    directory: str
    """The directory's path, for messages."""
    fd: int
    name: str

    @property
    def path(self) -> str:
        """The file's path, for messages."""
        return os.path.join(self.directory, self.name)

    def read(self) -> KeyFile | None:
        """Return the file as it is, None if there is none. Raises KeyFileError for what must not be used."""
        return self._read(lambda _: None)

    def settled(self) -> KeyFile | None:
        """Return the file as `read` does, and be sure that it is on the medium with its name."""
        return self._read(self._settle)

    def keep(self, make: Callable[[], bytes]) -> tuple[KeyFile, bool]:
        """Return the file, put there first if there is none, and whether it was.

        `make` returns what it shall hold. Raises as `read` does, and KeyFileError where it cannot be written.
        """
        if found := self.settled():
            return found, False
        made = self.put(make())
        if found := self.settled():
            return found, made
        raise KeyFileError(f"{self.path} was removed while it was made", "missing", path=self.path)

    def put(self, content: bytes) -> bool:
        """Put a file there, durable with its name; False if somebody else's is there already.

        Raises KeyFileError where that cannot be done.
        """
        with told_as_unwritable(self.path):
            made = self._make(content)
            os.fsync(self.fd)
        return made

    def _read(self, first: Callable[[int], None]) -> KeyFile | None:
        try:
            fd = open_ours(self.path, self.name, self.fd)
        except FileNotFoundError:
            return None
        try:
            first(fd)
            return read_ours(self.path, fd)
        finally:
            os.close(fd)

    def _settle(self, fd: int) -> None:
        # Whoever made the file may not have come to this yet, and we are about to rely on it.
        with told_as_unwritable(self.path, "made durable"):
            os.fsync(fd)
            os.fsync(self.fd)

    def _make(self, content: bytes) -> bool:
        """Write a new file under the name; False if somebody else was faster."""
        try:
            fd = os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600, dir_fd=self.fd)
        except OSError as error:
            if error.errno not in _NO_UNNAMED:
                raise
            return self._make_by_name(content)
        try:
            _write(fd, content)
            return self._link(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

    def _make_by_name(self, content: bytes) -> bool:
        """Do the same where the filesystem has no unnamed files."""
        name = _unfinished(self.name)
        try:
            _write_new(self.fd, name, content)
            return self._link(name)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=self.fd)

    def _link(self, source: str) -> bool:
        """Give the written file its name. Unlike rename(2), link(2) never replaces what has that name."""
        try:
            os.link(source, self.name, src_dir_fd=self.fd, dst_dir_fd=self.fd, follow_symlinks=True)
        except FileExistsError:
            return False
        return True


def replace(directory: str, fd: int, contents: Mapping[str, bytes]) -> None:
    """Put files into a directory, durable with their names, in place of what has these names.

    Each name has the old file or the new one, whole, at every instant. All are written before the first gets
    its name: whoever is killed leaves all the old ones, or, for the instant that renaming takes, some of
    each.

    Args:
        directory: the directory's path, for messages.
        fd: the directory.
        contents: what each name shall hold.

    Raises KeyFileError, whose `path` names the directory, where that cannot be done.
    """
    unfinished = {_unfinished(name): name for name in contents}
    with told_as_unwritable(directory):
        try:
            for temporary, name in unfinished.items():
                _write_new(fd, temporary, contents[name])
            for temporary, name in unfinished.items():
                os.rename(temporary, name, src_dir_fd=fd, dst_dir_fd=fd)
        except BaseException:
            _remove(fd, unfinished)
            raise
        os.fsync(fd)


def sweep(fd: int) -> None:
    """Remove what killed writers have left in a directory; for whoever knows that no other one is at work."""
    _remove(fd, [name for name in os.listdir(fd) if _UNFINISHED.fullmatch(name)])


@contextlib.contextmanager
def told_as_unwritable(path: str, what: str = "written") -> Iterator[None]:
    """Raise KeyFileError for a system call that fails while keys are written, moved or removed."""
    try:
        yield
    except OSError as error:
        raise KeyFileError(
            f"{path} cannot be {what}: {os.strerror(error.errno or 0)}",
            "unwritable",
            path=path,
            errno=error.errno,
        ) from error


def _unfinished(name: str) -> str:
    """Return the name for a file that is to get `name` when it is whole."""
    return f".{name}-{secrets.token_hex(8)}"


def _remove(fd: int, names: Iterable[str]) -> None:
    """Remove files that nobody has come to rely on, as far as that works."""
    for name in names:
        with contextlib.suppress(OSError):
            os.unlink(name, dir_fd=fd)


def _write_new(directory: int, name: str, content: bytes) -> None:
    """Write a file under a name that nothing has yet, and make its content durable."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600, dir_fd=directory)
    try:
        _write(fd, content)
    finally:
        os.close(fd)


def _write(fd: int, content: bytes) -> None:
    """Write a new file whole and make it durable; its mode is 0600 whatever the umask took away."""
    os.fchmod(fd, 0o600)
    while content:
        content = content[os.write(fd, content) :]
    os.fsync(fd)
