"""The service on a bus: what it answers, whom it takes for the caller, and how it comes and goes."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from dbus_fast import MessageFlag, Variant

from cscd.daemon.dbus.interface import CACHE, INTERFACES, NAME, PATH, PROPERTIES
from cscd.daemon.dbus.introspection import introspection
from cscd.daemon.encrypt.calls import Facts
from cscd.daemon.encrypt.codes import Code
from cscd.files.goal import State
from tests.daemon.callers import ENCRYPT, Client, client, message
from tests.daemon.encrypting import Served, held, served, serving
from tests.daemon.manual import DESCRIPTION, described
from tests.support.messagebus import MessageBus, message_bus
from tests.support.users import BIN, DAEMON, call_as
from tests.support.waiting import wait_until

INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
PEER = "org.freedesktop.DBus.Peer"
BUS = {"destination": "org.freedesktop.DBus", "path": "/", "interface": "org.freedesktop.DBus"}


@pytest.fixture
def server(common_path: Path) -> Iterator[Served]:
    """Serve on a bus that everybody can reach."""
    with served(common_path) as server:
        yield server


@pytest.fixture
def caller(server: Served) -> Iterator[Client]:
    """Be a client of it."""
    with client(server.bus.address) as caller:
        yield caller


# -- methods -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encrypt", [True, False])
def test_encrypt_reaches_the_core_with_its_caller(server: Served, caller: Client, encrypt: bool) -> None:
    """The state, the flags as they are, and who calls by what the bus says; the answer is the code."""
    assert caller.value("Encrypt", "bu", encrypt, 0xFFFF_FFFF) == Code.SUCCESS
    call = server.core.calls[0]
    assert (call.goal, call.bits) == (State.ENCRYPTED if encrypt else State.UNENCRYPTED, 0xFFFF_FFFF)
    assert (call.sink, call.for_uid) == (None, None)
    assert call.caller.bus_name == caller.bus.unique_name
    assert call.caller.pid > 0


@pytest.mark.parametrize("code", Code)
def test_every_code_is_returned_as_it_is(server: Served, caller: Client, code: Code) -> None:
    """What comes of a good call is a number, never an error of D-Bus."""

    async def answer(_: object) -> Code:
        return code

    server.core.work = answer
    assert caller.value("Encrypt", "bu", ENCRYPT, 0) == code.value


def test_the_other_methods(server: Served, caller: Client) -> None:
    """Each returns what the core says."""
    server.core.state = (False, True)
    assert caller.value("GetEncryptionStatus") == [False, True]
    assert caller.value("GetStatus").startswith('{"for":')
    assert caller.value("Cancel") == Code.SUCCESS
    assert server.core.cancelled[0].bus_name == caller.bus.unique_name
    assert caller.value("EncryptUser", "ubu", 1234, ENCRYPT, 0) == Code.SUCCESS
    assert server.core.calls[0].for_uid == 1234


@pytest.mark.root
def test_the_caller_is_who_the_bus_says(server: Served) -> None:
    """Programs of several users are told apart, whatever they send."""
    address = server.bus.address

    def call() -> int:
        with client(address) as caller:
            return int(caller.value("Encrypt", "bu", ENCRYPT, 0))

    for user in (DAEMON, BIN):
        assert call_as(user, call) == Code.SUCCESS
    assert [call.caller.uid for call in server.core.calls] == [DAEMON.uid, BIN.uid]
    assert [call.caller.name for call in server.core.calls] == ["user1", "user2"]


@pytest.mark.root
def test_nobody_but_root_can_take_the_name(server: Served) -> None:
    """The bus policy that is installed lets nobody else stand in for the service."""
    address = server.bus.address

    def own() -> str:
        with client(address) as caller:
            return caller.error("RequestName", "su", NAME, 0, **BUS)

    assert call_as(BIN, own) == "AccessDenied"


# -- properties, introspection, peer -----------------------------------------------------------------------


def test_properties_can_be_read(caller: Client) -> None:
    """One by one, also without naming the interface, and all at once."""
    everything = caller.value("GetAll", "s", CACHE, interface=PROPERTIES)
    assert {name: value.value for name, value in everything.items()} == {
        "Active": True,
        "Enabled": True,
        "Location": "{home}/.cache/cscd",
    }
    for name, value in everything.items():
        for interface in (CACHE, ""):
            assert caller.value("Get", "ss", interface, name, interface=PROPERTIES) == value
    assert caller.value("GetAll", "s", PEER, interface=PROPERTIES) == {}


def test_properties_cannot_be_set(caller: Client) -> None:
    """Whatever the value is."""
    value = Variant("aa{sv}", [{"x": Variant("v", Variant("s", "y"))}])
    assert caller.error("Set", "ssv", CACHE, "Active", value, interface=PROPERTIES) == "PropertyReadOnly"


def test_what_changes_is_signalled(server: Served, caller: Client) -> None:
    """A property with its new value; the state by the signal of its own; nothing twice."""
    caller.listen()
    server.core.facts_now = Facts(active=False, enabled=True, location="/srv/{user}")
    server.call(server.service.facts_changed)
    server.call(server.service.facts_changed)
    status = (True, False, False, True)
    server.call(lambda: server.service.encryption_changed(*status))
    caller.until(lambda: len(caller.signals) >= 2)
    changed = {"Active": Variant("b", value=False), "Location": Variant("s", "/srv/{user}")}
    assert caller.signals == [
        ("PropertiesChanged", (CACHE, changed, [])),
        ("EncryptionChanged", status),
    ]


def test_introspection_says_what_is_answered(caller: Client) -> None:
    """Every method with its arguments, every property, every signal; above it the way down."""
    found = caller.value("Introspect", interface=INTROSPECTABLE)
    assert found == introspection(PATH)
    node = ET.fromstring(found)  # noqa: S314 - our own
    assert [each.get("name") for each in node.iter("interface")] == [each.name for each in INTERFACES]
    for path, child in (("/", "org"), ("/org", "cscd"), ("/org/cscd", "OfflineFiles1")):
        above = ET.fromstring(caller.value("Introspect", interface=INTROSPECTABLE, path=path))  # noqa: S314
        assert [each.get("name") for each in above.findall("node")] == [child]


def test_the_installed_description_is_the_introspection() -> None:
    """`systemd/org.cscd.OfflineFiles1.xml` is for programs that are built against it."""
    assert DESCRIPTION.read_text(encoding="utf-8") == described()


def test_it_is_a_peer(caller: Client) -> None:
    """It can be pinged, and names the machine."""
    assert caller.call("Ping", interface=PEER).body == []
    assert caller.value("GetMachineId", interface=PEER) == Path("/etc/machine-id").read_text().strip()


# -- broken calls ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error",
    [
        (("Encrypt",), "InvalidArgs"),
        (("Encrypt", "b", True), "InvalidArgs"),
        (("Encrypt", "ub", 0, True), "InvalidArgs"),
        (("Encrypt", "bus", True, 0, "more"), "InvalidArgs"),
        (("Encrypt", "bi", True, 0), "InvalidArgs"),
        (("Cancel", "u", 0), "InvalidArgs"),
        (("Cancel", "av", [Variant("s", "x")]), "InvalidArgs"),
        (("Destroy",), "UnknownMethod"),
        (("encrypt", "bu", True, 0), "UnknownMethod"),
    ],
)
def test_a_broken_call_is_an_error(server: Served, caller: Client, call: tuple[str, ...], error: str) -> None:
    """It says which, and nothing reaches the core."""
    assert caller.error(*call) == error
    assert server.core.calls == []
    assert server.core.cancelled == []


@pytest.mark.parametrize(
    "where, error",
    [
        ({"path": "/elsewhere"}, "UnknownObject"),
        ({"path": "/org/cscd"}, "UnknownInterface"),
        ({"interface": "org.example.Other"}, "UnknownInterface"),
    ],
)
def test_a_call_of_nothing_is_an_error(caller: Client, where: dict[str, str], error: str) -> None:
    """An object, and an interface, that is not there."""
    assert caller.error("Encrypt", "bu", ENCRYPT, 0, **where) == error


@pytest.mark.parametrize(
    "call, error",
    [
        (("Get", "ss", CACHE, "Colour"), "UnknownProperty"),
        (("Get", "ss", "org.example.Other", "Active"), "UnknownInterface"),
        (("Get", "ss", PEER, "Active"), "UnknownProperty"),
        (("GetAll", "s", "org.example.Other"), "UnknownInterface"),
        (("GetAll",), "InvalidArgs"),
    ],
)
def test_a_property_that_is_not_there_is_an_error(caller: Client, call: tuple[str, ...], error: str) -> None:
    """So is a call for none."""
    assert caller.error(*call, interface=PROPERTIES) == error


def test_a_call_may_leave_out_the_interface(caller: Client) -> None:
    """Then the one that has the method is meant."""
    assert caller.value("Encrypt", "bu", ENCRYPT, 0, interface=None) == Code.SUCCESS


def test_a_bug_costs_one_answer(server: Served, caller: Client) -> None:
    """The caller hears that it was one, the log where, and the next call is answered."""

    async def fail(_: object) -> Code:
        raise ZeroDivisionError("a bug")

    server.core.work = fail
    assert caller.error("Encrypt", "bu", ENCRYPT, 0) == "Failed"
    assert "ZeroDivisionError" in server.waited_for("internal_error")["error"]
    assert caller.value("GetEncryptionStatus") == [True, False]


# -- coming and going --------------------------------------------------------------------------------------


def test_a_caller_who_leaves_cancels(server: Served, caller: Client) -> None:
    """Its call is cancelled, those of others are not."""
    server.core.work = held
    with client(server.bus.address) as leaving:
        leaving.begin("Encrypt", "bu", ENCRYPT, 0)
        first = server.call_number(1)
        waiting = caller.begin("Encrypt", "bu", ENCRYPT, 0)
        second = server.call_number(2)
    assert first.gone.wait(10)
    assert not second.gone.is_set()
    server.call(second.let_go.set)
    assert caller.finish(waiting).body == [Code.SUCCESS]


def test_a_caller_who_waits_for_nothing_may_leave(server: Served, caller: Client) -> None:
    """What it asked for goes on; what it waits for, on the same connection, is cancelled."""
    server.core.work = held
    with client(server.bus.address) as leaving:
        leaving.send(message("Encrypt", "bu", ENCRYPT, 0, flags=MessageFlag.NO_REPLY_EXPECTED))
        lasting = server.call_number(1)
        leaving.begin("Encrypt", "bu", ENCRYPT, 0)
        waiting = server.call_number(2)
    assert waiting.gone.wait(10)
    assert caller.value("GetEncryptionStatus") == [True, False]
    assert not lasting.gone.is_set()
    server.call(lasting.let_go.set)


def test_without_a_bus_it_waits_for_one(common_path: Path) -> None:
    """The service lives on, says once that there is none, and is there as soon as there is one."""
    bus = MessageBus(common_path)
    with serving(bus.address) as server:
        assert "no connection" in server.waited_for("bus_lost")["error"]
        bus.start()
        try:
            server.until_connected()
            with client(bus.address) as caller:
                assert caller.value("Encrypt", "bu", ENCRYPT, 0) == Code.SUCCESS
        finally:
            bus.kill()
        assert len(server.events("bus_connected")) == 1


def test_it_comes_back_to_a_bus_that_was_restarted(server: Served) -> None:
    """Calls under way are cancelled, for their callers are gone; new ones are answered."""
    server.core.work = held
    caller = Client(server.bus.address)
    caller.begin("Encrypt", "bu", ENCRYPT, 0)
    call = server.call_number(1)
    server.bus.kill()
    assert call.gone.wait(10)
    caller.close()
    server.bus.start()
    wait_until(lambda: len(server.events("bus_connected")) == 2, "it is on the bus again")
    with client(server.bus.address) as again:
        assert again.value("GetEncryptionStatus") == [True, False]


def test_a_name_that_is_taken_is_waited_for(common_path: Path) -> None:
    """A second service says that another program has the name, and takes it when it is free."""
    with message_bus(common_path) as bus, client(bus.address) as other:
        other.value("RequestName", "su", NAME, 0, **BUS)
        with serving(bus.address) as server:
            assert "another program has the name" in server.waited_for("bus_lost")["error"]
            other.value("ReleaseName", "s", NAME, **BUS)
            server.until_connected()
