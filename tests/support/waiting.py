"""Wait for an event, with a deadline: the only place in the tests that sleeps.

Where the event can be waited for (a pipe, a process, an inotify watch), wait for that instead.
"""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")

FIRST_PAUSE = 0.001
"""Seconds before the second look; it doubles up to `LONGEST_PAUSE`."""

LONGEST_PAUSE = 0.05
"""Seconds between looks at most, so that a fast event is seen fast and a slow one costs no CPU."""


def wait_until(event: Callable[[], Answer], what: str, *, deadline: float = 10.0) -> Answer:
    """Look until `event` answers something true, and return that answer.

    Args:
        event: asked again and again; must be cheap and change nothing.
        what: the event in words, for the failure: "the worker has exited".
        deadline: seconds from now.

    Raises:
        TimeoutError: the deadline passed first.
    """
    end = time.monotonic() + deadline
    pause = FIRST_PAUSE
    while not (answer := event()):
        if time.monotonic() >= end:
            message = f"waited {deadline:g} s in vain until: {what}"
            raise TimeoutError(message)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return answer
