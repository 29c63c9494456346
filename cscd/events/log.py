"""The log: the only way to say that something happened is `emit`, with an event of the catalogue.

::

    log = Log(sinks, level=Level.INFO)
    log.emit(ServiceStarted(version=…))
    alice = log.for_user("alice", 1000)
    alice.emit(SessionOpened(…))
    running = alice.for_pass(new_pass_id())
    running.emit(PassStarted(…))
    running.emit(ItemSkipped(…))

An event passes through a chain of structlog processors: too fine a level is dropped first, then repetitions
(`cscd.events.limit`); what is left becomes a record and goes to every sink. Nothing waits, and nothing raises
for what a sink does. Threads may share a log; a signal handler (other than asyncio's) must not use it.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cscd.events.escape import clean
from cscd.events.event import Event, PassEvent, ServiceEvent, UserEvent
from cscd.events.fields import MOST_WORD
from cscd.events.level import Level
from cscd.events.limit import Counted, Key, Limiter, Limits
from cscd.events.notices import Suppressed
from cscd.events.passes import PassCompleted, PassFailed, PassStopped
from cscd.events.record import Context, Record
from cscd.events.sink import Guard, Sink

_NANO_IN_MICRO: Final = 1000

_NAMELESS: Final = "unknown"
"""Stands for all users without a name where repetitions are counted."""

_ENDS: Final = (PassCompleted, PassStopped, PassFailed)
"""Before these the counts of the user are told, so that a pass is told whole."""


def new_pass_id() -> str:
    """Return a name for a pass: 48 random bits, so that a year of passes has none twice."""
    return secrets.token_hex(6)


class _Bound(structlog.BoundLoggerBase):
    """A logger of structlog with one method."""

    def emit(self, event: Event) -> None:
        """Send an event through the chain."""
        self._proxy_to_logger("write", event=event.kind.name, model=event)


class _Chain:
    """What all logs of a service have in common: level, limits, sinks, clock."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        level: Level,
        limits: Limits,
        clock: Callable[[], int],
        ticks: Callable[[], float],
    ) -> None:
        self.level = level
        self._guards = [Guard(sink) for sink in sinks]
        self.limiter = Limiter(limits, ticks)
        self.clock = clock
        # Watches have threads of their own.
        self.lock = Lock()

    def logger(self) -> _Bound:
        """Return a structlog logger without a context."""
        chain: list[Processor] = [self._drop_fine, self._drop_repeated, self._recorded]
        logger: Any = structlog.wrap_logger(self, processors=chain, wrapper_class=_Bound)
        bound: _Bound = logger.bind(context=Context())
        return bound

    def write(self, record: Record) -> None:
        """Give a record to every sink."""
        for guard in self._guards:
            guard.write(record)

    def tell(self, counted: Counted) -> None:
        """Write how many events were left out."""
        key = counted.key
        notice = Suppressed(
            suppressed_event=key.event, reason=key.reason, count=counted.count, seconds=counted.seconds
        )
        self.write(Record.of(notice, Context(key.user), self.now()))

    def now(self) -> int:
        """Return the time in microseconds."""
        return self.clock() // _NANO_IN_MICRO

    def replace(self, sinks: Sequence[Sink]) -> None:
        """Write to other sinks from now on."""
        self.close()
        self._guards = [Guard(sink) for sink in sinks]

    def reopen(self) -> None:
        """Reopen every sink."""
        for guard in self._guards:
            guard.reopen()

    def close(self) -> None:
        """Let go of the sinks."""
        for guard in self._guards:
            guard.close(self.now())

    def _drop_fine(self, _logger: WrappedLogger, _method: str, found: EventDict) -> EventDict:
        if found["model"].kind.level > self.level:
            raise structlog.DropEvent
        return found

    def _drop_repeated(self, _logger: WrappedLogger, _method: str, found: EventDict) -> EventDict:
        event: Event = found["model"]
        user = _counted_as(found["context"].user)
        key = Key(user, event.kind.name, event.repeats)
        if not self.limiter.admit(key):
            raise structlog.DropEvent
        ends = isinstance(event, _ENDS)
        for counted in self.limiter.take_counts(lambda other: other == key or (ends and other.user == user)):
            self.tell(counted)
        return found

    def _recorded(
        self, _logger: WrappedLogger, _method: str, found: EventDict
    ) -> tuple[tuple[Record], dict[str, Any]]:
        return (Record.of(found["model"], found["context"], self.now()),), {}


def _counted_as(user: str | None) -> str | None:
    """Return the user whose repetitions are counted together with those of `user`.

    Whoever has no name is called by number, and has 65,536 of them to call from (subuid(5)).
    """
    return _NAMELESS if user is not None and user.isdecimal() else user


class _Log:
    def __init__(self, chain: _Chain, bound: _Bound, context: Context) -> None:
        self._chain = chain
        self._bound = bound
        self._context = context

    def wants(self, event: type[Event]) -> bool:
        """Return whether events of this kind are written at all; asking spares making one for each item."""
        return event.kind.level <= self._chain.level

    def _emit(self, event: Event) -> None:
        with self._chain.lock:
            self._bound.emit(event)

    def _bind(self, context: Context) -> tuple[_Chain, _Bound, Context]:
        return self._chain, self._bound.bind(context=context), context


class PassLog(_Log):
    """The log of one pass."""

    def emit(self, event: PassEvent | UserEvent | Suppressed) -> None:
        """Say that something happened in the pass, or how often."""
        self._emit(event)


class UserLog(_Log):
    """The log of one user."""

    def emit(self, event: UserEvent | Suppressed) -> None:
        """Say that something happened to the user outside of any pass, or how often."""
        self._emit(event)

    def for_pass(self, pass_id: str) -> PassLog:
        """Return the log of one of the user's passes; see `new_pass_id`."""
        user, uid = self._context.user, self._context.uid
        return PassLog(*self._bind(Context(user, uid, clean(pass_id, MOST_WORD))))


class Log(_Log):
    """The log of the service; a process has one, and closes it."""

    def __init__(
        self,
        sinks: Sequence[Sink],
        level: Level = Level.INFO,
        limits: Limits = Limits(),  # noqa: B008 - a tuple of two numbers
        clock: Callable[[], int] = time.time_ns,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        """Write to these sinks, of which the log takes care from now on.

        Args:
            sinks: see `cscd.events.output.opened`.
            level: the finest level that is written.
            limits: of repetitions.
            clock: the time in nanoseconds since 1970-01-01 UTC.
            ticks: seconds that never go back, for the limits.
        """
        chain = _Chain(sinks, level, limits, clock, ticks)
        super().__init__(chain, chain.logger(), Context())

    def emit(self, event: ServiceEvent) -> None:
        """Say that something happened to the service."""
        self._emit(event)

    def for_user(self, user: str, uid: int) -> UserLog:
        """Return the log of a user."""
        return UserLog(*self._bind(Context(clean(user, MOST_WORD), uid)))

    @property
    def holding(self) -> bool:
        """Whether repetitions were counted that `flush` would tell; without, it needs no timer."""
        return self._chain.limiter.holding

    def flush(self) -> None:
        """Tell all repetitions that were counted since they were told last."""
        with self._chain.lock:
            for counted in self._chain.limiter.take_counts():
                self._chain.tell(counted)

    def configure(self, sinks: Sequence[Sink], level: Level, limits: Limits) -> None:
        """Go by other settings from the next event on; closes the sinks before."""
        with self._chain.lock:
            self._chain.replace(sinks)
            self._chain.level = level
            self._chain.limiter.change(limits)

    def reopen(self) -> None:
        """Open files anew, at SIGHUP. What cannot be opened stays as it is."""
        with self._chain.lock:
            self._chain.reopen()

    def close(self) -> None:
        """Tell what was counted, and let go of the sinks."""
        self.flush()
        with self._chain.lock:
            self._chain.close()
