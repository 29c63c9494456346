"""The control socket: who asks, what they are told, and what they cannot do to others."""

import asyncio
import base64
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cscd.age import HybridIdentity, Stanza, X25519Identity
from cscd.cli.service import Service
from cscd.daemon.telling import control
from cscd.daemon.telling.allowance import Limits
from cscd.daemon.telling.control import Control
from cscd.daemon.telling.requests import MOST_RECIPIENTS
from cscd.errors import BusyError, TargetError
from cscd.worker.holder.messages import MOST_STANZAS
from cscd.worker.holder.reply import LONGEST
from tests.daemon import statuses
from tests.daemon.asking import ask, connected, said, status
from tests.daemon.serving import Kept, Served, served
from tests.support import forks
from tests.support.users import ALICE, MALLORY, User, become, call_as
from tests.support.waiting import wait_until

ANSWERED = 0.5
"""Seconds until an answer, on average, while others flood the socket."""
LATE = 0.5
"""Seconds by which the loop may be late on a machine that does other things, too."""


@pytest.fixture
def server(common_path: Path) -> Iterator[Served]:
    """Serve at a path that everybody can reach."""
    with served(common_path / "control") as server:
        yield server


def unwrap_question(stanza: Stanza) -> dict[str, Any]:
    """What asks for the key that a stanza wraps."""
    body = base64.b64encode(stanza.body).decode()
    return {"ask": "unwrap", "stanzas": [{"args": stanza.args, "body": body}]}


# -- answers -----------------------------------------------------------------------------------------------


def test_it_says_how_the_service_is(server: Served) -> None:
    """The answer is the status, as the model has it."""
    assert status(server.path)["answer"] == json.loads(statuses.poor().model_dump_json())


@pytest.mark.root
def test_a_status_that_no_utf8_can_hold_is_said(server: Served) -> None:
    """Names of files and programs are any bytes; the JSON stays valid."""
    server.answers.status_now = statuses.rich()
    (alice,) = [user for user in status(server.path)["answer"]["users"] if user["name"] == "alice"]
    odd = alice["stuck"][2]["path"]
    assert base64.b64decode(odd["base64"]) == b"/home/alice/.cache/cscd/l\xff\x1b[31mink"


@pytest.mark.root
def test_a_user_sees_only_what_is_theirs(server: Served) -> None:
    """Root sees everybody; others the machine and themselves; who is not known sees nobody."""
    alice = statuses.user("alice", ALICE.uid, partial=True)
    server.answers.status_now = statuses.status(alice, statuses.user("mallory", MALLORY.uid))
    assert [user["name"] for user in status(server.path)["answer"]["users"]] == ["alice", "mallory"]
    for_mallory = call_as(MALLORY, lambda: status(server.path))["answer"]
    assert [user["name"] for user in for_mallory["users"]] == ["mallory"]
    assert "alice" not in json.dumps(for_mallory)
    assert for_mallory["partial"]
    assert for_mallory["users_all"] == 2
    assert call_as(User(60_803, 60_803), lambda: status(server.path))["answer"]["users"] == []
    assert server.answers.asked == [0, MALLORY.uid, 60_803]


@pytest.mark.root
def test_a_key_opens_for_its_user_and_nobody_else(server: Served) -> None:
    """Whose key is used is what the kernel says of the caller."""
    identity = X25519Identity.generate()
    server.answers.identities[ALICE.uid] = (identity,)
    question = unwrap_question(identity.recipient.wrap(b"k" * 16))
    answer = call_as(ALICE, lambda: ask(server.path, question))
    assert base64.b64decode(answer["answer"]["file_key"]) == b"k" * 16
    for user in (MALLORY, User(0, 0)):
        assert call_as(user, lambda: ask(server.path, question))["refused"] == "unknown_user"


def test_a_key_that_does_not_fit_is_said(server: Served) -> None:
    """And one that nobody can fit, for its stanza is malformed."""
    server.answers.identities[os.geteuid()] = (X25519Identity.generate(),)
    other = X25519Identity.generate().recipient.wrap(b"k" * 16)
    assert ask(server.path, unwrap_question(other))["refused"] == "no_match"
    assert ask(server.path, unwrap_question(Stanza(("X25519", "AA"), b"")))["refused"] == "malformed"


DRILL = {
    "ask": "drill",
    "recipients": ["age1x"],
    "items": 3,
    "failed": 1,
    "path": "L/8=",
    "reason": "damaged",
}


@pytest.mark.root
def test_a_drill_is_taken_from_root_alone(server: Served) -> None:
    """With the name of what failed, whatever bytes it has."""
    assert ask(server.path, DRILL) == {"answer": {"remembered": True}}
    (drill,) = server.answers.drills
    assert (drill.items, drill.failed, drill.first) == (3, 1, "/\udcff")
    assert call_as(ALICE, lambda: ask(server.path, DRILL))["refused"] == "not_allowed"
    assert len(server.answers.drills) == 1


@pytest.mark.root
def test_a_drill_may_be_of_many_post_quantum_keys(server: Served) -> None:
    """Of the longest name that a recipient has; that many, and a long path, fit into one question."""
    recipient = str(HybridIdentity.generate().recipient)
    path = base64.b64encode(b"/" * 8192).decode()
    asked = {**DRILL, "recipients": [recipient] * MOST_RECIPIENTS, "path": path}
    assert ask(server.path, asked) == {"answer": {"remembered": True}}
    assert server.answers.drills[0].recipients[0] == recipient


# -- questions that are none -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"hello\n",
        b"\xff\xfe\n",
        b"[]\n",
        b'{"ask": "everything"}\n',
        b'{"ask": "status", "uid": 0}\n',
        b'{"ask": "unwrap"}\n',
        b'{"ask": "unwrap", "stanzas": []}\n',
        b'{"ask": "unwrap", "stanzas": [{"args": ["X25519"], "body": "!"}]}\n',
        b'{"ask": "unwrap", "stanzas": [{"args": ["X25519"], "body": "abc"}]}\n',
        b'{"ask": "unwrap", "stanzas": [{"args": ["a\\nb"], "body": ""}]}\n',
        b'{"ask": "unwrap", "stanzas": [{"args": [], "body": ""}]}\n',
        b'{"ask": "drill"}\n',
        b'{"ask": "drill", "recipients": ["age1x"], "items": 0, "failed": 0}\n',
        b'{"ask": "drill", "recipients": ["a"], "items": 1, "failed": 2, "path": "YQ==", "reason": "a"}\n',
        b'{"ask": "drill", "recipients": ["age1x"], "items": 2, "failed": 1}\n',
        b'{"ask": "drill", "recipients": ["a"], "items": 2, "failed": 0, "path": "YQ==", "reason": "a"}\n',
        b'{"ask": "drill", "recipients": [], "items": 2, "failed": 0}\n',
        b"[" * 60_000 + b"\n",
        b'{"ask": "status", "more": ' + b"9" * 10_000 + b"}\n",
    ],
)
def test_what_is_no_question_is_refused(server: Served, line: bytes) -> None:
    """With a sentence, and without quoting any of it; the next question is answered."""
    answer = ask(server.path, line)
    assert answer["refused"] == "malformed"
    assert len(answer["message"]) < 300
    assert server.limited == [(os.geteuid(), "malformed")]
    assert "answer" in status(server.path)


def test_more_stanzas_than_granted_are_refused(server: Served) -> None:
    """Each of them costs a multiplication on the curve."""
    stanza = {"args": ["X25519", "A" * 43], "body": "A" * 44}
    answer = ask(server.path, {"ask": "unwrap", "stanzas": [stanza] * (MOST_STANZAS + 1)})
    assert answer["refused"] == "malformed"


def test_a_question_that_is_too_long_is_refused(server: Served) -> None:
    """Nothing of it is kept beyond the bound."""
    answer = ask(server.path, b" " * (LONGEST + 1) + b"\n")
    assert answer is None or answer["refused"] == "malformed"
    assert "answer" in status(server.path)


def test_a_question_may_come_in_pieces(server: Served) -> None:
    """As long as it is whole in time; what comes after it is not looked at."""
    with connected(server.path) as connection:
        for piece in (b'{"a', b'sk": "sta', b'tus"}\nmore'):
            connection.sendall(piece)
        assert b'"answer"' in said(connection)


def test_an_error_that_nobody_foresaw_costs_one_answer(server: Served) -> None:
    """It is told to whom it concerns, and the server goes on."""

    async def fail() -> None:
        raise ZeroDivisionError

    server.answers.first = fail
    assert status(server.path)["refused"] == "internal"
    server.answers.first = None
    assert "answer" in status(server.path)
    assert [type(error) for error in server.failed] == [ZeroDivisionError]


# -- who takes their time ----------------------------------------------------------------------------------


def test_who_does_not_ask_is_cut_off(common_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline, however many bytes trickle in."""
    monkeypatch.setattr(control, "_QUESTION_SECONDS", 0.2)
    with served(common_path / "control") as server, connected(server.path) as connection:
        connection.sendall(b'{"ask"')
        assert said(connection) == b""


def test_who_does_not_listen_is_cut_off(common_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And others are answered meanwhile."""
    monkeypatch.setattr(control, "_ANSWER_SECONDS", 0.5)
    users = [statuses.user("x" * 4000, os.geteuid()) for _ in range(500)]
    answers = Kept(statuses.status(*users))
    with served(common_path / "control", answers) as server, connected(server.path) as connection:
        connection.sendall(b'{"ask": "status"}\n')
        connection.recv(1)
        assert "answer" in status(server.path)
        ended = wait_until(lambda: said_until_now(connection), "it is cut off")
        assert ended == "the end"


def said_until_now(connection: socket.socket) -> str:
    """Whether the other side has gone: writing fails then, and nothing is taken from what it has sent."""
    try:
        connection.send(b"?")
    except BrokenPipeError:
        return "the end"
    return ""


def test_an_answer_that_takes_too_long_is_given_up(
    common_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked is told."""
    monkeypatch.setattr(control, "_HANDLER_SECONDS", 0.1)
    answers = Kept(first=lambda: asyncio.sleep(60))
    with served(common_path / "control", answers) as server:
        assert status(server.path)["refused"] == "timed_out"


def test_stopping_waits_for_nobody(common_path: Path) -> None:
    """Connections that are open end with it, and the name is gone."""
    answers = Kept(first=lambda: asyncio.sleep(60))
    with ExitStack() as stack:
        with served(common_path / "control", answers) as server:
            idle = stack.enter_context(connected(server.path))
            asking = stack.enter_context(connected(server.path))
            asking.sendall(b'{"ask": "status"}\n')
            wait_until(lambda: answers.asked, "the question is heard")
            begun = time.monotonic()
            server.stop()
            assert time.monotonic() - begun < 5
            assert said(idle) == said(asking) == b""
        assert not server.path.exists()


# -- the socket --------------------------------------------------------------------------------------------


def test_everybody_may_connect(server: Served) -> None:
    """Whatever the umask is."""
    mode = server.path.lstat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o666


def test_a_stale_socket_is_replaced(common_path: Path) -> None:
    """As a service that was killed leaves one."""
    path = common_path / "control"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with served(path) as server:
        assert "answer" in status(server.path)
    assert list(common_path.iterdir()) == []


def test_another_service_is_not_replaced(server: Served) -> None:
    """It goes on, and the second one is told."""
    second = Control(str(server.path), Kept())
    with pytest.raises(BusyError, match="another service"):
        asyncio.run(second.start())
    assert "answer" in status(server.path)


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_no_socket_is_not_replaced(common_path: Path, kind: str) -> None:
    """Somebody has put it there."""
    path = common_path / "control"
    match kind:
        case "file":
            path.write_text("precious")
        case "directory":
            path.mkdir()
        case _:
            path.symlink_to("/nowhere")
    with pytest.raises(TargetError, match="no socket"):
        asyncio.run(Control(str(path), Kept()).start())
    assert path.is_symlink() or path.exists()


def test_the_socket_of_a_successor_is_left_alone(common_path: Path) -> None:
    """A service that stops late does not take away what another one has put there."""
    path = common_path / "control"
    with served(path):
        path.unlink()
        successor = socket.socket(socket.AF_UNIX)
        successor.bind(str(path))
    assert path.exists()
    successor.close()


# -- who asks too much -------------------------------------------------------------------------------------


def test_too_many_questions_are_answered_with_busy(common_path: Path) -> None:
    """After the burst; later there are answers again."""
    with served(common_path / "control", limits=Limits(burst=5, rate=20)) as server:
        answers = [status(server.path) for _ in range(12)]
        assert all("answer" in answer for answer in answers[:5])
        assert any(answer.get("refused") == "busy" for answer in answers)
        assert (os.geteuid(), "rate") in server.limited
        wait_until(lambda: "answer" in status(server.path), "there is an answer again")


def test_too_many_connections_of_one_user_are_answered_with_busy(server: Served) -> None:
    """Until one of them ends."""
    with ExitStack() as stack:
        idle = [stack.enter_context(connected(server.path)) for _ in range(8)]
        assert status(server.path) == {
            "refused": "busy",
            "message": "too many questions at once; try again in a moment",
        }
        idle[0].close()
        wait_until(lambda: "answer" in status(server.path), "there is room again")


@contextmanager
def flood(user: User, path: Path, manner: str) -> Iterator[None]:
    """Have that user, in a process of their own, do their worst while the block lasts."""
    reader, writer = os.pipe()
    pid = forks.fork()
    if pid == 0:
        become(user)
        os.close(reader)
        os.write(writer, b"!")
        _flood(path, manner)
    os.close(writer)
    os.read(reader, 1)
    try:
        yield
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
        os.close(reader)


def _flood(path: Path, manner: str) -> None:
    """Never return."""
    held: list[socket.socket] = []
    question = {"garbage": os.urandom(65536), "status": b'{"ask": "status"}\n', "idle": b""}[manner]
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(path))
            if question:
                connection.setblocking(False)  # noqa: FBT003 - its only way to be called
                connection.send(question)
        except OSError:
            pass
        held.append(connection)
        if len(held) > 200:
            held.pop(0).close()


@pytest.mark.root
@pytest.mark.parametrize("manner", ["idle", "garbage", "status"])
def test_a_flood_keeps_nobody_else_from_asking(server: Served, manner: str) -> None:
    """Another user and root are answered all the while, and the loop has time for its work."""
    client = Service({}, str(server.path))
    with flood(MALLORY, server.path, manner), flood(MALLORY, server.path, manner):
        wait_until(lambda: server.limited, "it floods")
        with server.timed() as timed:
            for user in (ALICE, User(0, 0)):
                answers = call_as(user, lambda: [client.ask({"ask": "status"}) for _ in range(20)])
                assert all(answer["command"] == "status" for answer in answers)
    assert timed.latest < LATE
    assert timed.seconds < 40 * ANSWERED
    assert {uid for uid, _ in server.limited} == {MALLORY.uid}


@pytest.mark.root
def test_many_uids_cannot_take_all_places(server: Served) -> None:
    """A user has 65,536 subordinate uids; who has sat longest without asking makes room."""
    with ExitStack() as stack:
        for uid in range(100_000, 100_100):
            os.seteuid(uid)
            try:
                stack.enter_context(connected(server.path))
            finally:
                os.seteuid(0)
        assert "answer" in call_as(ALICE, lambda: status(server.path))
        assert "answer" in status(server.path)


@pytest.mark.root
def test_those_who_are_being_answered_are_not_sent_away(common_path: Path) -> None:
    """Where nobody is idle, a newcomer is told to come again; root has places of its own."""
    go_on = threading.Event()

    async def wait() -> None:
        await asyncio.get_running_loop().run_in_executor(None, go_on.wait)

    answers = Kept(first=wait)
    limits = Limits(connections=2, connections_each=1)
    with served(common_path / "control", answers, limits) as server, ExitStack() as stack:
        waiting = []
        for uid in (ALICE.uid, MALLORY.uid):
            os.seteuid(uid)
            try:
                waiting.append(stack.enter_context(connected(server.path)))
            finally:
                os.seteuid(0)
            waiting[-1].sendall(b'{"ask": "status"}\n')
        wait_until(lambda: len(answers.asked) == 2, "both are heard")
        assert call_as(User(60_803, 60_803), lambda: status(server.path))["refused"] == "busy"
        answers.first = None
        assert "answer" in status(server.path)
        go_on.set()
        assert all(b'"answer"' in said(connection) for connection in waiting)
