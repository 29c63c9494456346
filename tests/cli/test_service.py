"""Asking the service: which one, and what its silence means."""

import asyncio
import json
import os
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from cscd.cli import service
from cscd.cli.exitcodes import ExitCode
from cscd.cli.failure import explain
from cscd.cli.secret import Secret
from cscd.cli.service import Service
from cscd.daemon.telling.allowance import Limits
from cscd.errors import (
    CscdError,
    NotRunningError,
    SecretsWantedError,
    ServiceError,
    ServiceRefusedError,
)
from tests.daemon.serving import Kept, served
from tests.support.users import ALICE, MALLORY, call_as

QUESTION = {"ask": "status"}


@contextmanager
def answering(path: Path, answer: Callable[[socket.socket], None]) -> Iterator[None]:
    """Answer one connection, as something else than the service would."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            answer(connection)

    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        path.chmod(0o666)
        listening.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        yield
        thread.join()


def test_an_answer_is_returned(tmp_path: Path) -> None:
    """What the service said, without the envelope."""
    with served(tmp_path / "control"):
        assert Service({}, str(tmp_path / "control")).ask(QUESTION)["command"] == "status"


def test_the_computers_service_is_asked_before_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The own one only where there is no other."""
    monkeypatch.setattr(service, "SYSTEM", str(tmp_path / "system"))
    (tmp_path / "cscd").mkdir()
    client = Service({"XDG_RUNTIME_DIR": str(tmp_path)})
    own, system = Kept(), Kept()
    with served(tmp_path / "cscd" / "control", own):
        client.ask(QUESTION)
        with served(tmp_path / "system", system):
            client.ask(QUESTION)
    assert (len(own.asked), len(system.asked)) == (1, 1)


@pytest.mark.parametrize("there", ["nothing", "stale"])
def test_a_service_that_is_not_running_is_said(tmp_path: Path, there: str) -> None:
    """With what starts it."""
    path = tmp_path / "control"
    if there == "stale":
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(path))
    with pytest.raises(NotRunningError, match="systemctl start cscd") as raised:
        Service({}, str(path)).ask(QUESTION)
    assert explain(raised.value).code is ExitCode.SERVICE


@pytest.mark.root
def test_a_service_that_one_may_not_ask_is_said(common_path: Path) -> None:
    """By the socket's path."""
    path = common_path / "control"
    with served(path):
        path.chmod(0o600)
        with pytest.raises(PermissionError) as raised:
            call_as(ALICE, lambda: Service({}, str(path)).ask(QUESTION))
    failure = explain(raised.value)
    assert failure.code is ExitCode.PERMISSION
    assert str(path) in failure.message


@pytest.mark.root
def test_another_users_service_is_not_asked(common_path: Path) -> None:
    """Whoever put it there is told nothing."""
    common_path.chmod(0o777)
    path = common_path / "control"

    def ask() -> str:
        try:
            Service({}, str(path)).ask(QUESTION)
        except ServiceError as error:
            return str(error)
        return "answered"

    heard: list[bytes] = []
    os.seteuid(MALLORY.uid)
    try:
        with answering(path, lambda connection: heard.append(connection.recv(100))):
            os.seteuid(0)
            assert "not the service" in call_as(ALICE, ask)
    finally:
        os.seteuid(0)
    assert heard == [b""]


@pytest.mark.parametrize(
    "data", [b"hello\n", b"[]\n", b'{"answ": 1}\n', b'{"refused": 5}\n', b'{"answer": ', b"[" * 100_000]
)
def test_what_is_no_answer_is_said(tmp_path: Path, data: bytes) -> None:
    """It is another program, or another version."""

    def answer(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(data)

    with (
        answering(tmp_path / "control", answer),
        pytest.raises(ServiceError, match="another version"),
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION)


def test_silence_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while, with where to look."""
    monkeypatch.setattr(service, "_SECONDS", 1)
    with (
        served(tmp_path / "control", Kept(first=lambda: asyncio.sleep(60))),
        pytest.raises(NotRunningError, match="systemctl status cscd"),
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION)


def test_a_busy_service_is_asked_again(tmp_path: Path) -> None:
    """More questions than its burst are answered all the same, in their time."""
    with served(tmp_path / "control", limits=Limits(burst=2, rate=50)) as server:
        client = Service({}, str(tmp_path / "control"))
        assert len([client.ask(QUESTION) for _ in range(6)]) == 6
        assert server.limited


def test_a_service_that_stays_busy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the end."""
    monkeypatch.setattr(service, "_BUSY_SECONDS", 0.1)
    with (
        served(tmp_path / "control", limits=Limits(burst=0)),
        pytest.raises(ServiceRefusedError, match="try again") as raised,
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION)
    assert explain(raised.value).code is ExitCode.SERVICE


def test_a_refusal_has_its_reason(tmp_path: Path) -> None:
    """As a word for the program and a sentence for the person."""
    with served(tmp_path / "control"), pytest.raises(ServiceRefusedError) as raised:
        Service({}, str(tmp_path / "control")).ask({"ask": "for much"})
    assert raised.value.reason == "malformed"
    assert isinstance(raised.value, CscdError)
    assert "the service said" in str(raised.value)
    assert json.dumps(str(raised.value)).isascii()


def spoken(path: Path, *lines: bytes) -> AbstractContextManager[None]:
    """Answer each line of a connection with one of these, and then end it."""

    def answer(connection: socket.socket) -> None:
        with connection.makefile("rwb") as said:
            for line in lines:
                said.readline()
                said.write(line)
                said.flush()
            if lines[-1]:
                said.readline()

    return answering(path, answer)


def test_secrets_in_hand_are_given_when_they_are_wanted(tmp_path: Path) -> None:
    """Those that are wanted and no others, on the same connection."""
    heard: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        with connection.makefile("rwb") as said:
            heard.append(said.readline())
            said.write(b'{"secrets": ["new"]}\n')
            said.flush()
            heard.append(said.readline())
            said.write(b'{"answer": 5}\n')

    secrets = {"new": Secret(b"\xff new"), "passphrase": Secret(b"old")}
    with answering(tmp_path / "control", answer):
        assert Service({}, str(tmp_path / "control")).ask(QUESTION, secrets) == 5
    assert [json.loads(line) for line in heard] == [QUESTION, {"new": "/yBuZXc="}]


def test_secrets_that_are_not_in_hand_are_named(tmp_path: Path) -> None:
    """Somebody has to be asked for them; until then nobody waits for us."""
    with (
        spoken(tmp_path / "control", b'{"secrets": ["passphrase", "new"]}\n'),
        pytest.raises(SecretsWantedError) as raised,
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION, {"passphrase": Secret(b"x")})
    assert raised.value.names == ("new",)


@pytest.mark.parametrize("wanted", [b"[]", b"{}", b'"new"', b"[1]", b'["identity", "password"]'])
def test_a_secret_that_nobody_knows_is_not_given(tmp_path: Path, wanted: bytes) -> None:
    """It is another program, or another version."""
    with (
        spoken(tmp_path / "control", b'{"secrets": ' + wanted + b"}\n"),
        pytest.raises(ServiceError, match="another version"),
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION)


def test_secrets_are_given_once(tmp_path: Path) -> None:
    """A service that ends instead of an answer may have done it: that is said, and nothing repeated."""
    with (
        spoken(tmp_path / "control", b'{"secrets": ["new"]}\n', b""),
        pytest.raises(NotRunningError, match="cscd keys show"),
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION, {"new": Secret(b"x")})


def test_an_error_has_nothing_of_a_secret(tmp_path: Path) -> None:
    """Nor has what led to it."""
    secret = Secret(b"sesame")
    with (
        spoken(tmp_path / "control", b'{"secrets": ["new"]}\n', b"nonsense\n"),
        pytest.raises(ServiceError) as raised,
    ):
        Service({}, str(tmp_path / "control")).ask(QUESTION, {"new": secret})
    told = "".join(traceback.format_exception(raised.value)) + repr(vars(raised.value))
    assert "sesame" not in told
    assert "c2VzYW1l" not in told
