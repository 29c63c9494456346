"""One pass under way, as the resident sees it: its process, what it was given, what has come of it so far."""

import time
from collections.abc import Sequence
from typing import Final

from cscd.errors import MessageError
from cscd.worker.channel import Channel
from cscd.worker.keeping.attempt import Attempt
from cscd.worker.keeping.charge import Charge
from cscd.worker.keeping.ending import pass_ended
from cscd.worker.keeping.errand import Errand, few
from cscd.worker.keeping.reports import Begun, Finished, Heard, Reply, Report, Said, Sofar
from cscd.worker.messages import Go, ItemBegins, ItemEnds, PassEnded, PassProgress, Setup, StartPass
from cscd.worker.passes.places import WHOLE

#: Seconds between two messages about progress.
_PROGRESS: Final = 1.0
#: Items that a pass takes in that was made for a few.
_FEW: Final = 64
#: Characters of paths in one hint: less than a pipe holds, however they are encoded.
_HINT: Final = 16_384
#: Characters of a path in a message. The walk by directories comes to longer ones, too.
_LONGEST: Final = 4096


class Course:
    """One pass from its start to its end."""

    def __init__(
        self,
        start: StartPass,
        setup: Setup,
        charges: Sequence[Charge],
        channel: Channel,
        keys: int | None = None,
    ) -> None:
        """Fork the process, which gets the end of the pipe with the identities, if there is one."""
        self.pass_id = start.pass_id
        self._everything = start.scope == "all"
        self._successes = setup.successes
        self._channel = channel
        self._began = self._progress_at = time.monotonic()
        self._charges = {charge.root.path: charge for charge in charges if charge.root.there}
        self._unknown = any(not charge.root.there and charge.root.reason != "missing" for charge in charges)
        given = {path: charge.begin(everything=self._everything) for path, charge in self._charges.items()}
        roots = {path: places for path, places in given.items() if places}
        self._whole = {path for path, places in roots.items() if places.whole}
        self._small = all(few(places) for places in roots.values())
        known = {path: self._charges[path].standing.known() for path in roots}
        self._attempt = Attempt(Errand(setup, start, roots, known, keys))
        self._at: Charge | None = None
        self._finished: list[Finished] = []
        self._asks = start.telling == "asked"
        self._asked: int | None = None
        """The number of the item of which an answer is awaited."""

    def fileno(self) -> int:
        """Return the descriptor of what the process reports, to be waited for."""
        return self._attempt.fileno()

    def stop(self) -> None:
        """End the pass after the chunk at hand."""
        self._attempt.stop()

    def go(self, answer: Go) -> None:
        """Hand on what is to be done about an item. Raises `MessageError` if that was not asked."""
        if self._attempt.stopped:
            return  # nobody waits for it any more
        if answer.number != self._asked:
            raise MessageError("an answer to what was not asked")
        self._asked = None
        self._attempt.reply(Reply(answer.number, answer.answer))

    def kill(self) -> None:
        """End the pass at once."""
        self._attempt.kill()

    def feed(self) -> None:
        """Hand what is to be looked at in the root at hand to the pass that is looking at it."""
        charge = self._at
        if not charge or not len(charge.backlog) or (self._small and len(charge.backlog) > _FEW):
            return  # it has too few converter processes for so much: the next pass has more
        if self._attempt.takes(charge.root.path):
            self._attempt.feed(charge.root.path, charge.backlog.take_some(_HINT))

    def read(self) -> bool:
        """Take in what the process reports; False once it has ended."""
        report = self._attempt.read()
        if report is None:
            return False
        self._take(report)
        return True

    def drain(self) -> bool:
        """Drop what the process reports, as nobody listens any more; False once it has ended."""
        if self._attempt.read() is not None:
            return True
        self._attempt.end()
        return False

    def _take(self, report: Report) -> None:
        if isinstance(report, Begun):
            self._at = self._charges[report.root]
        elif isinstance(report, Heard) and self._at:
            for directory, name, result in report.items:
                self._at.standing.note((directory, name), result, successes=self._successes)
        elif isinstance(report, Said):
            self._say(report)
        elif isinstance(report, Sofar):
            self._tell_progress(report)
        elif isinstance(report, Finished):
            self._finish(report)

    def _say(self, said: Said) -> None:
        for number, whole, reason in said.words:
            path = whole[:_LONGEST]
            if self._asks:
                self._asked = number
            if reason is None:
                self._channel.send(ItemBegins(pass_id=self.pass_id, number=number, path=path))
            else:
                self._channel.send(ItemEnds(pass_id=self.pass_id, number=number, path=path, reason=reason))

    def _tell_progress(self, sofar: Sofar) -> None:
        now = time.monotonic()
        if now - self._progress_at < _PROGRESS:
            return
        self._progress_at = now
        self._channel.send(
            PassProgress(
                pass_id=self.pass_id,
                items=sofar.items,
                found=sofar.found,
                bytes=sofar.read_bytes,
                found_bytes=sofar.found_bytes,
                waiting=sofar.waiting,
            )
        )

    def _finish(self, finished: Finished) -> None:
        charge = self._charges[finished.root]
        back = self._attempt.settle(finished.root, done=finished.tally.complete)
        if finished.error and (self._everything or finished.error == "died"):
            back = WHOLE  # what died may have left something behind, which only a walk finds
        charge.finish(finished, back, whole=finished.root in self._whole)
        self._finished.append(finished)
        self._at = None
        if finished.error == "target":
            tree = charge.look()  # it may be gone
            if tree:
                tree.close()

    def end(self) -> PassEnded:
        """Reap the process and say what came of the pass."""
        died = self._attempt.end() != 0
        for root in self._attempt.unsettled:
            if died:
                self._finish(Finished(root, error="died", detail="the process of the pass was killed"))
            else:
                self._charges[root].backlog.add(self._attempt.settle(root, done=False))
        return pass_ended(
            self.pass_id,
            self._finished,
            stopped=self._attempt.stopped,
            died=died,
            unknown=self._everything and self._unknown,
            seconds=time.monotonic() - self._began,
        )
