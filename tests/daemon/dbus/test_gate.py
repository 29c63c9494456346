"""The gate: what comes in from the bus, whole or cut, and that nothing else does."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

from cscd.daemon.dbus import frame
from cscd.daemon.dbus.connection import Connection
from cscd.daemon.dbus.gate import LONGEST_BODY, LONGEST_HEADER, Expectations, Gate, GatedBus
from cscd.daemon.dbus.interface import BUS, CACHE, NAME, PATH
from cscd.daemon.encrypt.codes import Code
from cscd.errors import BusError
from tests.daemon.callers import ENCRYPT, client, message
from tests.daemon.dbus.test_frame import from_bus
from tests.daemon.encrypting import Served, served
from tests.daemon.hostile import Raw, marshalled

GOOD = from_bus(message("Encrypt", "bu", ENCRYPT, 1))
VARIANTS = [Variant("y", 1)] * (1 << 20)
"""4 MiB as a message, and a hundred times as much as objects."""


@pytest.fixture
def server(common_path: Path) -> Iterator[Served]:
    """Serve on a bus."""
    with served(common_path) as server:
        yield server


def gate(**other: object) -> Gate:
    """Return a gate for calls of Encrypt."""
    return Gate(Expectations(frozenset({"bu", "s"}), **other))  # type: ignore[arg-type] # of the right type


@pytest.mark.parametrize("piece", [1, 7, 16, 4096])
def test_what_is_expected_comes_in_whole(piece: int) -> None:
    """However it is cut on its way."""
    data, there = GOOD * 20, gate()
    wanted = b"".join(there.feed(data[at : at + piece]) for at in range(0, len(data), piece))
    assert wanted == data


@pytest.mark.parametrize("piece", [1000, 1 << 20])
@pytest.mark.parametrize(
    "body", [("av", [VARIANTS[:9000]]), ("s", ["x" * LONGEST_BODY]), ("x", [1]), ("buu", [True, 1, 1])]
)
def test_another_body_stays_outside(piece: int, body: tuple[str, list[object]]) -> None:
    """The call comes in without it, marked; what follows is whole again."""
    signature, values = body
    call = from_bus(message("Encrypt", signature, *values))
    data, expected = call + GOOD, Expectations(frozenset({"bu", "s"}))
    there = Gate(expected)
    wanted = b"".join(there.feed(data[at : at + piece]) for at in range(0, len(data), piece))
    assert wanted == bytes(frame.without_body(call[: frame.lengths(call).header])) + GOOD
    assert expected.cut == {(":1.42", 1)}


def test_an_endless_header_stays_outside() -> None:
    """With all that belongs to it."""
    long = message("Encrypt", "bu", ENCRYPT, 1, path="/x" * LONGEST_HEADER)
    assert gate().feed(from_bus(long) + GOOD) == GOOD


def test_who_is_refused_stays_outside() -> None:
    """Calls of this sender alone, not answers to what it was asked."""
    there = gate(refuses=lambda sender: sender == ":1.42")
    reply = from_bus(
        Message(message_type=MessageType.METHOD_RETURN, reply_serial=7, signature="s", body=["x"])
    )
    other = from_bus(message("Encrypt", "bu", ENCRYPT, 1), ":1.43")
    assert there.feed(GOOD + reply + GOOD + other) == reply + other


def test_signals_of_strangers_stay_outside() -> None:
    """Those of the bus come in, with any body."""
    told = Message.new_signal(PATH, CACHE, "Told", "av", [[Variant("s", "x")]])
    assert gate().feed(from_bus(told) + GOOD) == GOOD
    from_it = from_bus(told, BUS)
    assert gate().feed(from_it) == from_it
    known = from_bus(Message.new_signal(PATH, CACHE, "Told", "s", ["x"]))
    assert gate(hears=lambda sender: sender == ":1.42").feed(known) == known
    assert gate(hears=lambda sender: sender == ":1.43").feed(known) == b""


@pytest.mark.parametrize("kind", [0, 5, 255])
def test_an_unknown_type_stays_outside(kind: int) -> None:
    """The library would end the connection over it."""
    data = bytearray(GOOD)
    data[1] = kind
    assert gate().feed(bytes(data) + GOOD) == GOOD


# -- on a bus ----------------------------------------------------------------------------------------------


def test_a_giant_call_is_an_error(server: Served) -> None:
    """It says what the method takes; a call that takes nothing is not taken for one with nothing."""
    with client(server.bus.address) as caller:
        assert caller.error("Encrypt", "av", VARIANTS) == "InvalidArgs"
        assert caller.error("Cancel", "ay", bytes(16 << 20)) == "InvalidArgs"
        assert caller.error("Encrypt", "bu", ENCRYPT, 1, path="/x" * 3000) == "UnknownObject"
        assert caller.value("Encrypt", "bu", ENCRYPT, 1) == Code.SUCCESS
    assert len(server.core.calls) == 1
    assert server.core.cancelled == []
    assert {event["reason"] for event in server.events("caller_limited")} == {"malformed"}


def test_a_giant_signal_is_not_read(server: Served) -> None:
    """Anybody may send us one; the connection stays as it was."""
    raw = Raw(server.bus.address)
    giant = Message.new_signal(PATH, CACHE, "EncryptionChanged", "av", [VARIANTS])
    giant.destination = NAME
    with raw.socket, client(server.bus.address) as caller:
        for _ in range(4):
            raw.send(marshalled(giant))
        assert caller.value("Encrypt", "bu", ENCRYPT, 1) == Code.SUCCESS
    assert server.events("bus_lost") == []


def test_what_the_bus_does_not_take_at_once_waits(server: Served) -> None:
    """Thousands of signals, while the bus stands still: all of them arrive, and we are still there."""
    number = 20_000

    def signals() -> None:
        for _ in range(number):
            server.service.encryption_changed(*(True, False, True, True))

    with client(server.bus.address) as caller:
        caller.listen()
        server.bus.signal(signal.SIGSTOP)
        try:
            server.call(signals)
        finally:
            server.bus.signal(signal.SIGCONT)
        caller.until(lambda: len(caller.signals) == number)
        assert caller.value("Encrypt", "bu", ENCRYPT, 1) == Code.SUCCESS
    assert server.events("bus_lost") == []


def test_a_library_that_reads_past_the_gate_is_not_used(
    monkeypatch: pytest.MonkeyPatch, server: Served
) -> None:
    """If a new version makes its socket elsewhere, there is no connection instead of one without a gate."""
    monkeypatch.setattr(
        GatedBus,
        "_create_socket_for_transport",
        staticmethod(MessageBus._create_socket_for_transport),  # noqa: SLF001
    )

    async def connect() -> None:
        await Connection.opened(server.bus.address, Expectations(frozenset()))

    with pytest.raises(BusError, match="does not know"):
        asyncio.run(connect())
