"""Being told of each item of a call, and having a say in it: a program's side of org.cscd.Progress1."""

import asyncio
from typing import Any, Final

from dbus_fast import Message, MessageFlag, MessageType

from cscd.client.link import Link
from cscd.daemon.dbus.interface import PROGRESS, PROGRESS_INTERFACE
from cscd.daemon.encrypt.calls import Answer
from cscd.daemon.encrypt.codes import Code


class Sink:
    """What a call tells; override what you want to hear. Left as they are, methods say: go on.

    Without `Flag.ASYNC_PROGRESS` the work waits for each to return, up to `encryption.sink_timeout` of the
    configuration; with it, what they return counts for nothing. They are called one at a time. One that
    raises has the work stop, where that waits for it; `Cache.encrypt` raises the same once the call is over.
    Paths are text: what is not UTF-8 in them is escaped, and a backslash is doubled.
    """

    async def begin(self) -> bool:
        """Hear that it begins; False as an answer cancels the call, and nothing was changed."""
        return True

    async def item_begin(self, path: str) -> Answer:
        """Hear which item comes next."""
        del path
        return Answer.CONTINUE

    async def item_result(self, path: str, code: Code) -> Answer:
        """Hear what came of an item; `Answer.RETRY` has it tried once more."""
        del path, code
        return Answer.CONTINUE

    async def query_abort(self) -> bool:
        """Say whether to stop, where there is no item to ask about."""
        return False

    async def end(self, code: Code) -> None:
        """Hear what the call returns; the last that is heard."""
        del code


_RAISED: Final[dict[str, bool | int | None]] = {
    "Begin": False,
    "ItemBegin": Answer.ABORT,
    "ItemResult": Answer.ABORT,
    "QueryAbort": True,
    "End": None,
}
"""What is answered for a sink that raised."""


class Served:
    """A sink as an object on the bus, from `begin` to `end`."""

    def __init__(self, link: Link, path: str, sink: Sink) -> None:
        """Offer `sink` at `path` of our own connection."""
        self._link = link
        self._path = path
        self._sink = sink
        self._told: asyncio.Queue[Message | None] = asyncio.Queue()
        self._error: Exception | None = None
        self._deaf = link.listen(self._heard)
        self._task = asyncio.create_task(self._serve(), name=f"sink {path}")

    async def close(self) -> None:
        """Answer what has come, and be there no more. Raises what the sink has raised."""
        self._deaf()
        self._told.put_nowait(None)
        try:
            await self._task
        finally:
            self._task.cancel()
        if self._error:
            raise self._error

    def _heard(self, message: Message) -> bool:
        if message.message_type is not MessageType.METHOD_CALL or message.path != self._path:
            return False
        self._told.put_nowait(message)
        return True

    async def _serve(self) -> None:
        while (message := await self._told.get()) is not None:
            reply = await self._answered(message)
            if not message.flags & MessageFlag.NO_REPLY_EXPECTED:
                self._link.send(reply)

    async def _answered(self, message: Message) -> Message:
        method = PROGRESS_INTERFACE.method(message.member)
        if message.interface != PROGRESS or method is None or message.signature != method.signature:
            return Message.new_error(message, "org.freedesktop.DBus.Error.UnknownMethod", "no such method")
        answer = _RAISED[method.name]
        if self._error is None:
            try:
                answer = await self._say(method.name, message.body)
            except Exception as error:  # noqa: BLE001 - the program's own; it is raised where it can be caught
                self._error = error
        return Message.new_method_return(message, method.result, [] if answer is None else [answer])

    async def _say(self, member: str, body: list[Any]) -> bool | int | None:
        sink = self._sink
        if member == "Begin":
            return bool(await sink.begin())
        if member == "ItemBegin":
            return int(await sink.item_begin(body[0]))
        if member == "ItemResult":
            return int(await sink.item_result(body[0], Code(body[1])))
        if member == "QueryAbort":
            return bool(await sink.query_abort())
        await sink.end(Code(body[0]))
        return None
