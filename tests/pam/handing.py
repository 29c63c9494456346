"""`cscd-pam` run as pam_exec(8) runs it, and what may be at the other end of its socket."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, KeysView, Mapping, ValuesView
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.support import requires
from tests.support.installation import PYTHON
from tests.support.users import User

PASSWORD: Final = b"correct horse \xff battery"
"""Bytes, as a terminal may send them; not the text of anything."""
WANTED: Final = {"secrets": ["passphrase"]}
TAKEN: Final = {"answer": {"taken": True}}
OF_NO_USE: Final = {"answer": {"taken": False}}

_ROOT: Final = Path(__file__).parent.parent.parent
_PROGRAM: Final = """
import sys
sys.path.append(sys.argv[1])
from cscd.pam.logon import entry
sys.exit(entry(sys.argv[2]))
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it."""

    code: int
    shown: bytes
    """What the person who logs on would see."""
    took: float
    """Seconds, with the start of the interpreter."""
    left: bytes
    """Of the password, what was not read."""


class Pairs(Mapping[bytes, bytes]):
    """An environment in which a name may stand twice, as PAM makes it."""

    def __init__(self, *pairs: tuple[bytes, bytes]) -> None:
        """Take the variables in their order."""
        self._pairs = pairs

    def __getitem__(self, key: bytes) -> bytes:
        return next(value for name, value in self._pairs if name == key)

    def __iter__(self) -> Iterator[bytes]:
        return (name for name, _ in self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def keys(self) -> KeysView[bytes]:
        """Return the names, for execve(2)."""
        return [name for name, _ in self._pairs]  # type: ignore[return-value]

    def values(self) -> ValuesView[bytes]:
        """Return the values, for execve(2)."""
        return [value for _, value in self._pairs]  # type: ignore[return-value]


def hand_over(
    path: Path,
    stage: bytes = b"auth",
    name: bytes = b"alice",
    *,
    password: bytes = PASSWORD,
    before: tuple[tuple[bytes, bytes], ...] = (),
    user: User | None = None,
    wrapper: tuple[str, ...] = (),
) -> Ended:
    """Run it, as pam_exec does with `expose_authtok stdout`.

    Args:
        path: of the socket.
        stage: the type of PAM.
        name: of who logs on.
        password: what is in the pipe.
        before: variables that the user has put there.
        user: whose program PAM is part of, if not root's.
        wrapper: a command that runs it.
    """
    variables = Pairs(*before, (b"PAM_USER", name), (b"PAM_TYPE", stage))
    if user:
        requires.command("setpriv", PYTHON)  # ours may be out of the user's reach
        _copy(path.parent)
        wrapper = ("setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups", *wrapper)
    python, place = (PYTHON, path.parent) if user else (sys.executable, _ROOT)
    command = [*wrapper, python, "-I", "-S", "-c", _PROGRAM, str(place), str(path)]
    given, giving = os.pipe()
    os.write(giving, password)
    os.close(giving)
    told, telling = os.pipe()
    begin = time.monotonic()
    files = [(os.POSIX_SPAWN_DUP2, given, 0), (os.POSIX_SPAWN_DUP2, telling, 1)]
    program = shutil.which(command[0]) or ""
    child = os.posix_spawn(
        program, command, variables, file_actions=[*files, (os.POSIX_SPAWN_DUP2, telling, 2)]
    )
    os.close(telling)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    took = time.monotonic() - begin
    with open(told, "rb") as output, open(given, "rb") as rest:
        return Ended(code, output.read(), took, rest.read())


def _copy(directory: Path) -> None:
    """Put the program where other users can read it."""
    for name in ("__init__.py", "pam/__init__.py", "pam/logon.py"):
        copy = directory / "cscd" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_ROOT / "cscd" / name, copy)


@dataclass
class Service:
    """What was asked, and by whom the password was sent."""

    questions: list[Any] = field(default_factory=list)
    secrets: list[Any] = field(default_factory=list)
    connections: int = 0
    received: bytes = b""


Part = Callable[[socket.socket, Service], None]
"""What is done with one connection."""


@contextmanager
def answering(path: Path, *parts: Part) -> Iterator[Service]:
    """Have somebody listen who treats the first connection as the first part says, and so on."""
    service = Service()

    def serve() -> None:
        for part in parts:
            connection, _ = listening.accept()
            service.connections += 1
            with connection, suppress(OSError):
                part(connection, service)

    with listener(path) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield service
        thread.join(timeout=5.0)


@contextmanager
def listener(path: Path, backlog: int = 64) -> Iterator[socket.socket]:
    """Have a socket listen."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen(backlog)
        yield listening


def speaking(first: Any, last: Any = None) -> Part:  # noqa: ANN401 - whatever JSON can be
    """Answer the question with `first`; then read the secret, and answer with `last`."""

    def part(connection: socket.socket, service: Service) -> None:
        with connection.makefile("rwb") as stream:
            service.questions.append(json.loads(stream.readline()))
            stream.write(json.dumps(first).encode() + b"\n")
            stream.flush()
            if last is not None and (secret := stream.readline()):
                service.secrets.append(json.loads(secret))
                stream.write(json.dumps(last).encode() + b"\n")

    return part


def saying(data: bytes, *, pause: float = 0.0, times: int = 1) -> Part:
    """Send something to whoever connects, again and again, until they are gone."""

    def part(connection: socket.socket, _: Service) -> None:
        connection.recv(1 << 16)
        for _time in range(times):
            connection.sendall(data)
            time.sleep(pause)

    return part


def mute(connection: socket.socket, service: Service) -> None:
    """Answer nothing and take everything, until the other end is closed."""
    while piece := connection.recv(1 << 16):
        service.received += piece


@contextmanager
def somebody_elses(path: Path, user: User) -> Iterator["subprocess.Popen[bytes]"]:
    """Have another user listen there, who reads what comes from the first connection and prints it."""
    program = (
        "import socket, sys, os\n"
        "listening = socket.socket(socket.AF_UNIX); listening.bind(sys.argv[1]); listening.listen()\n"
        "os.chmod(sys.argv[1], 0o666)\n"
        "os.write(1, b'.'); connection, _ = listening.accept()\n"
        'connection.sendall(b\'{"secrets":["passphrase"]}\\n\')\n'
        "while piece := connection.recv(65536): os.write(1, piece)\n"
    )
    requires.command(PYTHON)
    command = [PYTHON, "-I", "-S", "-c", program, str(path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, user=user.uid, group=user.gid, extra_groups=[], cwd="/"
    ) as process:
        assert process.stdout
        assert process.stdout.read(1) == b"."
        yield process
        process.kill()
