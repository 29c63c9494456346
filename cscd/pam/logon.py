"""Handing a password to the service, as a module of PAM runs it: `cscd-pam`, in `docs/pam.md`.

It is in the way of everybody's logon, so that it may cost no time, decide nothing, and say nothing of what
it knows:

- All of it, whatever the service does, takes less than `SECONDS`: an alarm ends it wherever it is.
- What it returns lets nobody in and keeps nobody out: the profile has PAM disregard it.
- The password is read when the service asks for it, once the kernel has said that the service is root's, and
  goes there alone. There is no traceback, for it would go to whoever logs on.

What pam_exec of Linux-PAM 1.5.2 gives to it (modules/pam_exec/pam_exec.c):

- PAM_TYPE and PAM_USER in the environment, behind variables that the user may have chosen (pam_env(8)): of
  several with one name the last one counts, where getenv(3) and `os.environ` take the first.
- With expose_authtok the password on standard input, up to `CUT` bytes, without any terminator, and for the
  type auth alone; from 1.6.0 on for the type password, too. Else standard input is at its end.
- With stdout what it prints is shown to the person, line by line; else it goes to /dev/null.

Our own module, `packaging/pam_cscd.c`, does the same, for both types and without those variables.

Imported is what takes little time; neither typing nor contextlib is among that.
"""

import binascii
import json
import os
import pwd
import resource
import signal
import socket
import struct
import time

SOCKET = "/run/cscd/control"
"""Of the service of this computer: the same as `cscd.cli.service.SYSTEM`."""
SECONDS = 1.7
"""For everything. A logon waits for 2 s at most, and the interpreter starts and ends in them, too."""
CUT = 511
"""Bytes of a password that pam_exec hands on (PAM_MAX_RESP_SIZE, less one): one as long may be longer."""

DONE = 0
"""Handed over, or of no use to the service."""
FAILED = 1
"""It was of use, or may have been, and was not handed over; pam_exec logs it."""

UNCHANGED = "The key of your cached files still has the old password. To change it: cscd keys passphrase"
"""What is shown where a password was changed, and it is not known into which."""

_SECRET = {"auth": "passphrase", "password": "new"}
"""What the service calls the password, by stage."""
_PAUSE = 0.05
"""Seconds until the service is asked again that has too much to do."""
_LONGEST = 64 << 10
"""Bytes of an answer."""
_LONGEST_MESSAGE = 500
"""Characters."""
_CREDENTIALS = struct.Struct("iII")
"""struct ucred: pid, uid, gid (unix(7))."""


def entry(path: str = SOCKET) -> int:
    """Do what PAM runs us for; return `DONE` or `FAILED`, which nothing depends on."""
    try:
        _bound()
        question = _question(_given())
        _withdraw()
        return _hand_over(path, question) if question else DONE
    except BaseException:  # noqa: BLE001 - whatever it is, it is not the concern of whoever logs on
        return FAILED


def _bound() -> None:
    """Have this process end in time, whatever it waits for."""
    signal.signal(signal.SIGALRM, lambda *_: os._exit(FAILED))
    signal.pthread_sigmask(
        signal.SIG_UNBLOCK, {signal.SIGALRM}
    )  # the program that PAM is part of may block it
    signal.setitimer(signal.ITIMER_REAL, SECONDS)


def _withdraw() -> None:
    """Have no core of this process written (core(5)), and nobody's signals but root's reach it.

    The program that PAM is part of, passwd for example, may have been started by the user, whose id is still
    the real one here.

    It is not locked into memory (mlock(2)), which would take as long as all else: the program that PAM is
    part of has the password in its memory before, after and for longer.
    """
    os.setuid(os.geteuid())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _given() -> dict[bytes, bytes]:
    """Return the environment, the last one of each name."""
    with open("/proc/self/environ", "rb") as environment:
        return dict(pair.split(b"=", 1) for pair in environment.read().split(b"\0") if b"=" in pair)


def _question(given: dict[bytes, bytes]) -> dict[str, str] | None:
    """Return what to ask the service; None where it has nothing to do with this.

    Run by another one than root, it is a program of the user's that asks for the password: a screen locker.
    Then it is the user who asks, and for nobody else.
    """
    stage, name = given.get(b"PAM_TYPE", b"").decode(), given.get(b"PAM_USER", b"").decode()
    if stage not in _SECRET or not name:
        return None
    if not os.geteuid():
        return {"ask": "logon", "stage": stage, "name": name}
    own = stage == "auth" and pwd.getpwnam(name).pw_uid == os.geteuid()
    return {"ask": "unlock"} if own else None


def _hand_over(path: str, question: dict[str, str]) -> int:
    """Ask, and hand over what is asked for."""
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.connect(path)
            if not _is_roots(connection):
                return FAILED
            _say(connection, question)
            reply = _heard(connection)
            wanted = _SECRET[question.get("stage", "auth")]
            if reply.get("secrets") == [wanted]:
                return _give(connection, question, wanted)
        if reply.get("refused") != "busy":
            return _end(reply)
        time.sleep(_PAUSE)


def _give(connection: socket.socket, question: dict[str, str], wanted: str) -> int:
    """Send the password; wait until it is taken, but not until a user's own key is unlocked by it."""
    password = _password()
    if password:
        _say(connection, {wanted: binascii.b2a_base64(password, newline=False).decode("ascii")})
        return DONE if question["ask"] == "unlock" else _end(_heard(connection))
    if question.get("stage") == "password":
        _show(UNCHANGED)
    return FAILED


def _end(reply: dict[str, object]) -> int:
    """Show the person what the service has to say to them, and return whether it was an answer."""
    answer = reply.get("answer")
    if not isinstance(answer, dict):
        return FAILED
    if isinstance(message := answer.get("message"), str):
        _show("".join(filter(str.isprintable, message[:_LONGEST_MESSAGE])))
    return DONE


def _is_roots(connection: socket.socket) -> bool:
    """Whether it was root who listens: the kernel says who called listen(2)."""
    packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return not _CREDENTIALS.unpack(packed)[1]


def _password() -> bytes:
    """Return what is on standard input; nothing if it may have been cut short."""
    read = b""
    while len(read) < CUT and (piece := os.read(0, CUT - len(read))):
        read += piece
    return read if len(read) < CUT else b""


def _say(connection: socket.socket, content: dict[str, str]) -> None:
    """Send a line. One that has gone may have said before why: that is still there to be read."""
    try:
        connection.sendall(json.dumps(content).encode("ascii") + b"\n")
    except BrokenPipeError:
        return


def _heard(connection: socket.socket) -> dict[str, object]:
    """Return the next line. Raises ValueError for what is no object of JSON."""
    data = b""
    while not data.endswith(b"\n") and (piece := connection.recv(_LONGEST - len(data))):
        data += piece
    content = json.loads(data)
    if not isinstance(content, dict):
        raise ValueError("no object")  # noqa: TRY004 - it is not of the wrong type, but says the wrong thing
    return content


def _show(line: str) -> None:
    os.write(1, f"{line}\n".encode())
