"""Timers by name: each runs out once, and can be started anew or cancelled before."""

import asyncio
from collections.abc import Callable


class Timers:
    """Some timers of the running loop."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.TimerHandle] = {}

    def start(self, name: str, seconds: float, then: Callable[[], None]) -> None:
        """Call `then` after so many seconds, instead of what the timer of that name would have called."""
        self.cancel(name)

        def run_out() -> None:
            del self._running[name]
            then()

        self._running[name] = asyncio.get_running_loop().call_later(seconds, run_out)

    def __contains__(self, name: str) -> bool:
        """Whether the timer of that name is running."""
        return name in self._running

    def cancel(self, name: str) -> None:
        """Stop the timer of that name, if it is running."""
        handle = self._running.pop(name, None)
        if handle:
            handle.cancel()

    def cancel_all(self) -> None:
        """Stop all of them."""
        for name in list(self._running):
            self.cancel(name)
