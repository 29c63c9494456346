"""``cscd status``: asked of a real server, as somebody at a terminal would."""

import json
import os
import signal
from collections.abc import Iterator

import pytest

from cscd.cli.exitcodes import ExitCode
from tests.cli.shell import Shell
from tests.daemon import statuses
from tests.daemon.serving import Kept, Served, served
from tests.support.users import ALICE

SECONDS = 30


@pytest.fixture
def server(shell: Shell) -> Iterator[Served]:
    """Serve a status in which all is right."""
    with served(shell.home / "control") as server:
        server.answers.status_now = statuses.status(statuses.user("me", os.geteuid()))
        yield server


def test_it_is_printed(shell: Shell, server: Served) -> None:
    """For people, whole."""
    done = shell.run("status", "--socket", server.path)
    assert (done.code, done.messages) == (ExitCode.OK, "")
    assert done.text.startswith("Cache     encrypted, every file of it\n")
    assert "me  uid" in done.text
    assert "\x1b" not in done.text


@pytest.mark.root
def test_the_json_is_what_the_service_said(shell: Shell, server: Served) -> None:
    """Field by field; bytes outside of ASCII are escaped, so that it can be printed anywhere."""
    server.answers.status_now = statuses.rich()
    done = shell.run("status", "--json", "--socket", server.path)
    assert done.out.isascii()
    assert done.json == json.loads(statuses.rich().model_dump_json())
    assert done.code == ExitCode.PARTIAL


@pytest.mark.root
def test_what_is_not_right_shows_in_the_exit_code(common_path: os.PathLike[str]) -> None:
    """Of everybody as root, of one's own as somebody else."""
    shell = Shell(common_path)  # type: ignore[arg-type]
    path = shell.home / "control"
    right, wrong = statuses.user("alice", ALICE.uid), statuses.user("bob", 60_899, partial=True)
    with served(path, Kept(statuses.status(right, wrong))) as server:
        assert shell.run("status", "--socket", path).code == ExitCode.PARTIAL
        done = shell.run_as(ALICE, "status", "--socket", path)
        assert done.code == ExitCode.OK
        assert "bob" not in done.text
        server.answers.status_now = statuses.status(right.model_copy(update={"partial": True}), wrong)
        assert shell.run_as(ALICE, "status", "--socket", path).code == ExitCode.PARTIAL


def test_a_service_that_is_not_running_has_its_code(shell: Shell) -> None:
    """And a sentence that says how to start it."""
    done = shell.run("status", "--socket", shell.home / "nobody")
    assert (done.code, done.out) == (ExitCode.SERVICE, b"")
    assert "systemctl start cscd" in done.messages


def test_a_later_version_of_the_service_may_say_more(
    shell: Shell, server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not known is left out; what cannot be understood is said, and --json still prints it."""
    answer = json.loads(statuses.poor().model_dump_json())

    class Later:
        """A status with other fields."""

        def __init__(self, **more: object) -> None:
            self.users = ()
            self.more = more

        def model_copy(self, update: object) -> "Later":
            del update
            return self

        def model_dump_json(self) -> str:
            return json.dumps({**answer, **self.more})

    monkeypatch.setattr(server.answers, "status_now", Later(news=1))
    assert shell.run("status", "--socket", server.path).code == ExitCode.OK
    monkeypatch.setattr(server.answers, "status_now", Later(policy="sometimes"))
    done = shell.run("status", "--socket", server.path)
    assert done.code == ExitCode.SERVICE
    assert "policy" in done.messages
    assert "another version" in done.messages
    assert '"sometimes"' in shell.run("status", "--json", "--socket", server.path).text


def test_a_watched_status_changes_until_it_is_interrupted(shell: Shell, server: Served) -> None:
    """In its place on the terminal's other screen; the last one stays on the first."""
    with shell.on_terminal("status", "--watch", "--socket", server.path) as running:
        running.until("every file of it")
        server.answers.status_now = statuses.status(statuses.user("me", os.geteuid(), partial=True))
        running.until("not all of it is yet")
        running.type(b"\x03")
        done = running.end()
    assert done.code == ExitCode.PARTIAL
    screens = done.out.decode().split("\x1b[?25h\x1b[?1049l")
    assert len(screens) == 2
    assert screens[0].startswith("\x1b[?1049h")
    assert "not all of it is yet" in screens[1]
    assert "\x1b[H" not in screens[1]


def test_a_watched_status_ends_with_the_service(shell: Shell, server: Served) -> None:
    """Which is said on the first screen, with the code of a service that is not running."""
    with shell.on_terminal("status", "--watch", "--socket", server.path) as running:
        running.until("every file of it")
        server.stop()
        done = running.end()
    assert done.code == ExitCode.SERVICE
    assert done.out.decode().endswith("\x1b[?25h\x1b[?1049lcscd: the service has stopped\r\n")


def test_a_watched_status_gives_the_screen_back_when_terminated(shell: Shell, server: Served) -> None:
    """As when it is interrupted."""
    with shell.on_terminal("status", "--watch", "--socket", server.path) as running:
        running.until("every file of it")
        running.process.send_signal(signal.SIGTERM)
        done = running.end()
    assert done.code == ExitCode.OK
    assert b"\x1b[?1049l" in done.out


def test_a_watched_status_never_leaves_the_screen(shell: Shell, server: Served) -> None:
    """What has no room is counted."""
    stuck = tuple(statuses.rich().users[-1].stuck)
    users = [statuses.user("me", os.geteuid(), partial=True, stuck=stuck) for _ in range(20)]
    server.answers.status_now = statuses.status(*users)
    with shell.on_terminal("status", "--watch", "--socket", server.path) as running:
        text = running.until("more lines; cscd status shows all")
        running.type(b"\x03")
        running.end()
    screen = text.rpartition("\x1b[H")[2]
    assert screen.count("\n") <= 23


def test_a_watched_status_elsewhere_is_printed_again_and_again(shell: Shell, server: Served) -> None:
    """As JSON, one object on each line."""
    with shell.started("status", "--watch", "--json", "--socket", server.path) as running:
        assert running.process.stdout
        lines = [running.process.stdout.readline() for _ in range(2)]
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(SECONDS) == ExitCode.OK
    assert all(json.loads(line)["command"] == "status" for line in lines)
