"""The pass process's end of the pipe to the resident: what it reports and asks, and what it hears."""

import contextlib
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Final

from cscd.worker.keeping.reports import Answer, Hint, Reply, Report, Said, Sofar, Taken, Word
from cscd.worker.passes.announcements import Announcements
from cscd.worker.passes.places import Place, Places
from cscd.worker.passes.tally import Tally

#: Seconds between two reports of progress.
_TELL_EVERY: Final = 0.1


class Line:
    """The pipe to the resident, and what has gone over it in all roots together."""

    def __init__(self, pipe: Connection) -> None:
        self.pipe = pipe
        self._before = Tally()
        """The sums over the roots that are finished."""
        self._sent_at = 0.0
        self.announcements = Announcements(self.send)
        """What is told of items where nobody waits for an answer."""
        self._asked = 0
        """The number of the item that was asked about last."""
        self._reply: Answer | None = None

    def send(self, report: Report) -> None:
        """Tell the resident; should it have died, so will we."""
        with contextlib.suppress(ConnectionError):
            self.pipe.send(report)

    def progress(self, tally: Tally) -> None:
        """Tell how far the pass has come, not more often than makes sense."""
        now = time.monotonic()
        if now - self._sent_at < _TELL_EVERY:
            return
        self._sent_at = now
        before = self._before
        self.send(
            Sofar(
                before.finished + tally.finished,
                before.found + tally.found,
                before.read_bytes + tally.read_bytes,
                before.found_bytes + tally.found_bytes,
                tally.waiting,
            )
        )

    def finished(self, tally: Tally) -> None:
        """Add a finished root to the sums."""
        self._before.finished += tally.finished
        self._before.found += tally.found
        self._before.read_bytes += tally.read_bytes
        self._before.found_bytes += tally.found_bytes

    # -- asking --------------------------------------------------------------------------------

    def begins(self, path: str) -> None:
        """See `Questions`."""
        self._asked += 1
        self._ask(Word(self._asked, path))

    def ends(self, path: str, reason: str) -> None:
        """See `Questions`."""
        self._ask(Word(self._asked, path, reason))

    def _ask(self, word: Word) -> None:
        self._reply = None
        self.send(Said((word,)))

    def take_reply(self) -> Answer | None:
        """See `Questions`."""
        reply, self._reply = self._reply, None
        return reply

    # -- hearing -------------------------------------------------------------------------------

    def hear(self) -> Iterator[Hint]:
        """Yield the hints that have come, without waiting, and keep the reply if one has."""
        with contextlib.suppress(EOFError, ConnectionError):  # the resident has ended, and we are about to
            while self.pipe.poll():
                message: Hint | Reply = self.pipe.recv()
                if isinstance(message, Hint):
                    yield message
                elif message.number == self._asked:
                    self._reply = message.answer


class RootInbox:
    """The hints that the resident sends to the root at hand."""

    def __init__(self, root: str, line: Line) -> None:
        self._root = root
        self._line = line

    def fileno(self) -> int:
        """Return the descriptor of the pipe."""
        return self._line.pipe.fileno()

    def take(self) -> Places:
        """Return what has come for this root; the resident keeps what was meant for another one."""
        items: list[Place] = []
        subtrees: list[str] = []
        for hint in self._line.hear():
            if hint.root == self._root:
                items += hint.places.items
                subtrees += hint.places.subtrees
                self._line.send(Taken())
        return Places(tuple(items), tuple(subtrees))
