"""The bus side of the service, served by a thread, with a core that does what a test wants."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cscd.config.settings import EncryptionSettings
from cscd.daemon.dbus.bus import Bus
from cscd.daemon.encrypt.calls import Caller, Facts, ItemSink
from cscd.daemon.encrypt.codes import Code
from cscd.daemon.logon.account import Account
from cscd.events.log import Log
from cscd.files.goal import State
from tests.events.kept import Kept
from tests.support.messagebus import MessageBus, message_bus
from tests.support.waiting import wait_until

Work = Callable[["Call"], Awaitable[Code]]


@dataclass
class Call:
    """A call of Encrypt as it reached the core."""

    caller: Caller
    goal: State
    bits: int
    sink: ItemSink | None
    for_uid: int | None
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    """Set to have a call that is `held` end."""
    gone: threading.Event = field(default_factory=threading.Event)
    """Set when it was cancelled because the caller left."""


async def done(_call: Call) -> Code:
    """Have everything done already."""
    return Code.SUCCESS


async def held(call: Call) -> Code:
    """Go on until the test, or the caller, ends it."""
    try:
        await call.let_go.wait()
    except asyncio.CancelledError:
        call.gone.set()
        raise
    return Code.SUCCESS


@dataclass
class Core:
    """A core for tests; see `cscd.daemon.encrypt.calls.Encryption` for what it stands in for."""

    work: Work = done
    calls: list[Call] = field(default_factory=list)
    cancelled: list[Caller] = field(default_factory=list)
    state: tuple[bool, bool] = (True, False)
    facts_now: Facts = field(default_factory=lambda: Facts(True, True, "{home}/.cache/cscd"))  # noqa: FBT003

    async def encrypt(
        self,
        caller: Caller,
        goal: State,
        bits: int,
        sink: ItemSink | None = None,
        for_uid: int | None = None,
    ) -> Code:
        """Take note, and do what the test wants."""
        call = Call(caller, goal, bits, sink, for_uid)
        self.calls.append(call)
        return await self.work(call)

    def cancel(self, caller: Caller) -> Code:
        """Take note."""
        self.cancelled.append(caller)
        return Code.SUCCESS

    def status(self) -> tuple[bool, bool]:
        """Return what the test has put here."""
        return self.state

    async def report(self, caller: Caller) -> str:
        """Return something that says for whom it is."""
        return f'{{"for":{caller.uid}}}'

    def facts(self) -> Facts:
        """Return what the test has put here."""
        return self.facts_now


class Accounts:
    """A user database in which everybody is called by the number."""

    async def find(self, uid: int) -> Account:
        """Make one up."""
        return Account(f"user{uid}", uid, uid, "/", ())


@dataclass
class Served:
    """What runs."""

    bus: MessageBus
    service: Bus
    core: Core
    loop: asyncio.AbstractEventLoop
    log: Kept

    def call(self, function: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it returns
        """Call something in the service's loop, and return what it returned."""

        async def run() -> Any:  # noqa: ANN401
            answer = function()
            return await answer if asyncio.iscoroutine(answer) else answer

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(30)

    def until_connected(self) -> None:
        """Wait until the service has its name."""
        wait_until(self.service.connected.is_set, "the service is on the bus")

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return what was logged under a name."""
        return [dict(each.fields) for each in tuple(self.log.records) if each.event == name]

    def waited_for(self, name: str) -> dict[str, Any]:
        """Wait until something was logged under a name, and return the first of that."""
        return wait_until(lambda: self.events(name), f"the event {name}")[0]

    def call_number(self, number: int) -> Call:
        """Wait until so many calls have reached the core, and return that one."""
        wait_until(lambda: len(self.core.calls) >= number, f"{number} calls have come")
        return self.core.calls[number - 1]


@contextmanager
def served(
    directory: Path,
    core: Core | None = None,
    *,
    longest_dialog: float = 60.0,
    **settings: Any,  # noqa: ANN401 - of the section
) -> Iterator[Served]:
    """Serve on a bus of one's own while the block lasts."""
    more = {"longest_dialog": longest_dialog, **settings}
    with message_bus(directory) as bus, serving(bus.address, core, **more) as server:
        server.bus = bus
        server.until_connected()
        yield server


@contextmanager
def serving(
    address: str,
    core: Core | None = None,
    *,
    longest_dialog: float = 60.0,
    **settings: Any,  # noqa: ANN401 - of the section
) -> Iterator[Served]:
    """Serve on a bus, whether it is there or not, while the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="bus")
    core, log = core or Core(), Kept()
    accounts: Any = Accounts()
    thread.start()

    async def start() -> tuple[Bus, asyncio.Task[None]]:
        how = {"first_wait": 0.05, "longest_dialog": longest_dialog}
        bus = Bus(EncryptionSettings(**settings), Log([log]), accounts, core, address, **how)
        return bus, asyncio.create_task(bus.run())

    async def stop(task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    try:
        service, task = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
        unknown: Any = None
        try:
            yield Served(unknown, service, core, loop, log)
        finally:
            asyncio.run_coroutine_threadsafe(stop(task), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
