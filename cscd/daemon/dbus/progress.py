"""The sink of a call: an object of the caller's with the interface org.cscd.Progress1, told how it goes.

It is called on the caller's own connection and nowhere else. A sink that answers with an error or with what
is no answer, and one that is not there at all, is taken to say continue: nothing that it does not do stops
the work. One that does not answer in time is asked no more; what follows is configured. Paths are told as the
log writes them (`cscd.events.escape`), for a name may have bytes that are no text, and D-Bus has only text.
"""

from dataclasses import dataclass
from typing import Final, Literal

from dbus_fast import ErrorType, MessageType

from cscd.config.settings import EncryptionSettings
from cscd.daemon.dbus.connection import Body, Connection
from cscd.daemon.dbus.interface import BUS, PROGRESS
from cscd.daemon.dbus.notifications import Notifications
from cscd.daemon.encrypt.calls import Answer, Caller
from cscd.daemon.encrypt.codes import Code
from cscd.errors import BusError
from cscd.events.escape import escape
from cscd.events.log import Log
from cscd.events.state import SinkTimedOut

LONGEST_PATH: Final = 4096
"""Characters of a path that are told (PATH_MAX in limits.h)."""

_GONE: Final = frozenset(
    (ErrorType.SERVICE_UNKNOWN.value, ErrorType.NAME_HAS_NO_OWNER.value, ErrorType.NO_REPLY.value)
)
"""How the bus says that the caller has left before it answered."""

_Operation = Literal["Begin", "ItemBegin", "ItemResult", "QueryAbort", "End"]


@dataclass(frozen=True, slots=True)
class Patience:
    """What is granted to sinks."""

    longest: float
    """For one answer, in seconds."""
    then: Literal["continue", "abort"]
    """What follows when none came."""

    @classmethod
    def of(cls, settings: EncryptionSettings) -> "Patience":
        """Return what the configuration says."""
        return cls(settings.sink_timeout, settings.sink_silent)


class BusSink:
    """The sink of one call; see `cscd.daemon.encrypt.calls.ItemSink` for the methods."""

    def __init__(
        self, connection: Connection, caller: Caller, path: str, patience: Patience, log: Log
    ) -> None:
        """Take the caller, the path of its object, and what is granted to it."""
        self._connection = connection
        self._caller = caller
        self._path = path
        self._patience = patience
        self._log = log
        self._silent = False
        self._gone = False
        self._notifications = Notifications(connection, caller, path, patience.longest, self._unheard)

    async def begin(self) -> bool:
        """Ask whether to begin."""
        answer = await self._ask("Begin", "b")
        return answer if isinstance(answer, bool) else self._unanswered is not Answer.ABORT

    async def item_begin(self, path: str) -> Answer:
        """Say which item comes next."""
        return self._answer(await self._ask("ItemBegin", "u", "s", [_text(path)]))

    async def item_result(self, path: str, code: Code) -> Answer:
        """Say what came of it."""
        return self._answer(await self._ask("ItemResult", "u", "su", [_text(path), int(code)]))

    async def query_abort(self) -> bool:
        """Ask whether to stop."""
        answer = await self._ask("QueryAbort", "b")
        return answer if isinstance(answer, bool) else self._unanswered is Answer.ABORT

    async def end(self, code: Code) -> None:
        """Say what the call returns."""
        if self._silent or self._gone:
            self._notifications.end("u", [int(code)])
        else:
            await self._ask("End", "", "u", [int(code)])

    def tell_begin(self) -> None:
        """Say that it begins."""
        self._notifications.tell("Begin")

    def tell_item_begin(self, path: str) -> None:
        """Say which item comes next."""
        self._notifications.tell("ItemBegin", "s", [_text(path)])

    def tell_item_result(self, path: str, code: Code) -> None:
        """Say what came of it."""
        self._notifications.tell("ItemResult", "su", [_text(path), int(code)])

    def tell_end(self, code: Code) -> None:
        """Say what the call returns."""
        self._notifications.end("u", [int(code)])

    def close(self) -> None:
        """Tell nothing more: the call is over, however it ended."""
        self._notifications.close()

    @property
    def _unanswered(self) -> Answer:
        """What counts where there is no answer."""
        aborts = self._gone or (self._silent and self._patience.then == "abort")
        return Answer.ABORT if aborts else Answer.CONTINUE

    def _answer(self, value: object) -> Answer:
        # True is an int, too, but no answer: the type of what was sent has been looked at before.
        return Answer(value) if isinstance(value, int) and value in set(Answer) else self._unanswered

    async def _ask(self, operation: _Operation, wanted: str, signature: str = "", body: Body = ()) -> object:
        """Return the answer, None if there is none of the type that is wanted."""
        if self._silent or self._gone:
            return None
        where = (self._caller.bus_name, self._path, PROGRESS)
        longest = self._patience.longest
        try:
            reply = await self._connection.call(*where, operation, signature, body, timeout=longest)
        except TimeoutError:
            self._silent = True
            self._unheard(operation, self._patience.then)
            return None
        except BusError:
            self._gone = True
            return None
        if reply.message_type is MessageType.ERROR:
            self._gone = reply.sender == BUS and reply.error_name in _GONE
            return None
        return reply.body[0] if wanted and reply.signature == wanted else None

    def _unheard(self, operation: str, then: str = "continue") -> None:
        log = self._log.for_user(self._caller.name, self._caller.uid)
        log.emit(SinkTimedOut(operation=operation, seconds=self._patience.longest, then=then))


def _text(path: str) -> str:
    return escape(path[:LONGEST_PATH])
