"""The service: its parts put together, its start, its reloads and its end.

A start goes from the bottom up: configuration, log, what is remembered, keys, where workers come from, who is
logged on, who may ask. What nothing goes without is an error before the service is ready; what can be missing
(a machine key, the bus) is told and waited for. An end goes the other way, within seconds, whatever is under
way.
"""

import asyncio
import os
import re
import signal
import time
from asyncio import FIRST_COMPLETED
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final, Protocol

from cscd import __version__
from cscd.config import Checks, Loaded, Settings, Source, load
from cscd.config.settings import SessionSettings
from cscd.daemon.dbus.bus import Bus
from cscd.daemon.encrypt.encryption import Encryption
from cscd.daemon.keys.keyring import Keyring
from cscd.daemon.logon.account import Accounts
from cscd.daemon.logon.logons import LogonListener
from cscd.daemon.reload import differing, needing_restart
from cscd.daemon.state.cache import Cache
from cscd.daemon.state.database import Database
from cscd.daemon.state.disk import Disk
from cscd.daemon.state.drill import held
from cscd.daemon.state.remembering import Remembering
from cscd.daemon.telling import logs, report
from cscd.daemon.telling.answers import ServiceAnswers
from cscd.daemon.telling.control import Control
from cscd.daemon.telling.measures import Measures
from cscd.daemon.telling.notify import Notify
from cscd.daemon.telling.status import ROOT, Status
from cscd.daemon.telling.totals import Totals
from cscd.daemon.work.forkserver import ForkServer
from cscd.daemon.work.places import Places
from cscd.daemon.work.shared import Shared
from cscd.daemon.work.turns import Turns
from cscd.daemon.work.users import Users
from cscd.errors import ConfigError, CscdError, OutputError
from cscd.events.configuration import ConfigLoaded, ConfigNeedsRestart, ConfigRejected
from cscd.events.log import Log
from cscd.events.service import InternalError, ServiceStarted, ServiceStopped, ServiceStopping
from cscd.events.state import CallerLimited
from cscd.files.goal import State

_KNOWN_WITHIN: Final = 5.0
"""Seconds that the start waits for the first list of who is logged on."""
_TICK: Final = 30.0
"""Seconds between two looks at what nobody wakes us for, where systemd asks for no pings."""
_PLACE: Final = re.compile(r"(.+?):(\d+)(?::(\d+))?: (.*)", re.DOTALL)
"""How a problem of the configuration begins, where it has a line (`cscd.config.problem`)."""


class Logons(Protocol):
    """Who tells about logons: `cscd.daemon.logon.sessions`, or the one user who runs cscd alone."""

    @property
    def open(self) -> Mapping[int, int]:
        """Sessions that count, by uid."""

    @property
    def source(self) -> str:
        """Where they are seen."""

    @property
    def known(self) -> asyncio.Event:
        """Set once it is known who is logged on."""

    async def run(self) -> None:
        """Tell of logons until cancelled."""

    def reconfigure(self, settings: SessionSettings) -> None:
        """Go by other settings."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service for a whole machine and the one for a single user do not have in common."""

    places: Places
    accounts: Accounts
    callers: Accounts
    """The same users, for whoever calls: with a slow user database, strangers who call take no place of those
    who log on."""
    keyring: Callable[[Settings, Log, ForkServer], Awaitable[Keyring]]
    """Opens the keys; raises KeyFileError where the service must not start with them."""
    logons: Callable[[Settings, Log, Accounts, LogonListener], Logons]
    on_bus: bool
    """Whether it can be called over the system bus."""


class Service:
    """The service, from its start to its end."""

    def __init__(
        self, files: Source, checks: Checks, parts: Parts, environment: MutableMapping[str, str]
    ) -> None:
        """Read the configuration. Raises ConfigError, and OutputError where the log cannot be opened."""
        self._files = files
        self._checks = checks
        self._parts = parts
        self._loaded = load(files, checks)
        self._notify = Notify.from_environment(environment)
        self._environment = environment
        self._log = logs.log_of(self._settings.logging, environment)
        self._began = time.time()
        self._disk = Disk("state")
        self._bus: Bus | None = None
        self._reloading: asyncio.Task[None] | None = None
        self._reload_wanted = False
        self._up = False
        self._asked_to_stop: asyncio.Future[str]

    @property
    def _settings(self) -> Settings:
        return self._loaded.settings

    async def run(self) -> None:
        """Serve until a signal says to stop. Raises CscdError and OSError where that cannot begin."""
        loop = asyncio.get_running_loop()
        self._asked_to_stop = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ask_to_stop, number)
        loop.add_signal_handler(signal.SIGHUP, self._ask_to_reload)
        try:
            async with AsyncExitStack() as stack:
                await self._serve(stack)
        finally:
            self._log.close()
            self._notify.close()

    def _ask_to_stop(self, number: signal.Signals) -> None:
        if not self._asked_to_stop.done():
            self._asked_to_stop.set_result(number.name)

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Start everything, wait, and have the stack end it in the opposite order."""
        self._log.emit(ConfigLoaded(path=self._files.main, drop_ins=max(0, len(self._loaded.files) - 1)))
        stack.callback(self._disk.close)
        self._shared = shared = await self._share(stack)
        shared.cache.apply(self._settings.encryption)
        self._users = Users(shared)
        self._users.judge()
        self._logons = self._parts.logons(self._settings, self._log, self._parts.accounts, self._users)
        self._encryption = Encryption(shared, self._users, self._parts.callers, self._disk, self._status)
        await self._listen(stack)
        if self._parts.on_bus:
            self._go_on_bus(stack)
        self._measures = Measures(self._settings.metrics, self._status, shared.totals, self._disk, self._log)
        stack.push_async_callback(self._measures.stop)
        running = asyncio.create_task(self._logons.run(), name="logons")
        ticking = asyncio.create_task(self._tick(), name="tick")
        try:
            await self._start()
            await asyncio.wait((self._asked_to_stop, running, ticking), return_when=FIRST_COMPLETED)
            await self._stop(running, ticking)
        finally:
            running.cancel()
            ticking.cancel()

    async def _share(self, stack: AsyncExitStack) -> Shared:
        """Open what is remembered and the keys, and start what workers are forked from."""
        places, settings, log = self._parts.places, self._settings, self._log
        places.prepare()
        database, told = Database.open(places.database)
        stack.callback(database.close)
        for event in told:
            log.emit(event)
        server = ForkServer(log)
        await server.start()
        stack.push_async_callback(server.stop)
        keyring = await self._parts.keyring(settings, log, server)
        stack.push_async_callback(keyring.stop)
        return Shared(
            settings,
            log,
            Cache(settings.encryption, database, log),
            database,
            keyring,
            Turns(_most_passes(settings)),
            Totals(),
            server,
            Remembering(database, self._disk, log),
            places.of_user,
        )

    def _go_on_bus(self, stack: AsyncExitStack) -> None:
        """Take calls from the system bus, whenever there is one."""
        bus = Bus(self._settings.encryption, self._log, self._parts.callers, self._encryption)
        self._encryption.authority = bus.authority
        self._encryption.prompter = bus
        self._shared.cache.on_change(
            lambda was, was_partial, now, now_partial: bus.encryption_changed(
                was is State.ENCRYPTED, was_partial, now is State.ENCRYPTED, now_partial
            )
        )
        self._bus = bus
        task = asyncio.create_task(bus.run(), name="bus")
        stack.push_async_callback(_end, task)

    async def _listen(self, stack: AsyncExitStack) -> None:
        answers = ServiceAnswers(
            self._status,
            self._shared.keyring,
            self._parts.callers,
            lambda: self._shared.cache.recovery,
            lambda drill: held(drill, self._shared.cache, self._disk, self._log),
        )
        control = Control(self._parts.places.control, answers, limited=self._turned_away, failed=self._failed)
        await control.start()
        stack.push_async_callback(control.stop)

    def _turned_away(self, uid: int, limit: str) -> None:
        """Tell of a user who asks for more than is granted."""
        user = self._users.find(uid)
        log = self._log.for_user(user.account.name if user else str(uid), uid)
        log.emit(CallerLimited(reason=limit))

    def _failed(self, error: Exception) -> None:
        """Tell of an error that nobody foresaw, in finding an answer."""
        self._log.emit(InternalError(where="the control socket", error=f"{type(error).__name__}: {error}"))

    async def _start(self) -> None:
        """Say that the service is up, once it is known who is logged on, or that this takes long."""
        known = asyncio.ensure_future(self._logons.known.wait())
        await asyncio.wait((known, self._asked_to_stop), timeout=_KNOWN_WITHIN, return_when=FIRST_COMPLETED)
        known.cancel()
        cache = self._shared.cache
        self._measures.start()
        self._notify.ready(f"cache {cache.state}")
        self._log.emit(
            ServiceStarted(
                version=__version__,
                state=cache.state.value,
                policy=cache.policy,
                users=len(self._logons.open),
            )
        )
        self._up = True
        if self._reload_wanted:
            self._ask_to_reload()

    async def _stop(self, *tasks: "asyncio.Task[None]") -> None:
        """End what is under way; a task that ended by itself is a bug, and told."""
        for task in tasks:
            if task.done() and (error := task.exception()):
                raise error
        began = time.monotonic()
        reason = self._asked_to_stop.result()
        self._notify.stopping()
        self._log.emit(ServiceStopping(reason=reason, passes=self._users.running))
        await self._users.stop()
        self._log.emit(ServiceStopped(seconds=time.monotonic() - began))

    # -- while it runs -------------------------------------------------------------------------

    async def _tick(self) -> None:
        """Do what nobody wakes us for: tell systemd that the loop is alive, find out whether workers are."""
        interval = self._notify.ping_interval or _TICK
        while True:
            self._notify.ping()
            self._users.ping()
            if self._log.holding:
                self._log.flush()
            await asyncio.sleep(interval)

    def _status(self, uid: int = ROOT) -> Status:
        return report.status_of(
            self._shared,
            self._users,
            uid,
            began=self._began,
            source=self._logons.source,
            sessions=self._logons.open,
        )

    def _ask_to_reload(self) -> None:
        """Reload; once more if that is under way, however often it is asked for; in a start, after that."""
        self._reload_wanted = True
        if not self._up:
            return
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.get_running_loop().create_task(self._reload(), name="reload")

    async def _reload(self) -> None:
        """Read the configuration anew and put it in force; one with an error changes nothing."""
        while self._reload_wanted:
            self._reload_wanted = False
            self._notify.reloading()
            try:
                await self._load_anew()
            except Exception as error:  # noqa: BLE001 - systemd waits for the end, whatever it is
                self._log.emit(InternalError(where="a reload", error=f"{type(error).__name__}: {error}"))
            self._notify.ready()

    async def _load_anew(self) -> None:
        try:
            loaded = await self._disk.do(lambda: load(self._files, self._checks))
            logs.configure(self._log, loaded.settings.logging, self._environment)
        except (ConfigError, OutputError) as error:
            self._log.emit(_rejected(error, self._files.main))
        else:
            await self._put_in_force(loaded)

    async def _put_in_force(self, loaded: Loaded) -> None:
        changed = differing(self._settings, loaded.settings)
        self._loaded = loaded
        settings = self._shared.settings = loaded.settings
        self._log.emit(
            ConfigLoaded(path=self._files.main, drop_ins=max(0, len(loaded.files) - 1), changed=changed)
        )
        if late := needing_restart(changed):
            self._log.emit(ConfigNeedsRestart(keys=late))
        self._shared.turns.change(_most_passes(settings))
        other_state = await self._disk.do(lambda: self._shared.cache.apply(settings.encryption))
        self._logons.reconfigure(settings.sessions)
        self._shared.keyring.reconfigure(settings)
        self._users.reconfigure()
        if self._bus:
            self._bus.reconfigure(settings.encryption)
            self._bus.facts_changed()
        await self._measures.change(settings.metrics)
        if other_state:
            self._users.recheck("reload")
        self._users.judge()


async def _end(task: "asyncio.Task[None]") -> None:
    """Cancel a task and wait for it."""
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _most_passes(settings: Settings) -> int:
    most = settings.enforcement.concurrent_passes
    return len(os.sched_getaffinity(0)) if most == "cores" else most


def _rejected(error: CscdError, main: str) -> ConfigRejected:
    """Return the event that tells of the first problem of a refused configuration."""
    problems = error.problems if isinstance(error, ConfigError) else (str(error),)
    match = _PLACE.match(problems[0])
    path, line, column, rest = match.groups() if match else (main, "0", "0", problems[0])
    key, _, problem = rest.partition(": ")
    return ConfigRejected(
        path=path,
        line=int(line),
        column=int(column or 0),
        key=key if problem else "",
        problem=problem or key,
        errors=len(problems),
    )
