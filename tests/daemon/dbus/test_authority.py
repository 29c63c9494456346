"""polkit: whom it is asked about, what its answers mean, and what happens where there is none."""

import asyncio
import functools
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dbus_fast import Variant

from cscd.daemon.dbus.authority import Polkit as Authority
from cscd.daemon.encrypt.calls import CHANGE_STATE, ENCRYPT_USER, Caller, Decision
from tests.daemon.encrypting import Served, served
from tests.daemon.polkit import CHALLENGE, DISMISSED, NO, Polkit, polkit
from tests.support.waiting import wait_until

ANN = Caller(1000, "ann", ":1.99", 4711)
ROOT = Caller(0, "root", ":1.98", 1)
POLICY = Path(__file__).parents[3] / "systemd" / "org.cscd.offlinefiles1.policy"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    """Serve on a bus without a polkit."""
    with served(tmp_path) as server:
        yield server


@pytest.fixture
def authority(server: Served) -> Iterator[Polkit]:
    """Have a polkit on it."""
    with polkit(server) as authority:
        yield authority


def decided(server: Served, caller: Caller = ANN, *, interactive: bool = False) -> Decision:
    """Return what came of asking."""
    ask = server.service.authority.allows
    found: Decision = server.call(lambda: ask(caller, CHANGE_STATE, interactive=interactive))
    return found


@pytest.mark.parametrize("interactive", [False, True])
def test_it_is_asked_about_the_connection(server: Served, authority: Polkit, interactive: bool) -> None:
    """The unique name is the subject; a dialog is allowed where the call was interactive, and only there."""
    assert decided(server, interactive=interactive) is Decision.ALLOWED
    ((subject, action, details, flags, cancellation),) = authority.asked
    assert subject == ("system-bus-name", {"name": Variant("s", ANN.bus_name)})
    assert (action, details, flags) == (CHANGE_STATE, {}, int(interactive))
    assert cancellation
    granted = server.events("authorization_granted")
    assert [(each["action"], each["interactive"]) for each in granted] == [(CHANGE_STATE, interactive)]


@pytest.mark.parametrize(
    "answer, decision",
    [
        (NO, Decision.DENIED),
        (CHALLENGE, Decision.NO_AGENT),
        (DISMISSED, Decision.DISMISSED),
        ("org.freedesktop.PolicyKit1.Error.Cancelled", Decision.DISMISSED),
    ],
)
def test_what_it_refuses_is_refused(
    server: Served, authority: Polkit, answer: object, decision: Decision
) -> None:
    """Each refusal has its word for the log."""
    authority.answer = answer
    assert decided(server, interactive=True) is decision
    assert server.events("authorization_granted") == []


@pytest.mark.parametrize(
    "answer",
    [
        "org.freedesktop.PolicyKit1.Error.Failed",
        ["b", True],
        ["(bb)", (True, False)],
        ["(bba{sv})", (True, False, {})],
    ],
)
def test_what_is_no_answer_is_a_refusal(server: Served, authority: Polkit, answer: object) -> None:
    """An action that polkit does not know, or another form; an administrator finds it in the log."""
    authority.answer = answer
    assert decided(server) is Decision.DENIED
    assert server.events("authority_unavailable")


def test_without_it_only_root_may(server: Served) -> None:
    """The log says that it is missing."""
    assert decided(server) is Decision.DENIED
    assert "ServiceUnknown" in server.waited_for("authority_unavailable")["error"]
    assert decided(server, ROOT) is Decision.ALLOWED


def test_root_is_not_asked_about(server: Served, authority: Polkit) -> None:
    """Polkit lets root do everything."""
    authority.answer = NO
    assert decided(server, ROOT) is Decision.ALLOWED
    assert authority.asked == []


def test_who_is_not_on_the_bus_cannot_be_asked_about(server: Served, authority: Polkit) -> None:
    """Such as a caller of another way in."""
    assert decided(server, Caller(1000, "ann")) is Decision.DENIED
    assert authority.asked == []


def test_a_silent_one_is_not_waited_for_for_ever(server: Served, authority: Polkit) -> None:
    """The question is taken back; a dialog that nobody answered counts as dismissed."""
    authority.answer = None

    def impatient() -> Authority:
        connection = server.service._connection  # noqa: SLF001 - as the service gives it to its own
        return Authority(connection, server.service._log, longest=0.2, longest_dialog=0.2)  # noqa: SLF001

    other: Authority = server.call(impatient)
    for interactive, decision in ((False, Decision.DENIED), (True, Decision.DISMISSED)):
        ask = functools.partial(other.allows, ANN, ENCRYPT_USER, interactive=interactive)
        assert server.call(ask) is decision
    wait_until(lambda: len(authority.cancelled) == 2, "both questions are taken back")
    assert authority.cancelled == [asked[4] for asked in authority.asked]


def test_a_caller_who_leaves_closes_the_dialog(server: Served, authority: Polkit) -> None:
    """Cancelled in the middle, the question is taken back."""
    authority.answer = None

    async def start() -> asyncio.Task[Decision]:
        return asyncio.create_task(server.service.authority.allows(ANN, CHANGE_STATE, interactive=True))

    task: asyncio.Task[Decision] = server.call(start)
    wait_until(lambda: authority.asked, "polkit was asked")
    server.call(task.cancel)
    wait_until(lambda: authority.cancelled, "the question is taken back")
    assert authority.cancelled == [authority.asked[0][4]]


def test_the_actions_are_installed() -> None:
    """Both, kept for a while once an administrator has agreed."""
    found: dict[str, Any] = {
        each.get("id", ""): {one.text for one in each.iter() if one.tag.startswith("allow_")}
        for each in ET.parse(POLICY).iter("action")  # noqa: S314 - our own
    }
    assert found == {CHANGE_STATE: {"auth_admin_keep"}, ENCRYPT_USER: {"auth_admin_keep"}}
