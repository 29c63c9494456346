"""Calls as they come: who asks too much is turned away, and nobody else notices."""

import asyncio
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from dbus_fast import Message, MessageFlag, Variant

from cscd.daemon.dbus.interface import CACHE, NAME, PATH
from cscd.daemon.dbus.reception import CALLS
from cscd.daemon.encrypt.codes import Code
from tests.daemon.callers import ENCRYPT, Client, client, message
from tests.daemon.encrypting import Served, held, served
from tests.daemon.hostile import Raw, marshalled, running
from tests.daemon.serving import Timed, beating
from tests.support.users import BIN, DAEMON, User
from tests.support.waiting import wait_until

pytestmark = pytest.mark.root  # other users call

PEER = "org.freedesktop.DBus.Peer"

SECONDS = 3.0
"""For which a flood lasts."""
ANSWERED = 1.5
"""Seconds until an answer, at the median, while others flood the bus."""
ANSWERED_BEHIND_GIANTS = 3.0
"""The same, behind the 127 MiB that the bus lets others have waiting for us (max_outgoing_bytes)."""
LATE = 1.5
"""Seconds by which the loop may be late on a machine that does other things, too."""


@pytest.fixture
def server(common_path: Path) -> Iterator[Served]:
    """Serve on a bus that everybody can reach."""
    with served(common_path) as server:
        yield server


@pytest.fixture
def caller(server: Served) -> Iterator[Client]:
    """Be a client of it, as root."""
    with client(server.bus.address) as caller:
        yield caller


@dataclass
class Measured:
    """What somebody else noticed of a flood, in seconds."""

    ours: float
    """Until the service answered, at the median."""
    its: float
    """Until the bus itself did."""
    timed: Timed

    def bearable(self, answered: float = ANSWERED) -> bool:
        """Whether the service answered in time, or as fast as a bus in such a state allows.

        A call goes through the bus twice as often as a question to the bus itself.
        """
        return self.timed.latest < LATE and self.ours < answered + 4 * self.its


@contextmanager
def flooded(server: Served, data: bytes, *users: User) -> Iterator[None]:
    """Have programs of users send a message as fast as the bus takes it, while the block lasts."""
    address = server.bus.address

    def flood() -> None:
        Raw(address).flood(data, 60)

    before = len(server.core.calls)
    with ExitStack() as stack:
        for user in users:
            stack.enter_context(running(user, flood))
        wait_until(
            lambda: len(server.core.calls) > before or server.events("caller_limited"), "the flood has begun"
        )
        yield


def measured(server: Served, caller: Client) -> Measured:
    """Ask the service and the bus for a while, in turn."""
    ours, its = [], []
    bus = "org.freedesktop.DBus"
    with beating(server.loop) as timed:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            begun = time.monotonic()
            caller.value("GetEncryptionStatus")
            ours.append(time.monotonic() - begun)
            begun = time.monotonic()
            caller.value("GetId", destination=bus, path="/", interface=bus)
            its.append(time.monotonic() - begun)
            time.sleep(0.02)  # less than is granted
    return Measured(statistics.median(ours), statistics.median(its), timed)


def encrypt(*, answered: bool) -> bytes:
    """Return a call of Encrypt as bytes."""
    call = message("Encrypt", "bu", ENCRYPT, 0)
    if not answered:
        call.flags = MessageFlag.NO_REPLY_EXPECTED
    return marshalled(call)


def giant(make: Callable[[str, list[object]], Message]) -> bytes:
    """Return a message of four megabytes of variants."""
    return marshalled(make("av", [[Variant("y", 1)] * (1 << 20)]))


def _giant_call(signature: str, body: list[object]) -> Message:
    return message("Encrypt", signature, *body)


def _giant_signal(signature: str, body: list[object]) -> Message:
    told = Message.new_signal(PATH, CACHE, "EncryptionChanged", signature, body)
    told.destination = NAME
    return told


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encrypt(answered=True), id="calls"),
        pytest.param(encrypt(answered=False), id="calls that want no answer"),
        pytest.param(marshalled(message("Destroy", "as", ["x"] * 100)), id="broken calls"),
        pytest.param(giant(_giant_call), id="giant calls"),
    ],
)
def test_a_flood_keeps_nobody_from_an_answer(server: Served, caller: Client, data: bytes) -> None:
    """Three programs of two users do their worst; another user is answered, and the loop stays on time."""
    with flooded(server, data, DAEMON, BIN, DAEMON):
        found = measured(server, caller)
    assert found.bearable(ANSWERED_BEHIND_GIANTS if len(data) > 1 << 20 else ANSWERED), found
    # What reached the core is what is granted to two users.
    granted = 2 * (CALLS.burst + CALLS.rate * (found.timed.seconds + 10))
    assert len(server.core.calls) <= granted
    assert server.events("bus_lost") == []


def test_giant_signals_keep_nobody_from_an_answer(server: Served, caller: Client) -> None:
    """The bus lets everybody send them to everybody."""
    address = server.bus.address
    data = giant(_giant_signal)

    def flood() -> None:
        Raw(address).flood(data, 60)

    with running(DAEMON, flood):
        found = measured(server, caller)
    assert found.bearable(ANSWERED_BEHIND_GIANTS), found


def test_too_many_calls_are_refused_and_then_not_heard(server: Served) -> None:
    """First with an error that says so; who goes on gets no answer; after a pause everything is as before."""

    async def ask(caller: Client) -> str:
        """Return the error, "" if there was none, "silence" if there was no answer."""
        try:
            reply = await asyncio.wait_for(caller.called(message("Ping", interface=PEER)), 0.5)
        except TimeoutError:
            return "silence"
        return (reply.error_name or "").rsplit(".", 1)[-1]

    with client(server.bus.address) as caller:
        assert caller.run(ask(caller)) == ""

        async def flood() -> list[str]:
            return await asyncio.gather(*(ask(caller) for _ in range(64)))

        seen: list[str] = []
        while "silence" not in seen and len(seen) < 5000:
            seen += caller.run(flood())
        assert set(seen) == {"", "LimitsExceeded", "silence"}
        wait_until(lambda: caller.run(ask(caller)) == "", "it is heard again")
    assert {event["reason"] for event in server.events("caller_limited")} <= {"rate", "calls_at_once"}


def test_one_user_has_so_many_calls_at_once(server: Served) -> None:
    """One more is refused, also on another connection; when one has ended, there is room again."""
    server.core.work = held
    with client(server.bus.address) as first, client(server.bus.address) as second:
        waiting = [first.begin("Encrypt", "bu", ENCRYPT, 0) for _ in range(CALLS.connections_each)]
        server.call_number(len(waiting))
        assert second.error("Encrypt", "bu", ENCRYPT, 0) == "LimitsExceeded"
        server.call(server.core.calls[0].let_go.set)
        assert first.finish(waiting[0]).body == [Code.SUCCESS]
        again = second.begin("Encrypt", "bu", ENCRYPT, 0)
        server.call_number(len(waiting) + 1)
        for call in server.core.calls:
            server.call(call.let_go.set)
        assert second.finish(again).body == [Code.SUCCESS]
    assert server.events("caller_limited")[0]["reason"] == "calls_at_once"


def test_first_calls_keep_their_order(server: Served) -> None:
    """Also those that come when the bus is just saying whose they are."""
    for _ in range(20):
        del server.core.calls[:]
        with client(server.bus.address) as caller:

            async def burst(caller: Client = caller) -> None:
                calls = (caller.called(message("Encrypt", "bu", ENCRYPT, bits)) for bits in range(12))
                await asyncio.gather(*calls)

            caller.run(burst())
        assert [call.bits for call in server.core.calls] == list(range(12))


def test_many_who_come_call_and_vanish(server: Served, caller: Client) -> None:
    """Every one of their calls is cancelled, and nothing of them is kept."""
    server.core.work = held
    address, number = server.bus.address, 200
    for _ in range(number):
        raw = Raw(address)
        raw.send(encrypt(answered=True))
        raw.socket.close()
    assert caller.value("GetEncryptionStatus") == [True, False]
    wait_until(lambda: all(call.gone.is_set() for call in server.core.calls), "all of them are cancelled")
    assert caller.value("GetEncryptionStatus") == [True, False]
    assert threading.active_count() < 10
