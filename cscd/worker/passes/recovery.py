"""Restoring one tree, or one file of it, into another place: plain copies of everything that opens.

No index, no lease, nothing of the user's is written: the originals may be on a read-only mount
and belong to anybody. Copies go to the medium many at a time, and get their names when they are there. Killed
at any instant, every name in the target leads to a whole file; repeating it does the rest.
"""

import contextlib
import os
import stat
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from cscd.errors import CancelledError
from cscd.files import kernel
from cscd.files.flush import Flush
from cscd.files.outcome import LeftAlone, Outcome, Reason, Result
from cscd.files.restore import Copy, Manner, left_alone, own
from cscd.files.rewrite import Rewriter
from cscd.files.tree import Tree
from cscd.files.walk import Slice, walk
from cscd.worker.passes.recheck import Watcher
from cscd.worker.passes.tally import Tally, join

_TOGETHER: Final = 64
"""Copies that go to the medium together; each holds three descriptors."""
_BYTES_TOGETHER: Final = 64 << 20
_PRIVATE: Final = 0o700
_PERMISSIONS: Final = 0o777


@dataclass(frozen=True, slots=True)
class Source:
    """What is restored, and where to."""

    tree: Tree
    only: str
    """One file of the tree; "" for all of it."""
    base: str
    """The directory in the target that stands for the tree; "" for the target itself."""


class Recovery:
    """The restoring of one source."""

    def __init__(
        self,
        source: Source,
        target: Tree,
        manner: Manner,
        watcher: Watcher,
        avoid: Collection[tuple[int, int]] = (),
    ) -> None:
        """Prepare; nothing happens before `run`. `avoid` are directories that are not entered."""
        self._source = source
        self._target = target
        self._manner = manner
        self._watcher = watcher
        self._avoid = avoid
        self._rewriter = Rewriter(min(4, os.cpu_count() or 1))
        self._waiting: list[_Waiting | _Made] = []
        """Copies without a name yet, and directories to be completed when those before have theirs."""
        self._made: dict[str, _Made] = {}
        """Directories of ours that are not complete, by their path in the source."""
        self._bytes = 0
        self.tally = Tally()
        self.plain = 0
        """Of the copies, those of files that were not encrypted."""
        self.lessened = 0
        """Of the copies, those without the owner, the ACL or some attribute of their original."""
        self.stopped = False
        """Whether a stop was asked for."""

    def stop(self) -> None:
        """Stop soon: after the chunk at hand. May be called from a signal handler."""
        self.stopped = True

    def run(self) -> Tally:
        """Do it and return what came of it. Everything that has a name is durable then. Raises OSError."""
        try:
            with contextlib.suppress(CancelledError):
                if self._source.only:
                    self._one()
                else:
                    self._all()
                self.tally.walked = True
                self._settle()
                self.tally.complete = True
        finally:
            for waiting in self._waiting:
                if isinstance(waiting, _Waiting):
                    self.tally.untouched += 1
                    waiting.copy.close()
            kernel.sync_filesystem(self._target.fd)
        return self.tally

    # -- what there is ---------------------------------------------------------------------------

    def _one(self) -> None:
        with _opened(self._source.tree, "") as directory:
            self._take("", directory, [self._source.only], self._target.fd)

    def _all(self) -> None:
        for step in walk(self._source.tree, self._leave, self._avoid):
            self._go_on()
            if isinstance(step, Slice):
                self._take_slice(step)
                continue
            self.tally.directories += 1
            if made := self._made.pop(step.path, None):
                self._waiting.append(made)

    def _take_slice(self, step: Slice) -> None:
        """Restore some of the files of a directory."""
        try:
            target = self._reach(step)
        except (OSError, LeftAlone) as error:
            left = error if isinstance(error, LeftAlone) else _no_directory(error)
            for name in step.files:
                self.tally.found += 1
                self._finish(step.path, name, _left(left))
            return
        try:
            self._take(step.path, step.fd, step.files, target)
        finally:
            os.close(target)

    def _reach(self, step: Slice) -> int:
        """Open the directory of the target, made if need be, and closed to others until it is complete."""
        path = join(self._source.base, step.path).rstrip("/")
        with contextlib.suppress(FileNotFoundError):
            return self._target.directory(path)
        above, name = os.path.split(path)
        with _opened(self._target, above) as parent:
            os.mkdir(name, _PRIVATE, dir_fd=parent)
        self._made[step.path] = _Made(path, os.fstat(step.fd))
        return self._target.directory(path)

    def _take(self, path: str, directory: int, names: list[str], target: int) -> None:
        self.tally.found += len(names)
        for name in names:
            self._go_on()
            result = self._try(path, directory, name, target)
            if result:
                self._finish(path, name, result)
            if len(self._waiting) >= _TOGETHER or self._bytes >= _BYTES_TOGETHER:
                self._settle()
            self._watcher(self.tally, None)

    def _try(self, path: str, directory: int, name: str, target: int) -> Result | None:
        """Write one copy; returns what came of it, None if it waits for the medium."""
        copy: Copy | None = None
        waits = False
        try:
            copy = Copy(directory, name, self._manner)
            self.tally.found_bytes += copy.size
            if not copy.write(target, self._rewriter, check=self._go_on, count=self._count):
                return Result(Outcome.RIGHT, size=copy.size)
            self._waiting.append(_Waiting(path, name, copy))
            self._bytes += copy.size
            waits = True
        except LeftAlone as left:
            return _left(left)
        except OSError as error:
            return _result(error)
        finally:
            if copy is not None and not waits:
                copy.close()
        return None

    # -- from the medium to a name -----------------------------------------------------------------

    def _settle(self) -> None:
        """Wait until all copies are on the medium, and give them their names."""
        waiting, self._waiting = self._waiting, []
        self._bytes = 0
        copies = [each.copy for each in waiting if isinstance(each, _Waiting)]
        try:
            failed = Flush([copy.new for copy in copies]).wait(_nothing)
            for each in waiting:
                if isinstance(each, _Made):
                    self._complete(each)
                else:
                    self._finish(each.path, each.name, self._name(each.copy, failed.get(each.copy.new)))
        finally:
            for copy in copies:
                copy.close()

    def _name(self, copy: Copy, error: OSError | None) -> Result:
        try:
            if error:
                return _result(error)
            copy.give_name()
        except LeftAlone as left:
            return _left(left)
        except OSError as failure:
            return _result(failure)
        self.plain += copy.was_plain
        self.lessened += copy.lessened
        return Result(Outcome.UNENCRYPTED, size=copy.size)

    def _complete(self, made: "_Made") -> None:
        """Give a directory that was made the owner, permissions and times of its original."""
        with contextlib.suppress(OSError, LeftAlone), _opened(self._target, made.path) as fd:
            owned = own(fd, made.status)
            os.fchmod(fd, stat.S_IMODE(made.status.st_mode) & _PERMISSIONS)
            os.utime(fd, ns=(made.status.st_atime_ns, made.status.st_mtime_ns))
            self.lessened += not owned

    # -- counting ----------------------------------------------------------------------------------

    def _go_on(self) -> None:
        if self.stopped:
            raise CancelledError("stopped on request")

    def _count(self, read: int) -> None:
        self.tally.read_bytes += read
        self._watcher(self.tally, None)

    def _finish(self, path: str, name: str, result: Result) -> None:
        self.tally.finished += 1
        self.tally.add(path, name, result)

    def _leave(self, path: str, name: str, left: LeftAlone) -> None:
        """Count what is not walked."""
        result = _left(left)
        self.tally.leave(join(path, name) or ".", result)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A copy on its way to the medium."""

    path: str
    name: str
    copy: Copy


@dataclass(frozen=True, slots=True)
class _Made:
    """A directory that we made, and what its original is like."""

    path: str
    """In the target."""
    status: os.stat_result


def _nothing() -> None:
    """Let a wait for the medium come to its end: it is short."""


def _left(left: LeftAlone) -> Result:
    return Result(Outcome.LEFT, left.reason, left.errno, detail=left.detail)


def _result(error: OSError) -> Result:
    left = left_alone(error)
    return _left(left) if left else Result(Outcome.GONE)


def _no_directory(error: OSError) -> LeftAlone:
    """Say why there is no directory to put copies into."""
    if isinstance(error, NotADirectoryError | FileExistsError):
        return LeftAlone(Reason.TARGET_EXISTS, error.errno or 0, "no directory there")
    return left_alone(error) or LeftAlone(Reason.IO_ERROR, error.errno or 0)


@contextlib.contextmanager
def _opened(tree: Tree, path: str) -> Iterator[int]:
    fd = tree.directory(path)
    try:
        yield fd
    finally:
        os.close(fd)
