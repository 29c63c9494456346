"""The converter processes of a pass: forked at its start, handed tasks, ended with it."""

import contextlib
import os
import traceback
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait

from cscd.worker.passes.converter import Assignment, run_converter
from cscd.worker.passes.tasks import Answer, Progress, Task


class Member:
    """One converter process."""

    def __init__(self, assignment: Assignment, others: "list[Member]") -> None:
        """Fork it. It keeps nothing open of the pass's ends of the other pipes."""
        self._pipe, theirs = Pipe()
        parent = os.getpid()
        self.pid = os.fork()
        if not self.pid:
            _be_converter(assignment, theirs, [self, *others], parent)
        theirs.close()
        self.task: Task | None = None
        """What it has been given and not yet answered.

        Never more than one: a process that has a task may be sending a large answer, and two that
        send to each other over full pipes wait forever.
        """
        self.reading = False
        """Whether it has told of progress with its task."""

    @property
    def pipe(self) -> Connection:
        """Our end of the pipe."""
        return self._pipe

    def give(self, task: Task) -> None:
        """Hand it a task. Should it have died, that shows when its answer is waited for."""
        self.task = task
        self.reading = False
        with contextlib.suppress(ConnectionError):
            self._pipe.send(task)

    def dismiss(self) -> None:
        """Close the pipe, which ends the process after its task."""
        self._pipe.close()

    def end(self) -> None:
        """Dismiss the process and wait for its end."""
        self.dismiss()
        os.waitpid(self.pid, 0)


def _be_converter(assignment: Assignment, pipe: Connection, members: list[Member], parent: int) -> None:
    """Run in the child; never returns."""
    code = 1
    try:
        for member in members:
            member.pipe.close()
        run_converter(assignment, pipe, parent)
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may escape into the parent's code in this process
        traceback.print_exc()
    finally:
        os._exit(code)


class Crew:
    """All converter processes of a pass."""

    def __init__(self, assignment: Assignment, size: int) -> None:
        """Fork `size` of them. Do it before any thread is started."""
        self._members: list[Member] = []
        for _ in range(size):
            self._members.append(Member(assignment, self._members))

    @property
    def alive(self) -> bool:
        """Whether any is left."""
        return bool(self._members)

    @property
    def busy(self) -> bool:
        """Whether any task is unanswered."""
        return any(member.task for member in self._members)

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._members)

    def tasks(self) -> Iterator[Task]:
        """Yield what is being worked on."""
        return (member.task for member in self._members if member.task)

    def reading(self) -> Iterator[Task]:
        """Yield the tasks of which some content has been read."""
        return (member.task for member in self._members if member.task and member.reading)

    def free(self) -> list[Member]:
        """Return those that have nothing to do."""
        return [member for member in self._members if not member.task]

    def answers(
        self, timeout: float | None, also: list[int]
    ) -> Iterator[tuple[Member, Task, Answer | None] | Progress]:
        """Wait up to `timeout` seconds and yield what has come, progress and answers.

        An answer of None says that the process died with that task in its hands. Ends without
        yielding, too, as soon as anything can be read from the connections in `also`.
        """
        pipes = {member.pipe: member for member in self._members}
        for ready in wait([*pipes, *also], timeout):
            member = pipes.get(ready)  # type: ignore[call-overload] # wait() gives back ints, too
            if member is None:
                continue
            try:
                message: Answer | Progress = member.pipe.recv()
            except (EOFError, ConnectionError):
                yield from self._bury(member)
                continue
            if isinstance(message, Progress):
                member.reading = True
                yield message
            else:
                yield from self._done(member, message)

    def _bury(self, member: Member) -> Iterator[tuple[Member, Task, Answer | None]]:
        self._members.remove(member)
        member.end()
        return self._done(member, None)

    @staticmethod
    def _done(member: Member, answer: Answer | None) -> Iterator[tuple[Member, Task, Answer | None]]:
        task, member.task = member.task, None
        if task:
            yield member, task, answer

    def dismiss(self) -> None:
        """Have all of them end after their task."""
        for member in self._members:
            member.dismiss()

    def end(self) -> None:
        """End all of them and wait for it."""
        self.dismiss()
        for member in self._members:
            member.end()
        self._members = []
