"""One call of Encrypt under way: what it wants of a user's items, who waits for it, and what came of it."""

import asyncio
from enum import StrEnum

from cscd.daemon.codes import Code, code_of
from cscd.files.goal import State
from cscd.worker.messages import PassEnded


class Telling(StrEnum):
    """How the items of the pass are told to whoever called."""

    NO = "no"
    TOLD = "told"
    """One after the other, without waiting."""
    ASKED = "asked"
    """The work waits for an answer before and after each item."""


class Operation:
    """One call, or several that ask for the same."""

    def __init__(self, goal: State, *, background: bool, telling: Telling = Telling.NO) -> None:
        """Plan a pass of a user's items towards `goal`, in the running loop."""
        self.goal = goal
        self.background = background
        self.telling = telling
        self.pass_id = ""
        """The pass that does it, once it has started."""
        self.why_stopped = ""
        """Why it is not to go on, as `pass_stopped` says it; "" as long as it is."""
        self._code: asyncio.Future[Code] = asyncio.get_running_loop().create_future()

    @property
    def over(self) -> bool:
        """Whether it has its answer."""
        return self._code.done()

    async def answer(self) -> Code:
        """Wait for what came of it."""
        return await asyncio.shield(self._code)

    def stop(self, why: str) -> None:
        """Have it end after the chunk at hand, cancelled; at once, if it has not begun."""
        self.why_stopped = self.why_stopped or why
        if not self.pass_id:
            self.finish(Code.CANCELLED)

    def finish(self, code: Code) -> None:
        """Give the answer; the first one counts."""
        if not self._code.done():
            self._code.set_result(code)

    def end(self, report: PassEnded) -> None:
        """Take what came of the pass."""
        if self.why_stopped and report.stopped:
            self.finish(Code.CANCELLED)
        elif report.stopped:
            self.finish(Code.REQUEST_ABORTED)
        else:
            self.finish(code_of((each.reason for each in report.reasons), report.error))
