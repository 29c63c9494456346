"""`cscd-pam`: the password gets to the service, and to nobody else; a logon never waits for it."""

import base64
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from cscd.cli import service
from cscd.pam import logon
from tests.pam.handing import (
    OF_NO_USE,
    PASSWORD,
    TAKEN,
    WANTED,
    Part,
    answering,
    hand_over,
    listener,
    mute,
    saying,
    somebody_elses,
    speaking,
)
from tests.support import requires
from tests.support.users import DAEMON, MALLORY

pytestmark = pytest.mark.root  # a service that is not root's is told nothing

WAIT = 2.0
"""Seconds for which a logon may be kept waiting."""
OWN = 0.05
"""Seconds that it may take for itself."""
SECRET = {"passphrase": base64.b64encode(PASSWORD).decode()}


@pytest.fixture
def path(common_path: Path) -> Path:
    """Where the service listens."""
    return common_path / "control"


# -- what it does ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage, secret", [("auth", "passphrase"), ("password", "new")])
def test_the_password_is_handed_over(path: Path, stage: str, secret: str) -> None:
    """To the service, when it asks for it; the person sees nothing of it."""
    with answering(path, speaking({"secrets": [secret]}, TAKEN)) as asked:
        ended = hand_over(path, stage.encode())
    assert asked.questions == [{"ask": "logon", "stage": stage, "name": "alice"}]
    assert asked.secrets == [{secret: SECRET["passphrase"]}]
    assert (ended.code, ended.shown) == (logon.DONE, b"")


def test_a_password_of_no_use_is_not_even_read(path: Path) -> None:
    """As where nobody's key is wrapped by it, or it is open already."""
    with answering(path, speaking(OF_NO_USE, TAKEN)) as asked:
        ended = hand_over(path)
    assert (ended.code, ended.left, asked.secrets) == (logon.DONE, PASSWORD, [])


@pytest.mark.parametrize("stage", [b"account", b"open_session", b"close_session", b"", b"AUTH"])
def test_the_other_stages_are_none_of_its_business(path: Path, stage: bytes) -> None:
    """The service hears of sessions from logind; it is not asked."""
    with listener(path) as there:
        there.setblocking(False)  # noqa: FBT003 - its only way to be called
        assert hand_over(path, stage).code == logon.DONE
        with pytest.raises(BlockingIOError):
            there.accept()


def test_who_logs_on_is_who_pam_says(path: Path) -> None:
    """A variable of that name that the user has chosen stands before, and does not count."""
    chosen = ((b"PAM_USER", b"mallory"), (b"PAM_TYPE", b"password"), (b"PYTHONPATH", b"/nowhere"))
    with answering(path, speaking(WANTED, TAKEN)) as asked:
        hand_over(path, before=chosen)
    assert asked.questions == [{"ask": "logon", "stage": "auth", "name": "alice"}]


def test_a_name_is_no_part_of_the_question(path: Path) -> None:
    """However it is spelled, it is one string."""
    name = 'M"\n\\{ü'
    with answering(path, speaking(OF_NO_USE)) as asked:
        hand_over(path, name=name.encode())
    assert asked.questions == [{"ask": "logon", "stage": "auth", "name": name}]


def test_what_the_service_has_to_say_is_shown(path: Path) -> None:
    """In one line, without what would move a cursor."""
    answer = {"answer": {"taken": True, "message": "It does\x1b[2J not\nopen."}}
    with answering(path, speaking(WANTED, answer)):
        assert hand_over(path).shown == b"It does[2J notopen.\n"


def test_a_busy_service_is_asked_again(path: Path) -> None:
    """As when everybody logs on at once."""
    busy = {"refused": "busy", "message": "later"}
    with answering(path, speaking(busy), speaking(busy), speaking(WANTED, TAKEN)) as asked:
        assert hand_over(path).code == logon.DONE
    assert (asked.connections, asked.secrets) == (3, [SECRET])


def test_a_password_that_may_be_cut_is_not_used(path: Path) -> None:
    """pam_exec hands on 511 bytes: a key under those would not open by the whole."""
    with answering(path, speaking(WANTED, TAKEN)) as asked:
        assert hand_over(path, password=b"x" * logon.CUT).code == logon.FAILED
    with answering(path.parent / "again", speaking(WANTED, TAKEN)) as again:
        assert hand_over(path.parent / "again", password=b"x" * (logon.CUT - 1)).code == logon.DONE
    assert (asked.secrets, len(again.secrets)) == ([], 1)


@pytest.mark.parametrize("stage, shown", [(b"auth", b""), (b"password", f"{logon.UNCHANGED}\n".encode())])
def test_without_a_password_none_is_sent(path: Path, stage: bytes, shown: bytes) -> None:
    """As from a pam_exec that hands none on in this stage; who has changed it is told what to do."""
    wanted = {"secrets": ["passphrase" if stage == b"auth" else "new"]}
    with answering(path, speaking(wanted, TAKEN)) as asked:
        ended = hand_over(path, stage, password=b"")
    assert (ended.code, ended.shown, asked.secrets) == (logon.FAILED, shown, [])


def test_what_else_the_service_wants_it_does_not_get(path: Path) -> None:
    """A password is sent for one thing alone."""
    with answering(path, speaking({"secrets": ["passphrase", "new"]}, TAKEN)) as asked:
        ended = hand_over(path)
    assert (ended.code, ended.left, asked.secrets) == (logon.FAILED, PASSWORD, [])


# -- a screen locker, which is the user's own program ------------------------------------------------------


def test_a_screen_locker_unlocks_the_users_own_key(path: Path) -> None:
    """By the question that the user may ask; it is not waited for."""
    with answering(path, speaking(WANTED, TAKEN)) as asked:
        assert hand_over(path, name=b"daemon", user=DAEMON).code == logon.DONE
    assert (asked.questions, asked.secrets) == ([{"ask": "unlock"}], [SECRET])


@pytest.mark.parametrize("stage, name", [(b"password", b"daemon"), (b"auth", b"root")])
def test_a_users_program_does_nothing_else(path: Path, stage: bytes, name: bytes) -> None:
    """Neither for somebody else nor with a new password."""
    with listener(path) as there:
        there.setblocking(False)  # noqa: FBT003 - its only way to be called
        assert hand_over(path, stage, name, user=DAEMON).code == logon.DONE
        with pytest.raises(BlockingIOError):
            there.accept()


# -- whatever the other end is -----------------------------------------------------------------------------


def test_a_socket_that_is_not_roots_is_told_nothing(path: Path) -> None:
    """Not even who logs on."""
    path.parent.chmod(0o777)
    with somebody_elses(path, MALLORY) as other:
        ended = hand_over(path)
        assert other.stdout
        assert other.stdout.read() == b""
    assert (ended.code, ended.left, ended.shown) == (logon.FAILED, PASSWORD, b"")


@pytest.mark.parametrize("there", ["nothing", "stale", "file", "directory"])
def test_without_a_service_it_ends_at_once(path: Path, there: str) -> None:
    """A logon is what it would be without it."""
    if there == "stale":
        with listener(path):
            pass
    elif there == "file":
        path.touch()
    elif there == "directory":
        path.mkdir()
    ended = hand_over(path)
    assert (ended.code, ended.shown) == (logon.FAILED, b"")
    assert ended.took < WAIT / 2


@pytest.mark.parametrize(
    "part",
    [
        mute,
        speaking(WANTED, None),
        saying(b""),
        saying(b"no JSON\n"),
        saying(b"[]\n"),
        saying(b'{"secrets":"passphrase"}\n'),
        saying(b'{"answer":\n'),
        saying(b"[" * 60_000 + b"\n"),
        saying(b"\xff\x00" * 1000, times=10_000),
        saying(b"1", pause=0.1, times=50),
        speaking(WANTED, "taken"),
        speaking(WANTED, {"refused": "internal", "message": "no"}),
    ],
    ids=[
        "hung",
        "gone before the secret",
        "gone",
        "no JSON",
        "no object",
        "no list",
        "half",
        "deep",
        "endless",
        "slow",
        "no object last",
        "refused",
    ],
)
def test_whatever_it_answers_a_logon_goes_on(path: Path, part: Part) -> None:
    """Within two seconds, and nothing is shown of it."""
    with answering(path, part):
        ended = hand_over(path)
    assert (ended.code, ended.shown) == (logon.FAILED, b"")
    assert ended.took < WAIT


def test_a_service_that_is_always_busy_is_given_up(path: Path) -> None:
    """In time."""
    busy = speaking({"refused": "busy", "message": "later"})
    with answering(path, *[busy] * 20):
        ended = hand_over(path)
    assert ended.code == logon.FAILED
    assert ended.took < WAIT


def test_a_full_backlog_does_not_stop_a_logon(path: Path) -> None:
    """Nor does a caller that has the alarm blocked and ignored, as PAM's may have."""
    requires.command("env")
    with listener(path, backlog=0), ExitStack() as waiting:
        first = waiting.enter_context(socket.socket(socket.AF_UNIX))
        first.connect(str(path))
        ended = hand_over(path, wrapper=("env", "--ignore-signal=ALRM", "--block-signal=ALRM"))
    assert ended.code == logon.FAILED
    assert 1.0 < ended.took < WAIT


# -- what it costs -----------------------------------------------------------------------------------------


def test_it_takes_little_time(path: Path) -> None:
    """Less than 50 ms of a logon."""
    took = []
    for number in range(10):
        with answering(path.parent / str(number), speaking(WANTED, TAKEN)):
            took.append(hand_over(path.parent / str(number)).took)
    assert min(took) < OWN


def test_it_stands_on_the_standard_library_alone() -> None:
    """And on nothing of ours."""
    program = "import sys; sys.path.append('.'); import cscd.pam.logon; print(*sys.modules)"
    command = [sys.executable, "-I", "-S", "-c", program]
    root = Path(logon.__file__).parent.parent.parent
    names = subprocess.check_output(command, cwd=root, text=True).split()
    assert {name for name in names if name.startswith("cscd")} == {"cscd", "cscd.pam", "cscd.pam.logon"}
    assert {name.split(".")[0] for name in names} - {"cscd", "__main__"} <= sys.stdlib_module_names


def test_it_asks_the_service_that_the_command_asks() -> None:
    """The path of the socket is written twice, for it may import nothing."""
    assert logon.SOCKET == service.SYSTEM
