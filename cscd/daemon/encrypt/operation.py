"""One call of Encrypt under way: what it wants of a user's items, who waits for it, and what came of it."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal

from cscd.daemon.encrypt.attendant import Attendant
from cscd.daemon.encrypt.calls import Caller
from cscd.daemon.encrypt.codes import Code, code_of
from cscd.files.goal import State
from cscd.worker.messages import Go, ItemBegins, ItemEnds, PassEnded


class Operation:
    """One call, or several that ask for the same."""

    def __init__(self, goal: State, *, background: bool, attendant: Attendant | None = None) -> None:
        """Plan a pass of a user's items towards `goal`, in the running loop.

        Args:
            goal: the state.
            background: whether to give way to whoever opens an item.
            attendant: tells the caller of each item; without one nobody is told.
        """
        self.goal = goal
        self.background = background
        self._attendant = attendant
        self.pass_id = ""
        """The pass that does it, once it has started."""
        self.why_stopped = ""
        """Why it is not to go on, as `pass_stopped` says it; "" as long as it is."""
        self.began = time.time()
        """When it was called, in seconds since 1970."""
        self.callers: list[Caller] = []
        """Who waits for its answer, the first caller first."""
        self._changed: Callable[[], None] = lambda: None
        self._code: asyncio.Future[Code] = asyncio.get_running_loop().create_future()

    @property
    def telling(self) -> Literal["no", "told", "asked"]:
        """How the worker tells of items."""
        if self._attendant is None:
            return "no"
        return "asked" if self._attendant.waits else "told"

    @property
    def over(self) -> bool:
        """Whether it has its answer."""
        return self._code.done()

    def on_change(self, changed: Callable[[], None]) -> None:
        """Have `changed` called when it is to stop."""
        self._changed = changed

    def serves(self, goal: State) -> bool:
        """Whether a later call for this state can share its answer; the manner is that of the first."""
        return self.goal is goal and not self.over and not self.why_stopped

    async def answer(self, caller: Caller) -> Code:
        """Wait for what came of it; whoever is cancelled in this, as the last one, cancels the operation."""
        self.callers.append(caller)
        try:
            return await asyncio.shield(self._code)
        except asyncio.CancelledError:
            if len(self.callers) == 1:
                self.stop("cancelled")
            raise
        finally:
            self.callers.remove(caller)

    def stop(self, why: str) -> None:
        """Have it end after the chunk at hand, cancelled; at once, if it has not begun."""
        self.why_stopped = self.why_stopped or why
        if not self.pass_id:
            self.finish(Code.CANCELLED)
        self._changed()

    def finish(self, code: Code) -> None:
        """Give the answer; the first one counts."""
        if self._attendant:
            self._attendant.leave()
        if not self._code.done():
            self._code.set_result(code)

    # -- what the worker says of its pass --------------------------------------------------------

    def item(self, said: ItemBegins | ItemEnds, send: Callable[[Go], None]) -> None:
        """Tell of an item, and answer the worker if the pass asks."""
        if self._attendant:
            self._attendant.item(said, send, lambda: self.stop("cancelled"))

    def idle(self) -> None:
        """Take note that the pass goes on without an item to tell of."""
        if self._attendant:
            self._attendant.idle(lambda: self.stop("cancelled"))

    def end(self, report: PassEnded) -> None:
        """Take what came of the pass."""
        if self.why_stopped and report.stopped:
            self.finish(Code.CANCELLED)
        elif report.stopped:
            self.finish(Code.REQUEST_ABORTED)
        else:
            self.finish(code_of((each.reason for each in report.reasons), report.error))
