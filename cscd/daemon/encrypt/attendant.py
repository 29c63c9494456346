"""Telling a caller of the items of an operation, one after the other, and bringing back what the caller says.

Either the work waits for the sink's answer before and after each item, or the sink is told and never waited
for. What the sink does wrong is the sink's own affair: it always has an answer (`cscd.daemon.encrypt.calls`).
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import MappingProxyType
from typing import Final, Literal

from cscd.daemon.encrypt.calls import Answer, ItemSink
from cscd.daemon.encrypt.codes import Code, code_of
from cscd.errors import MessageError
from cscd.worker.messages import Go, ItemBegins, ItemEnds

_WORDS: Final[MappingProxyType[Answer, Literal["continue", "retry", "abort"]]] = MappingProxyType(
    {Answer.CONTINUE: "continue", Answer.RETRY: "retry", Answer.ABORT: "abort"}
)


class Attendant:
    """What is told of one operation, in the order in which it comes."""

    def __init__(self, sink: ItemSink, *, waits: bool) -> None:
        """Tell `sink`, and wait for its answers or not."""
        self._sink = sink
        self.waits = waits
        """Whether the work waits for the sink."""
        self._asking: asyncio.Task[None] | None = None
        """The question about an item."""
        self._querying: asyncio.Task[None] | None = None
        """The question whether to stop; the worker knows nothing of it, and may go on with an item."""

    def item(
        self, said: ItemBegins | ItemEnds, send: Callable[[Go], None], abort: Callable[[], None]
    ) -> None:
        """Tell of an item; where the work waits, send it the answer, and call `abort` if that is to stop.

        Raises `MessageError` where the worker speaks before it was answered.
        """
        if not self.waits:
            self._tell(said)
            return
        if _open(self._asking):
            raise MessageError("does not wait for the answer")
        self._asking = _task(self._answer(said, send, abort))

    def idle(self, abort: Callable[[], None]) -> None:
        """Ask whether to stop, where the work waits for answers and there is no item to ask about."""
        if self.waits and not _open(self._asking) and not _open(self._querying):
            self._querying = _task(self._query(abort))

    def leave(self) -> None:
        """Wait for no answer any more."""
        for question in (self._asking, self._querying):
            if question:
                question.cancel()

    def _tell(self, said: ItemBegins | ItemEnds) -> None:
        if isinstance(said, ItemBegins):
            self._sink.tell_item_begin(said.path)
        else:
            self._sink.tell_item_result(said.path, _code(said.reason))

    async def _answer(
        self, said: ItemBegins | ItemEnds, send: Callable[[Go], None], abort: Callable[[], None]
    ) -> None:
        if self._querying and _open(self._querying):
            await asyncio.wait([self._querying])  # a sink is asked one thing at a time
        if isinstance(said, ItemBegins):
            answer = await self._sink.item_begin(said.path)
        else:
            answer = await self._sink.item_result(said.path, _code(said.reason))
        if answer is Answer.ABORT:
            abort()
        send(Go(pass_id=said.pass_id, number=said.number, answer=_WORDS[answer]))

    async def _query(self, abort: Callable[[], None]) -> None:
        if await self._sink.query_abort():
            abort()


def _open(question: asyncio.Task[None] | None) -> bool:
    """Whether an answer is awaited."""
    return question is not None and not question.done()


def _task(question: Coroutine[None, None, None]) -> asyncio.Task[None]:
    return asyncio.get_running_loop().create_task(question, name="sink")


def _code(reason: str) -> Code:
    """Return what is said of one item."""
    return code_of([reason]) if reason else Code.SUCCESS
