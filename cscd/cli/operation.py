"""The calls of one command while they are under way: what is shown meanwhile, and what Ctrl-C does."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError

from cscd.cli.terminal import Terminal
from cscd.cli.underway import UnderWay
from cscd.cli.verdict import Came
from cscd.client import Cache, Code, Flag
from cscd.daemon.telling.status import Status, UserStatus
from cscd.errors import CancelledError, ServiceError
from cscd.files.goal import State

EVERY: Final = 0.5
"""Seconds between two looks at how far it is."""
AT_ONCE: Final = 8
"""Calls at once: the service grants a user 16, and we have questions besides."""
_HANDED_OVER_SECONDS: Final = 30.0
"""For the service to take a call over that nobody waits for."""
_DIALOG_SECONDS: Final = 600.0
"""For a person to type a password and a passphrase before that; each dialog closes by itself after 300."""
_LEAVE_ITEMS: Final = (
    Code.WRITE_PROTECT,
    Code.SHARING_VIOLATION,
    Code.NOT_SUPPORTED,
    Code.DISK_FULL,
    Code.IO_DEVICE,
    Code.NOT_AUTHENTICATED,
    Code.DECRYPTION_FAILED,
)
"""Codes of calls that left items."""
_NAMED_SECONDS: Final = 2.0
"""For the service to name the items that were left: it hears of them apart from the end of the pass."""
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Whose:
    """A user whose items are meant."""

    uid: int
    name: str

    @property
    def own(self) -> bool:
        """Whether that is who calls."""
        return self.uid == os.getuid()


class Operation:
    """One command's calls, on one connection."""

    def __init__(self, cache: Cache, goal: State, flags: Flag, terminal: Terminal) -> None:
        """Take what is to be asked for, and where to show how it goes."""
        self._cache = cache
        self._goal = goal
        self._flags = flags
        self._terminal = terminal
        self._progress = UnderWay(terminal, goal)
        self._interrupted = asyncio.Event()
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def wait(self, whose: Sequence[Whose]) -> tuple[Came, ...]:
        """Call for each user and wait for all of it.

        Raises ServiceError, and CancelledError where an interruption leaves nothing to wait for.
        """
        calls = [asyncio.create_task(self._call(each)) for each in whose]
        with self._interruptible():
            try:
                await self._all_done(whose, calls)
            finally:
                self._progress.close()
                for call in calls:
                    call.cancel()
                ended = await asyncio.gather(*calls, return_exceptions=True)
        return tuple(map(_come, ended))

    async def hand_over(self, whose: Whose) -> Came | None:
        """Call for a user until the service is at it, and leave it to that; what came, if it is done."""
        call = asyncio.create_task(self._call(whose))
        with self._interruptible():
            try:
                dialogs = _DIALOG_SECONDS if Flag.INTERACTIVE in self._flags else 0.0
                async with asyncio.timeout(_HANDED_OVER_SECONDS + dialogs):
                    under_way = await self._until_waiting(whose, call, 1)
                    if under_way:
                        uid = None if whose.own else whose.uid
                        await self._cache.leave_behind(self._goal, self._flags, uid)
                        under_way = await self._until_waiting(whose, call, under_way + 1)
                    return None if under_way else await call
            except TimeoutError:
                raise ServiceError(
                    "the service does not say that it goes on by itself; wait for it, without --no-wait"
                ) from None
            finally:
                call.cancel()
                await asyncio.gather(call, return_exceptions=True)

    # -- waiting ---------------------------------------------------------------------------------

    async def _call(self, whose: Whose) -> Came:
        async with self._gate:
            began = time.monotonic()
            if whose.own:
                code = await self._cache.encrypt(self._goal, self._flags)
            else:
                code = await self._cache.encrypt_user(whose.uid, self._goal, self._flags)
            seconds = time.monotonic() - began
        status = await self._look_after(whose.uid, code)
        return Came(whose.uid, whose.name, code, seconds, self._goal, self._flags, status, whose.own)

    async def _all_done(self, whose: Sequence[Whose], calls: Sequence["asyncio.Task[Came]"]) -> None:
        """Wait for all calls, show how far they are, and cancel them when that is asked for."""
        uids = {each.uid for each in whose}
        interrupted = asyncio.create_task(self._interrupted.wait())
        try:
            while pending := [call for call in calls if not call.done()]:
                await asyncio.wait(
                    [*pending, *([] if interrupted.done() else [interrupted])],
                    timeout=EVERY,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if interrupted.done() and not self._progress.stopping:
                    self._progress.stopping = True
                    await self._stop(whose)
                await self._show(uids)
        finally:
            interrupted.cancel()

    async def _show(self, uids: set[int]) -> None:
        status = await self._look()
        if status:
            self._progress.show([user for user in status.users if user.uid in uids], status.time)

    async def _until_waiting(self, whose: Whose, call: "asyncio.Task[Came]", calls: int) -> int:
        """Wait until so many calls wait for a user's operation; return how many, 0 once ours has ended."""
        while True:
            await asyncio.wait([call], timeout=EVERY / 10)
            if call.done():
                return 0
            if self._interrupted.is_set():
                await self._stop([whose])
                return 0
            user = await self._user(whose.uid)
            operation = user.operation if user else None
            if operation and operation.goal is self._goal and operation.waiting >= calls:
                return operation.waiting

    async def _user(self, uid: int) -> UserStatus | None:
        status = await self._look()
        return next((user for user in status.users if user.uid == uid), None) if status else None

    async def _look(self) -> Status | None:
        """Return what the service says of itself; None where it does not, or not as we understand it."""
        try:
            return Status.model_validate(await self._cache.report(), extra="ignore")
        except (ServiceError, ValidationError):  # what matters of that, the calls say, too
            return None

    async def _look_after(self, uid: int, code: Code) -> Status | None:
        """Return what the service says afterwards; where items were left, as soon as it names them."""
        end = time.monotonic() + _NAMED_SECONDS
        while True:
            status = await self._look()
            user = next((user for user in status.users if user.uid == uid), None) if status else None
            named = user is None or user.pending or user.failed
            if named or code not in _LEAVE_ITEMS or time.monotonic() >= end:
                return status
            await asyncio.sleep(EVERY / 10)

    # -- stopping --------------------------------------------------------------------------------

    async def _stop(self, whose: Sequence[Whose]) -> None:
        """Have the service stop. Raises CancelledError where only our leaving does."""
        if not self._terminal.interactive:  # there the progress says so
            self._terminal.say("stopping after the chunk at hand; a second signal ends at once")
        own = all(each.own for each in whose)
        if own and await self._cache.cancel() is Code.SUCCESS:
            return
        # Other users' operations, or a dialog that nobody has answered: the service cancels what a caller
        # waited for who leaves.
        if self._terminal.interactive:
            self._terminal.draw("\n")
        raise CancelledError(
            "cancelled before anything was changed"
            if own
            else "cancelled; what was done stays, and nothing was rolled back. Repeat the command to finish"
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Have the first signal ask to stop, and the second one end everything at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def interrupt() -> None:
            if self._interrupted.is_set() and task:
                task.cancel()
            self._interrupted.set()

        # nohup(1) and a shell's background jobs ignore some of them, and mean it.
        heard = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        for number in heard:
            loop.add_signal_handler(number, interrupt)
        try:
            yield
        except asyncio.CancelledError:
            raise CancelledError(
                "ended at once; every item is whole, and the service stops after the chunk at hand."
                " Repeat the command to finish"
            ) from None
        finally:
            for number in heard:
                loop.remove_signal_handler(number)


def _come(ended: Came | BaseException) -> Came:
    """Return what came of a call. Raises what it raised."""
    if isinstance(ended, BaseException):
        raise ended
    return ended
