"""The control socket: any user of the machine asks, over a unix socket, and is told what is theirs to know.

Who asks is what the kernel says (SO_PEERCRED in unix(7)), as it was at connect(2). A connection carries one
question and one answer (`cscd.daemon.telling.requests`), within seconds. Everybody may connect, also to do
harm:

- Places and questions are granted for each user (`cscd.daemon.telling.allowance`). Who wants more is told
  "busy" by the accepting loop itself, at the price of a few system calls.
- Connections are taken so many a second and no more. The rest wait in connect(2), first come, first served,
  and cost their makers time instead of us.
- Who sends or reads slowly is cut off at a deadline, and keeps nobody waiting but themselves: each
  connection is a task of its own.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Callable
from typing import Final, Protocol

from cscd.daemon.telling.allowance import Allowance, Limits, Seat
from cscd.daemon.telling.keyrequests import KeyQuestion
from cscd.daemon.telling.listening import check_free, listening_at, remove
from cscd.daemon.telling.requests import (
    AskDrill,
    AskRecipients,
    AskStatus,
    Question,
    question,
)
from cscd.daemon.telling.status import Status, seen_by
from cscd.errors import MessageError
from cscd.worker.holder.reply import LONGEST, Refused, answer, refusal

_QUESTION_SECONDS: Final = 5.0
"""For the question to be there, whole."""
_HANDLER_SECONDS: Final = 45.0
"""For the answer to be found: also one for which secrets are waited for and passphrases are tried."""
_ANSWER_SECONDS: Final = 5.0
"""For the answer to be taken."""
_AT_ONCE: Final = 16
"""Connections taken before everything else in the loop has its turn again."""
_PAUSE: Final = 0.02
"""Seconds until the next ones are, so that a flood costs at most 800 accept(2) a second."""
_CREDENTIALS: Final = struct.Struct("iII")
"""struct ucred: pid, uid, gid (unix(7))."""
_BUSY: Final = refusal("busy", "too many questions at once; try again in a moment")

Limited = Callable[[int, str], None]
"""Is told of a uid that was turned away, and by which limit: rate, calls_at_once or malformed. Each time:
the log counts repetitions."""
Failed = Callable[[Exception], None]
"""Is told of an error that nobody foresaw, in finding an answer."""


def _ignore(*_: object) -> None:
    """Tell nobody."""


class Answers(Protocol):
    """Where answers come from: the core of the daemon, or a test."""

    async def status(self, uid: int) -> Status:
        """Return how the service is, with `users_all`. The server leaves out what this uid may not see.

        It is better not made in the first place: a status of 500 users with 20 items each takes 120 ms to
        make, one of a single user 0.2 ms, and any user may ask 50 times a second.
        """

    async def recipients(self, uid: int) -> tuple[str, ...]:
        """Return to whom the user's items are encrypted, the user first. Raises `Refused`."""

    async def drilled(self, uid: int, drill: AskDrill) -> bool:
        """Log a drill and remember it; returns whether its key is one in force. Raises `Refused`."""

    async def keys(self, uid: int, asked: KeyQuestion, connection: socket.socket) -> bytes | None:
        """Return the answer to a question about keys, None if it has been given. Raises `Refused`.

        The connection may be handed over to a holder, which then speaks with the client and reads secrets.
        """


class Control:
    """The server."""

    def __init__(
        self,
        path: str,
        answers: Answers,
        *,
        limits: Limits | None = None,
        limited: Limited = _ignore,
        failed: Failed = _ignore,
    ) -> None:
        """Take the socket's path, in a directory that only we can write, who answers, and who is told."""
        self._path = path
        self._answers = answers
        self._allowance = Allowance(limits or Limits())
        self._limited = limited
        self._failed = failed
        self._socket: socket.socket | None = None
        self._place: tuple[int, int] | None = None
        """Device and inode of our socket's name."""
        self._pause: asyncio.TimerHandle | None = None
        self._tasks: dict[int, asyncio.Task[None]] = {}
        """By the number of their seat."""

    async def start(self) -> None:
        """Listen. Raises BusyError if another one does, TargetError for what is no socket, and OSError."""
        check_free(self._path)
        self._socket, self._place = listening_at(self._path)
        self._listen()

    async def stop(self) -> None:
        """Listen no more, and leave those who still wait without an answer."""
        listening, self._socket = self._socket, None
        if listening is None:
            return
        if self._pause:
            self._pause.cancel()
        asyncio.get_running_loop().remove_reader(listening)
        remove(self._path, self._place)
        listening.close()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- accepting ------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        self._pause = None
        if self._socket:
            asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        """Take the connections that are there, a bounded number."""
        loop = asyncio.get_running_loop()
        if self._socket is None:
            return
        for _ in range(_AT_ONCE):
            try:
                connection, _ = self._socket.accept()
            except BlockingIOError:
                return
            except OSError:  # accept(2): the connection's own error, or no descriptors are left for now
                break
            connection.setblocking(False)  # noqa: FBT003 - its only way to be called
            self._take(connection)
        loop.remove_reader(self._socket)
        self._pause = loop.call_later(_PAUSE, self._listen)

    def _take(self, connection: socket.socket) -> None:
        """Give a connection a place and a task, or turn it away at once."""
        uid = _peer(connection)
        longest = self._allowance.crowded(uid)
        if longest:
            self._tasks[longest.number].cancel()
            self._allowance.release(longest)
        seat = self._allowance.admit(uid, asyncio.get_running_loop().time())
        if not isinstance(seat, Seat):
            with connection, contextlib.suppress(OSError):
                connection.send(_BUSY)
            self._limited(uid, seat)
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection, seat))
        self._tasks[seat.number] = task
        task.add_done_callback(lambda _: self._ended(connection, seat))

    def _ended(self, connection: socket.socket, seat: Seat) -> None:
        """Clean up, also after a task that was cancelled before it began."""
        connection.close()
        self._tasks.pop(seat.number, None)
        self._allowance.release(seat)

    # -- one connection -------------------------------------------------------------------------------------

    async def _serve(self, connection: socket.socket, seat: Seat) -> None:
        """Hear the question and answer it. Whoever does not listen, or has gone, is no concern of ours."""
        with contextlib.suppress(OSError, TimeoutError, EOFError):
            async with asyncio.timeout(_QUESTION_SECONDS):
                line = await _line(connection)
            seat.idle = False
            reply = await self._reply(line, seat.uid, connection)
            if reply is None:
                return
            async with asyncio.timeout(_ANSWER_SECONDS):
                await asyncio.get_running_loop().sock_sendall(connection, reply)

    async def _reply(self, line: bytes, uid: int, connection: socket.socket) -> bytes | None:
        """Return the line to answer with, None if somebody else has answered."""
        try:
            async with asyncio.timeout(_HANDLER_SECONDS):
                return await self._answer(question(line), uid, connection)
        except MessageError as error:
            self._limited(uid, "malformed")
            return refusal("malformed", f"this is no question: {error}")
        except Refused as refused:
            return refusal(refused.reason, str(refused))
        except TimeoutError:
            return refusal("timed_out", "the service did not find an answer in time")
        except Exception as error:  # noqa: BLE001 - a bug; it costs this answer and nothing else
            self._failed(error)
            return refusal("internal", "a bug in cscd; the service's log has more")

    async def _answer(self, asked: Question, uid: int, connection: socket.socket) -> bytes | None:
        if isinstance(asked, AskStatus):
            status = seen_by(await self._answers.status(uid), uid)
            return answer(status.model_dump_json())
        if isinstance(asked, AskRecipients):
            return answer(json.dumps({"recipients": await self._answers.recipients(uid)}))
        if isinstance(asked, AskDrill):
            return answer(json.dumps({"remembered": await self._answers.drilled(uid, asked)}))
        return await self._answers.keys(uid, asked, connection)


def _peer(connection: socket.socket) -> int:
    """Return the uid of who connected."""
    size = _CREDENTIALS.size
    uid: int = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1]
    return uid


async def _line(connection: socket.socket) -> bytes:
    """Return the question without its newline. Raises EOFError if it ends before, or goes on too long."""
    loop = asyncio.get_running_loop()
    data = bytearray()
    while b"\n" not in data:
        if len(data) >= LONGEST:
            await loop.sock_sendall(connection, refusal("malformed", f"longer than {LONGEST} bytes"))
            raise EOFError
        piece = await loop.sock_recv(connection, LONGEST - len(data))
        if not piece:
            raise EOFError
        data += piece
    return bytes(data[: data.index(b"\n")])
