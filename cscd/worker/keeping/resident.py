"""The worker of one user: watches the roots, asks for passes, has them done, comes back to what is left.

One thread and one loop, which sleeps in poll(2) until the daemon, the watch, the pass or a timer wants
something. What takes memory or time is done by the process that it forks for each pass: see `course`.
"""

import os
import select
import signal
import time
from math import inf
from typing import Final

from cscd.errors import MessageError
from cscd.files.tree import Tree
from cscd.worker.channel import Channel
from cscd.worker.keeping.arrivals import Arrivals
from cscd.worker.keeping.charge import Charge
from cscd.worker.keeping.course import Course
from cscd.worker.keeping.notice import Notice
from cscd.worker.keeping.telling import Teller
from cscd.worker.keeping.vigil import Vigil
from cscd.worker.keeping.wants import Wants
from cscd.worker.messages import Go, Ping, Pong, Ready, Setup, StartPass, StopPass
from cscd.worker.passes.pending import Backoff
from cscd.worker.passes.selection import Selection
from cscd.worker.passes.silence import silence_watchdog
from cscd.worker.passes.spared import own_state

#: Seconds for which a pass waits at most until the watch sees everything: then nothing is looked at twice.
_SETTLE: Final = 0.5
#: Seconds from a hint that a root has come to the look for it: where much happens, most hints mean nothing.
_SOON: Final = 0.05
#: Seconds in which a pass ends that is stopped, of the five in which the service stops.
_STOP_AT_MOST: Final = 3.5
_DAY: Final = 86_400.0
#: The share of a retry's wait that chance may take off.
_JITTER: Final = 0.25
#: Ends and stops are for the daemon to decide, which closes the channel.
_IGNORED: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)


def run(channel: Channel) -> int:
    """Be the worker until the daemon closes the channel; returns the exit code."""
    for ignored in _IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    silence_watchdog()
    resident = Resident(channel)
    code = 0
    try:
        resident.work()
    except (EOFError, ConnectionError):
        pass
    except MessageError:
        code = 1  # a daemon that we do not understand: it starts another worker
    finally:
        resident.end()
    return code


class Resident:
    """What the worker knows and has at work."""

    def __init__(self, channel: Channel) -> None:
        """Wait for the setup."""
        self._channel = channel
        self._teller = Teller(channel)
        self._setup: Setup | None = None
        self._charges: dict[str, Charge] = {}
        self._wants = Wants()
        self._notice = Notice(channel)
        self._vigil = Vigil(self._lost)
        self._arrivals = Arrivals()
        self._course: Course | None = None
        self._keys: int | None = None
        """The end of a pipe with the identities for the pass to come; they are not read here."""
        self._held: StartPass | None = None
        """A pass that waits a moment until the watch sees everything."""
        self._anew = False
        """Whether other roots are there than are watched."""

    def work(self) -> None:
        """Do what is wanted, for ever. Raises EOFError at the end of the stream, and `MessageError`."""
        while True:
            self._wait()
            self._catch_up()

    def _wait(self) -> None:
        """Sleep until something is wanted, and take in what has come."""
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        if self._vigil.fileno() >= 0:
            poll.register(self._vigil, select.POLLIN)
        if self._course:
            poll.register(self._course, select.POLLIN)
        self._arrivals.register(poll)
        ready = {fd for fd, _ in poll.poll(self._timeout())}
        if self._channel.fileno() in ready:
            message, beside = self._channel.receive()
            self._take(message, beside)
        if self._vigil.fileno() in ready:
            self._vigil.heard()
        if self._course and self._course.fileno() in ready:
            self._notice.changed()
            if not self._course.read():
                self._finish()
        if self._arrivals.heard(ready):
            self._arrived()

    def _timeout(self) -> int | None:
        """Return the milliseconds until the next timer, None if there is none."""
        now = time.monotonic()
        due = min(self._due(now))
        return None if due == inf else int(min(max(0.0, due - now), _DAY) * 1000) + (due > now)

    def _due(self, now: float) -> list[float]:
        due = [self._vigil.due, self._notice.due]
        if self._held:
            due.append(self._vigil.settled_by + _SETTLE)
        if not self._course and not self._held:
            due.append(self._wants.due)
        for charge in self._charges.values():
            due += charge.due(now)
        return due

    # -- what the daemon says ------------------------------------------------------------------

    def _take(self, message: Setup | StartPass | StopPass | Go | Ping, beside: int | None) -> None:
        if isinstance(message, Setup):
            self._set_up(message)
        elif isinstance(message, StartPass):
            if not self._setup or self._course or self._held:
                raise MessageError("a pass is to start before the setup, or while another one is under way")
            self._held, self._keys = message, beside
        elif isinstance(message, StopPass):
            self._stop(message)
        elif isinstance(message, Go):
            if self._course and self._course.pass_id == message.pass_id:  # else its pass has ended meanwhile
                self._course.go(message)
        else:
            self._channel.send(Pong(number=message.number))

    def _set_up(self, setup: Setup) -> None:
        self._setup = setup
        backoff = Backoff(setup.retry_first, setup.retry_longest, _JITTER)
        before, self._charges = self._charges, {}
        for path in setup.roots:
            charge = before.get(path) or Charge(path, backoff, self._teller.tell)
            charge.standing.pending.backoff = backoff
            self._charges[path] = charge
        self._channel.send(Ready())  # before anything that the roots give reason to say
        self._watch()

    def _stop(self, message: StopPass) -> None:
        if self._course and self._course.pass_id == message.pass_id:
            self._course.stop()
        elif self._held and self._held.pass_id == message.pass_id:
            self._begin(self._held).stop()

    # -- roots and their watch -----------------------------------------------------------------

    def _watch(self) -> None:
        """Look for all roots, and watch those that are there."""
        assert self._setup  # noqa: S101 - only called with it
        setup = self._setup
        looked = [(charge, tree) for charge in self._charges.values() if (tree := self._look(charge))]
        try:
            needed = own_state(setup.state_directory, (tree for _, tree in looked))
            self._vigil.watch(looked, Selection(setup.include, setup.exclude, needed))
        finally:
            for _, tree in looked:
                tree.close()
        self._listen()
        self._notice.changed()

    def _listen(self) -> None:
        """Hear of it where a root may come, or go with its filesystem."""
        awaited = [charge.root.path for charge in self._charges.values() if not charge.root.there]
        mounts = bool(awaited) or any(charge.root.mount for charge in self._charges.values())
        self._arrivals.listen(awaited, mounts=mounts)

    def _arrived(self) -> None:
        """Look soon whether a root has come, and now whether one has gone."""
        soon = time.monotonic() + _SOON
        for charge in self._charges.values():
            if not charge.root.there:
                charge.root.due = min(charge.root.due, soon)
            elif charge.root.replaced():
                self._lost(charge)
        self._notice.changed()

    def _lost(self, charge: Charge) -> None:
        """Wait for a root that is not there any more, or is another directory now, which nobody watches."""
        charge.lose()
        self._anew = True

    def _look(self, charge: Charge) -> Tree | None:
        """Look for a root, if it is time to; one that was waited for gets a pass."""
        awaited = charge.root.told
        if awaited and charge.root.due > time.monotonic():
            return None
        tree = charge.look()
        if tree and awaited:
            self._wants.everything("root_found")
        return tree

    def _look_for_roots(self) -> None:
        for charge in self._charges.values():
            if charge.root.there or charge.root.due > time.monotonic():
                continue
            self._listen()  # before the look: what comes after it is heard
            if tree := self._look(charge):
                tree.close()
                self._anew = True

    # -- passes --------------------------------------------------------------------------------

    def _begin(self, start: StartPass) -> Course:
        assert self._setup  # noqa: S101 - refused before
        keys, self._held, self._keys = self._keys, None, None
        self._wants.begun(start.scope)
        self._teller.pass_id = start.pass_id
        try:
            self._course = Course(start, self._setup, tuple(self._charges.values()), self._channel, keys)
        finally:
            if keys is not None:
                os.close(keys)
        return self._course

    def _finish(self) -> None:
        """Say what came of the pass that has ended."""
        course = self._course
        assert course  # noqa: S101 - its end was read
        self._course = None
        ended = course.end()
        self._wants.repeat()
        self._teller.tell_counts()
        self._vigil.await_close()
        self._notice.changed()
        self._notice.send_if_due(self._charges.values())
        self._channel.send(ended)
        self._teller.pass_id = None

    # -- timers --------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        self._look_for_roots()
        if self._setup and self._anew:
            self._anew = False
            self._watch()
        if self._vigil.work(now):
            self._notice.changed()
        if self._held and self._vigil.settled_by + _SETTLE <= now:
            self._begin(self._held)
        self._gather(now)
        self._notice.send_if_due(self._charges.values())

    def _gather(self, now: float) -> None:
        """See what is to be looked at, and have it looked at: by the pass at hand, or by another one."""
        charges = self._charges.values()
        for charge in charges:
            if charge.recheck_at <= now:
                charge.recheck_at = inf
                self._wants.everything("watch_degraded")
            if charge.take_due(now):
                self._wants.found("retry", now)
        if any(charge.wants(now) for charge in charges):
            self._wants.found("new_items", now)
        else:
            self._wants.found_nothing()
        if self._course:
            self._course.feed()
        elif not self._held:
            wanted = self._wants.take_due(now, sum(len(charge.backlog) for charge in charges))
            if wanted:
                self._channel.send(wanted)

    def end(self) -> None:
        """Stop everything that is at work, and wait for it, but not for ever."""
        self._vigil.close()
        self._arrivals.listen((), mounts=False)
        if self._course:
            self._end_course(self._course)

    def _end_course(self, course: Course) -> None:
        course.stop()
        deadline = time.monotonic() + _STOP_AT_MOST
        poll = select.poll()
        poll.register(course, select.POLLIN)
        while (left := deadline - time.monotonic()) > 0:
            if poll.poll(left * 1000) and not course.drain():
                return
        course.kill()
