"""Code run in a fork of the test, whose answer or exception comes back: for what a process cannot undo."""

import os
import pickle
import warnings
from collections.abc import Callable
from typing import NoReturn, TypeVar

Answer = TypeVar("Answer")


def fork() -> int:
    """Fork, also while the test runner has threads: the child calls nothing that could need their locks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of exactly these threads
        return os.fork()


def call(function: Callable[[], Answer], *, first: Callable[[], None]) -> Answer:
    """Call `first` and then the function in a fork, and return the function's answer.

    What the function returns or raises must be picklable; an exception is raised again here.

    Raises:
        ChildProcessError: the fork ended without an answer, killed by a signal for example.
    """
    reader, writer = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(reader)
        _answer(function, first, writer)
    os.close(writer)
    with open(reader, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    if not answer:
        message = f"the fork ended with {os.waitstatus_to_exitcode(status)} and no answer"
        raise ChildProcessError(message)
    raised, value = pickle.loads(answer)  # noqa: S301 - written by our own fork, a test
    if raised:
        raise value
    result: Answer = value
    return result


def _answer(function: Callable[[], Answer], first: Callable[[], None], writer: int) -> NoReturn:
    """In the fork: send what the function returns or raises, and leave without the parent's clean-up."""
    try:
        try:
            first()
            answer = pickle.dumps((False, function()))
        except BaseException as error:  # noqa: BLE001 - it is raised again in the parent
            answer = pickle.dumps((True, error))
        with open(writer, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)
