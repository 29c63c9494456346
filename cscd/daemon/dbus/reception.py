"""Calls as they come from the bus: who asks too much is turned away, the rest are carried out and answered.

Everybody on the machine may call, also to do harm:

- Each user has so many calls at once and so many a second (`cscd.daemon.telling.allowance`); more than that
  is answered with LimitsExceeded. Who goes on regardless is not answered at all for a moment: what this user
  then sends does not get past the gate, and costs us microseconds.
- A connection of which the user is not known yet has a few calls, until it is.
- A call whose caller leaves is cancelled, unless it said that it would not wait for an answer (the flag
  NO_REPLY_EXPECTED of the D-Bus specification).
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

from dbus_fast import ErrorType, Message, MessageFlag

from cscd.daemon.dbus.connection import Connection
from cscd.daemon.dbus.interface import INTERFACES, PARENT_INTERFACES, PATH, PROPERTIES, Interface, Method
from cscd.daemon.dbus.introspection import introspection
from cscd.daemon.dbus.methods import Methods
from cscd.daemon.dbus.peer import Peers
from cscd.daemon.dbus.refusal import Refusal
from cscd.daemon.encrypt.calls import Caller
from cscd.daemon.telling.allowance import Allowance, Limits, Seat

CALLS: Final = Limits(connections=1024, connections_each=16, burst=400, rate=100.0)
"""Of calls: at once of all users but root, at once of one user, without a pause, a second."""
_REFUSALS: Final = Limits(connections_each=1, burst=50, rate=10.0)
"""Of answers to calls beyond those."""
_SHUN_SECONDS: Final = 1.0
"""For which a user is not heard who used up those, too."""
_GRACE: Final = 1.0
"""Seconds that calls have to come to their end when the service stops; the core has told them by then."""
_MOST_STRANGERS: Final = 128
"""Calls of one connection that wait until the bus has said whose it is: as many as a system bus lets it have
unanswered (dbus-daemon(1), max_replies_per_connection)."""

_TOO_MANY: Final = "too many calls at once; try again in a second"

SIGNATURES: Final = frozenset(
    {
        # What methods take; a variant, for a property to be set, is never read.
        *(method.signature for each in INTERFACES for method in each.methods if "v" not in method.signature),
        # What sinks answer, what polkit does, and the text of an error of either.
        "b",
        "u",
        "s",
        "(bba{ss})",
    }
)
"""Of the bodies that are read when they come from others than the bus."""

Limited = Callable[[Caller, str, str], None]
"""Is told of a caller who was turned away, by which limit, and details: rate, calls_at_once or malformed."""
Failed = Callable[[Exception], None]
"""Is told of an error that nobody foresaw, in carrying out a call."""


class Reception:
    """Takes calls in."""

    def __init__(
        self,
        connection: Connection,
        peers: Peers,
        methods: Methods,
        *,
        limits: Limits = CALLS,
        limited: Limited,
        failed: Failed,
    ) -> None:
        """Take where calls come from, who knows callers, and who carries out what they ask for."""
        self._connection = connection
        self._peers = peers
        self._methods = methods
        self._allowance = Allowance(limits)
        self._refusals = Allowance(_REFUSALS)
        self._limited = limited
        self._failed = failed
        self._tasks: dict[str, set[asyncio.Task[None]]] = {}
        """What is under way, by the unique name of the caller."""
        self._unawaited: set[asyncio.Task[None]] = set()
        """Of those, the calls whose callers do not wait."""
        self._unmet: dict[str, list[tuple[Message, bool]]] = {}
        """The first calls of connections, until the bus has said whose they are; whether each was cut."""
        self._shunned: dict[int, float] = {}
        """By uid, until when."""
        self._closing = False
        self._now = asyncio.get_running_loop().time

    def refuses(self, sender: str) -> bool:
        """Whether nothing of a sender is to be heard now."""
        caller = self._peers.known(sender)
        if caller is None:
            return len(self._unmet.get(sender, ())) >= _MOST_STRANGERS
        until = self._shunned.get(caller.uid)
        return until is not None and until > self._now()

    def take(self, call: Message) -> None:
        """Have a call carried out."""
        cut = (call.sender, call.serial) in self._connection.expectations.cut
        self._connection.expectations.cut.discard((call.sender, call.serial))
        if self._closing:  # the bus tells the caller, in a moment
            return
        sender = call.sender or ""
        caller = self._peers.known(sender)
        if sender in self._unmet:
            self._unmet[sender].append((call, cut))
        elif caller:
            self._begin(call, caller, cut=cut)
        else:
            self._unmet[sender] = [(call, cut)]
            self._start(sender, self._meet(sender))

    def left(self, sender: str) -> None:
        """Cancel what a caller waited for who has left."""
        self._unmet.pop(sender, None)
        for task in tuple(self._tasks.get(sender, ())):
            if task not in self._unawaited:
                task.cancel()

    async def close(self) -> None:
        """Answer what is about to be answered, and cancel the rest."""
        self._closing = True
        tasks = [task for each in self._tasks.values() for task in each]
        if tasks and self._connection.is_open:
            await asyncio.wait(tasks, timeout=_GRACE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, sender: str, task: "asyncio.Task[None]") -> None:
        tasks = self._tasks[sender]
        tasks.discard(task)
        self._unawaited.discard(task)
        if not tasks:
            del self._tasks[sender]

    def _start(self, sender: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.setdefault(sender, set()).add(task)
        task.add_done_callback(lambda _: self._ended(sender, task))
        return task

    async def _meet(self, sender: str) -> None:
        """Find out who sent the first calls of a connection, and have them carried out in their order."""
        caller = None
        try:
            caller = await self._peers.find(sender)
        finally:
            for call, cut in self._unmet.pop(sender, ()):
                if caller:
                    self._begin(call, caller, cut=cut)

    # -- one call -------------------------------------------------------------------------------------------

    def _begin(self, call: Message, caller: Caller, *, cut: bool) -> None:
        task = self._start(caller.bus_name, self._serve(call, caller, cut=cut))
        if call.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._unawaited.add(task)

    async def _serve(self, call: Message, caller: Caller, *, cut: bool) -> None:
        seat = self._allowance.admit(caller.uid, self._now())
        if not isinstance(seat, Seat):
            self._turn_away(call, caller, seat)
            return
        try:
            reply = await self._answer(call, caller, cut=cut)
        finally:
            self._allowance.release(seat)
        self._reply(call, reply)

    def _turn_away(self, call: Message, caller: Caller, limit: str) -> None:
        self._limited(caller, limit, call.member or "")
        seat = self._refusals.admit(caller.uid, self._now())
        if not isinstance(seat, Seat):
            self._shun(caller.uid)
            return
        self._refusals.release(seat)
        self._reply(call, Refusal(ErrorType.LIMITS_EXCEEDED, _TOO_MANY).reply_to(call))

    def _reply(self, call: Message, reply: Message) -> None:
        if not call.flags & MessageFlag.NO_REPLY_EXPECTED:
            self._connection.send(reply)

    def _shun(self, uid: int) -> None:
        now = self._now()
        self._shunned = {each: until for each, until in self._shunned.items() if until > now}
        self._shunned[uid] = now + _SHUN_SECONDS

    async def _answer(self, call: Message, caller: Caller, *, cut: bool) -> Message:
        try:
            interface, method = _called(call, cut=cut)
            body = await self._methods.carry_out(
                caller, call.path or "", (interface.name, method.name), call.body
            )
            return Message.new_method_return(call, method.result, list(body))
        except Refusal as refusal:
            if refusal.error is ErrorType.INVALID_ARGS:
                self._limited(caller, "malformed", call.member or "")
            return refusal.reply_to(call)
        except Exception as error:  # noqa: BLE001 - a bug; it costs this answer and nothing else
            self._failed(error)
            return Refusal(ErrorType.FAILED, "a bug in cscd; the service's log has more").reply_to(call)


def _called(call: Message, *, cut: bool) -> tuple[Interface, Method]:
    """Return what is called. Raises `Refusal` if there is no such thing, or not with these arguments."""
    if introspection(call.path or "") is None:
        raise Refusal(ErrorType.UNKNOWN_OBJECT, f"there is no object but {PATH}")
    there = INTERFACES if call.path == PATH else PARENT_INTERFACES
    # A call may leave out the interface: then any that has the method is meant (D-Bus specification).
    meant = [each for each in there if call.interface in (None, each.name)]
    if not meant:
        raise Refusal(ErrorType.UNKNOWN_INTERFACE, f"the object has no interface {call.interface}")
    found = next(((each, method) for each in meant if (method := each.method(call.member))), None)
    if found is None:
        raise Refusal(ErrorType.UNKNOWN_METHOD, f"there is no method {call.member}; see Introspect")
    interface, method = found
    if interface.name == PROPERTIES and method.name == "Set":
        return found  # refused whatever the arguments are
    if cut or call.signature != method.signature:
        takes = f"({method.signature})" if method.signature else "nothing"
        raise Refusal(ErrorType.INVALID_ARGS, f"{method.name} takes {takes}; see Introspect")
    return found
