"""The source `logind`, against a real bus and a logind that does as the test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterator
from pathlib import Path

import pytest
from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

from cscd.daemon.logon.logind import LogindSource
from cscd.daemon.logon.session import Session, SourceLostError
from tests.daemon.bus import PATH, Bus, FakeSession, Logind, leave, logind, path_of, properties, until
from tests.daemon.hostile import Raw, marshalled
from tests.support import requires


class Heard:
    """What a source told, kept as it leaves matters."""

    def __init__(self) -> None:
        self.now: dict[str, Session] = {}
        self.lists: list[str] = []
        self.sleeps = 0

    def listed(self, sessions: Collection[Session], reason: str) -> None:
        """Take all."""
        self.now = {session.id: session for session in sessions}
        self.lists.append(reason)

    def opened(self, session: Session) -> None:
        """Take one."""
        self.now[session.id] = session

    def closed(self, session_id: str) -> None:
        """Drop one."""
        self.now.pop(session_id, None)

    def slept(self) -> None:
        """Count."""
        self.sleeps += 1


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[Bus]:
    """A bus that runs."""
    requires.command("dbus-daemon")
    bus = Bus(tmp_path)
    bus.start()
    yield bus
    bus.kill()


@contextlib.asynccontextmanager
async def watching(bus: Bus, longest_call: float = 10.0) -> AsyncIterator[tuple[Heard, asyncio.Task[None]]]:
    """A source at work that has listed."""
    heard = Heard()
    task = asyncio.create_task(LogindSource(bus.address, longest_call=longest_call).watch(heard))
    try:
        await until(lambda: heard.lists or task.done(), "the source has listed")
        yield heard, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_sessions_are_listed_and_followed(bus: Bus) -> None:
    """Those that are open at the start are there; one that opens comes, one that closes goes."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {"1": FakeSession(1000), "c2": FakeSession(0, "greeter", user="gdm")}
            async with watching(bus) as (heard, _task):
                assert heard.now == {
                    "1": Session("1", 1000, "somebody", "user"),
                    "c2": Session("c2", 0, "gdm", "greeter"),
                }
                await fake.open("3", 1001)
                await until(lambda: "3" in heard.now, "the new session is told")
                await fake.close("1")
                await until(lambda: "1" not in heard.now, "the end of the session is told")
                assert heard.lists == [""]

    asyncio.run(check())


def test_what_happens_between_subscription_and_list_is_not_missed(bus: Bus) -> None:
    """A session that opens while logind answers the list comes all the same."""

    async def check() -> None:
        async with logind(bus) as fake:
            tasks: list[asyncio.Task[None]] = []

            def answer(message: Message) -> Message | None:
                if message.member == "ListSessions":
                    fake.answer = None
                    tasks.append(asyncio.ensure_future(fake.open("9", 1000)))
                    return Message.new_method_return(message, "a(susso)", [[]])
                return None

            fake.answer = answer
            async with watching(bus) as (heard, _task):
                await until(lambda: "9" in heard.now, "the session is told")

    asyncio.run(check())


def test_a_closing_session_is_over(bus: Bus) -> None:
    """In the list, and when its scope is abandoned because processes are left in it."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {"1": FakeSession(1000, state="closing"), "2": FakeSession(1000)}
            systemd = Logind(await MessageBus(bus.address).connect())
            await systemd.call("RequestName", "su", ["org.freedesktop.systemd1", 0])
            async with watching(bus) as (heard, _task):
                assert heard.now.keys() == {"2"}
                fake.sessions["2"].state = "closing"
                await systemd.signal(
                    "PropertiesChanged",
                    "sa{sv}as",
                    ["org.freedesktop.systemd1.Scope", {"Result": Variant("s", "success")}, []],
                    path="/org/freedesktop/systemd1/unit/session_2d2_2escope",
                    interface="org.freedesktop.DBus.Properties",
                )
                await until(lambda: not heard.now, "the closing session is over")
            await leave(systemd)

    asyncio.run(check())


def test_a_session_that_gets_another_class_is_told_again(bus: Bus) -> None:
    """A home that is unlocked after the logon makes user-incomplete a user (pam_systemd(8))."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {"1": FakeSession(1000, "user-incomplete")}
            async with watching(bus) as (heard, _task):
                fake.sessions["1"].session_class = "user"
                await fake.signal(
                    "PropertiesChanged",
                    "sa{sv}as",
                    ["org.freedesktop.login1.Session", {"Class": Variant("s", "user")}, []],
                    path=path_of("1"),
                    interface="org.freedesktop.DBus.Properties",
                )
                await until(lambda: heard.now["1"].session_class == "user", "the class is told")

    asyncio.run(check())


def test_everything_is_listed_after_suspend(bus: Bus) -> None:
    """The end of sleep is a reason to list; its begin is told, and is none."""

    async def check() -> None:
        async with logind(bus) as fake, watching(bus) as (heard, _task):
            await fake.signal("PrepareForSleep", "b", [True])
            fake.sessions["7"] = FakeSession(1000)
            await fake.signal("PrepareForSleep", "b", [False])
            await until(lambda: "7" in heard.now, "the session is found")
            assert heard.lists == ["", "resume"]
            assert heard.sleeps == 1

    asyncio.run(check())


def test_everything_is_listed_when_logind_was_restarted(bus: Bus) -> None:
    """A logind that comes back with other sessions is believed."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {"1": FakeSession(1000)}
            async with watching(bus) as (heard, _task), logind(bus) as next_one:
                next_one.sessions = {"2": FakeSession(1000)}
                await fake.leave()
                await until(lambda: heard.now.keys() == {"2"}, "the new one has been asked")
                # Its signals count now.
                await next_one.open("3", 1000)
                await until(lambda: "3" in heard.now, "its signal is heard")
                assert heard.lists[-1] == "reconnect"

    asyncio.run(check())


def test_signals_of_others_are_not_believed(bus: Bus) -> None:
    """Whoever is not logind may signal what they like: nothing is even read."""

    async def check() -> None:
        async with logind(bus) as fake, watching(bus) as (heard, _task):
            stranger = Logind(await MessageBus(bus.address).connect())
            for number in range(100):
                await stranger.signal("SessionNew", "so", [f"{number}", path_of(f"{number}")])
            # One bus delivers in order: what is heard of logind came after.
            await stranger.call("GetId", "", [])
            await fake.open("c1", 1000)
            await until(lambda: "c1" in heard.now, "logind's own is heard")
            assert fake.reads == 1
            await leave(stranger)

    asyncio.run(check())


def test_a_session_that_flaps_leaves_the_truth(bus: Bus) -> None:
    """Opened and closed two hundred times without a pause, with the last word being that it is open."""

    async def check() -> None:
        async with logind(bus) as fake, watching(bus) as (heard, _task):
            for _ in range(200):
                await fake.open("5", 1000)
                await fake.close("5")
                # Not faster than the bus reads: to the library EAGAIN is the end of the connection.
                await fake.call("GetId", "", [])
            await fake.open("5", 1000)
            await fake.open("6", 1000)
            await until(lambda: heard.now.keys() == {"5", "6"}, "both are open")

    asyncio.run(check())


@pytest.mark.parametrize(
    "entry",
    [
        ["../etc", 1000, "a", "", path_of("1")],
        ["1\n2", 1000, "a", "", path_of("1")],
        ["x" * 65, 1000, "a", "", path_of("1")],
        ["1", 1000, "a", "", "/org/freedesktop/systemd1"],
    ],
    ids=["id with a slash", "id with a line feed", "long id", "path elsewhere"],
)
def test_a_list_that_makes_no_sense_opens_nothing(bus: Bus, entry: list[object]) -> None:
    """An entry that logind cannot have written is passed over, and the others count."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {"2": FakeSession(1000)}

            def answer(message: Message) -> Message | None:
                good = ["2", 1000, "a", "", path_of("2")]
                if message.member == "ListSessions":
                    return Message.new_method_return(message, "a(susso)", [[entry, good]])
                return None

            fake.answer = answer
            async with watching(bus) as (heard, _task):
                assert heard.now.keys() == {"2"}

    asyncio.run(check())


@pytest.mark.parametrize(
    "name, value",
    [
        ("User", Variant("u", 1000)),
        ("User", Variant("(uo)", [0xFFFFFFFF, PATH])),
        ("User", Variant("(so)", ["root", PATH])),
        ("Class", Variant("u", 1)),
        ("Class", Variant("s", "User Class\n")),
        ("Id", Variant("s", "2")),
    ],
)
def test_a_session_described_strangely_is_none(bus: Bus, name: str, value: Variant) -> None:
    """A property of another type, or beyond its bounds, is not guessed at."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {"1": FakeSession(1000)}

            def answer(message: Message) -> Message | None:
                if message.member == "GetAll":
                    found = {**properties("1", FakeSession(1000)), name: value}
                    return Message.new_method_return(message, "a{sv}", [found])
                return None

            fake.answer = answer
            async with watching(bus) as (heard, task):
                assert not heard.now
                assert not task.done()

    asyncio.run(check())


def test_a_huge_list_is_cut(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """More sessions than are looked at do not take us down."""
    monkeypatch.setattr("cscd.daemon.logon.logind.MOST_SESSIONS", 50)

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {str(number): FakeSession(1000) for number in range(500)}
            async with watching(bus) as (heard, _task):
                assert len(heard.now) == 50
                assert fake.reads == 50

    asyncio.run(check())


def test_an_answer_of_another_form_loses_the_source(bus: Bus) -> None:
    """A list with other types ends the source with a sentence, not with a traceback."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.answer = lambda message: Message.new_method_return(message, "s", ["none"])
            async with watching(bus) as (_heard, task):
                with pytest.raises(SourceLostError, match="unknown form: s"):
                    await task

    asyncio.run(check())


def test_a_silent_logind_loses_the_source(bus: Bus) -> None:
    """A call ends after its time."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.silent = True
            async with watching(bus, longest_call=0.2) as (_heard, task):
                with pytest.raises(SourceLostError, match=r"did not answer ListSessions within 0.2 s"):
                    await task

    asyncio.run(check())


def test_a_logind_that_falls_silent_while_it_is_read_loses_the_source(bus: Bus) -> None:
    """Many sessions that nobody describes end in one error."""

    async def check() -> None:
        async with logind(bus) as fake:
            fake.sessions = {str(number): FakeSession(1000) for number in range(40)}

            def answer(message: Message) -> Message | None:
                fake.silent = message.member == "GetAll"
                return None

            fake.answer = answer
            async with watching(bus, longest_call=0.2) as (_heard, task):
                with pytest.raises(SourceLostError, match=r"did not answer GetAll within 0.2 s"):
                    await task

    asyncio.run(check())


def test_a_bus_without_logind_loses_the_source(bus: Bus) -> None:
    """The bus says that there is none."""

    async def check() -> None:
        async with watching(bus) as (_heard, task):
            with pytest.raises(SourceLostError, match="ListSessions was refused"):
                await task

    asyncio.run(check())


def test_a_killed_bus_loses_the_source(bus: Bus) -> None:
    """The end of the connection is noticed at once, and is what the error tells of."""

    async def check() -> None:
        async with logind(bus), watching(bus) as (_heard, task):
            bus.kill()
            with pytest.raises(SourceLostError, match="the connection to the system bus ended"):
                await asyncio.wait_for(task, 5)

    asyncio.run(check())


@pytest.mark.parametrize("address", ["unix:path=/nowhere/bus", "nonsense", "unix:", "tcp:host=x"])
def test_no_bus_loses_the_source(address: str) -> None:
    """No socket, and an address that is none, are one to the caller."""

    async def check() -> None:
        with pytest.raises(SourceLostError, match="no connection to the system bus"):
            await LogindSource(address, longest_call=2).watch(Heard())

    asyncio.run(check())


def test_garbage_from_the_bus_loses_the_source(tmp_path: Path) -> None:
    """A peer that speaks no D-Bus after the handshake ends the connection, not the process."""

    async def check() -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n")
            writer.write(b"OK 0123456789abcdef0123456789abcdef\r\n")
            await reader.readuntil(b"BEGIN\r\n")
            writer.write(b"\xff" * 4096)
            await writer.drain()
            await reader.read()
            writer.close()

        path = str(tmp_path / "socket")
        async with await asyncio.start_unix_server(talk, path):
            with pytest.raises(SourceLostError):
                await LogindSource(f"unix:path={path}", longest_call=2).watch(Heard())

    asyncio.run(check())


def test_a_giant_signal_of_a_stranger_holds_nothing_up(bus: Bus) -> None:
    """Anybody may send us one; it is not read, and what logind tells after it is."""

    async def names(connection: MessageBus) -> set[str]:
        name = "org.freedesktop.DBus"
        reply = await connection.call(Message(name, "/", name, "ListNames"))
        return {each for each in reply.body[0] if each.startswith(":")}

    async def check() -> None:
        async with logind(bus) as fake:
            before = await names(fake.bus)
            async with watching(bus) as (heard, _task):
                (ours,) = await names(fake.bus) - before
                told = Message.new_signal(PATH, "org.example", "Told", "av", [[Variant("y", 1)] * (4 << 20)])
                told.destination = ours
                data = marshalled(told)
                stranger = await asyncio.to_thread(Raw, bus.address)
                loop = asyncio.get_running_loop()
                await asyncio.to_thread(stranger.send, data)
                begun = loop.time()
                await fake.open("3", 1001)
                await until(lambda: "3" in heard.now, "the new session is told")
                assert loop.time() - begun < 3  # read, it takes longer, and so do all signals after it
                assert heard.lists == [""]
                stranger.socket.close()

    asyncio.run(check())
