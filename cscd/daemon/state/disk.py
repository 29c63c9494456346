"""A thread for what waits for a disk, in the order in which it is asked for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Answer = TypeVar("Answer")


class Disk:
    """One thread; the loop goes on while it waits."""

    def __init__(self, name: str) -> None:
        """Name the thread; it starts with the first work."""
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, work: Callable[[], Answer]) -> Answer:
        """Wait for work that is done in the thread, and return or raise what it does."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def later(self, work: Callable[[], object]) -> None:
        """Have work done; what it returns is nobody's, and what it raises ends up with the loop's handler."""
        done = asyncio.get_running_loop().run_in_executor(self._executor, work)
        done.add_done_callback(_raise)

    def close(self) -> None:
        """Wait for all that was asked for."""
        self._executor.shutdown()


def _raise(done: "asyncio.Future[object]") -> None:
    done.result()
