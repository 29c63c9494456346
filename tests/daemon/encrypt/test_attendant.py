"""Telling a caller of the items: one question at a time, and the answers go to the worker."""

import asyncio

import pytest

from cscd.daemon.encrypt.attendant import Attendant
from cscd.daemon.encrypt.calls import Answer
from cscd.daemon.encrypt.codes import Code
from cscd.errors import MessageError
from cscd.worker.messages import Go, ItemBegins
from tests.daemon.peer import until, within

BEGINS = ItemBegins(pass_id="ab", number=1, path="/x")  # noqa: S106 - no password


class Slow:
    """A sink that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: asyncio.Queue[Answer] = asyncio.Queue()

    async def item_begin(self, path: str) -> Answer:
        """See `ItemSink`."""
        self.asked.append(path)
        return await self.answers.get()

    async def item_result(self, path: str, code: Code) -> Answer:  # noqa: ARG002 - of a protocol
        """See `ItemSink`."""
        return await self.item_begin(path)

    async def query_abort(self) -> bool:
        """See `ItemSink`."""
        self.asked.append("query_abort")
        return await self.answers.get() is Answer.ABORT

    async def begin(self) -> bool:
        """See `ItemSink`."""
        return True

    async def end(self, code: Code) -> None:
        """See `ItemSink`."""

    def tell_begin(self) -> None:
        """See `ItemSink`."""

    def tell_item_begin(self, path: str) -> None:
        """See `ItemSink`."""

    def tell_item_result(self, path: str, code: Code) -> None:
        """See `ItemSink`."""

    def tell_end(self, code: Code) -> None:
        """See `ItemSink`."""


def test_an_item_that_begins_during_the_question_whether_to_stop_is_asked_about_after_it() -> None:
    """The worker knows nothing of that question; it makes no mistake."""

    async def test() -> None:
        sink, gone, aborted = Slow(), list[Go](), list[bool]()
        attendant = Attendant(sink, waits=True)
        attendant.idle(lambda: aborted.append(True))
        await until(lambda: sink.asked == ["query_abort"])
        attendant.item(BEGINS, gone.append, lambda: aborted.append(True))
        with pytest.raises(MessageError):
            attendant.item(BEGINS, gone.append, lambda: aborted.append(True))
        sink.answers.put_nowait(Answer.CONTINUE)
        await until(lambda: sink.asked == ["query_abort", "/x"])
        assert gone == []
        attendant.idle(lambda: aborted.append(True))  # an item is asked about: that is question enough
        sink.answers.put_nowait(Answer.CONTINUE)
        await until(lambda: gone)
        assert [(each.number, each.answer) for each in gone] == [(1, "continue")]
        assert len(sink.asked) == 2
        assert aborted == []

    within(test())
