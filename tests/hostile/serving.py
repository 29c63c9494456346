"""The service itself, with real workers, in a process of its own: its logons and accounts are the test's."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from cscd.cli.config import checks
from cscd.config import source
from cscd.daemon import parts
from cscd.daemon.logon.account import Account, Accounts
from cscd.daemon.logon.sessions import Sessions
from cscd.daemon.service import Parts, Service
from tests.daemon import asking
from tests.support import forks, passes
from tests.support.users import ALICE, MALLORY, User
from tests.support.waiting import wait_until

BOUND: Final = 15.0
"""Seconds in which a new item of somebody else's has to be encrypted, on a machine that does much else;
it takes a tenth of one."""

_NAMES: Final = {ALICE.uid: "alice", MALLORY.uid: "mallory"}

_SETTINGS: Final = """\
cache:
  roots: ["{directory}/cache/{{user}}"]
sessions:
  source: runtime-directory
enforcement:
  concurrent_passes: {turns}
  logoff_pass: false
  retry: {{first: 1s}}
keys: {{machine_key_file: {directory}/state/machine.key}}
encryption: {{policy: encrypted}}
logging:
  destination: file
  file: {directory}/log
  level: debug
"""


class _Known(Accounts):
    """A user database with the users of the tests, who need no entry in passwd."""

    async def find(self, uid: int) -> Account | None:
        """Return one of them."""
        name = _NAMES.get(uid)
        return Account(name, uid, uid, f"/home/{name}", (uid,)) if name else None


@dataclass
class Served:
    """A service that runs."""

    directory: Path
    pid: int = 0
    _sessions: dict[int, int] = field(default_factory=dict)

    # -- users ---------------------------------------------------------------------------------

    def cache(self, user: User) -> Path:
        """Return a user's root."""
        return self.directory / "cache" / _NAMES[user.uid]

    def log_on(self, user: User) -> None:
        """Open a session."""
        self._sessions[user.uid] = number = len(self._sessions) + 1
        path = self._session(number)
        beside = path.with_name(f".#{path.name}")
        lines = ("UID", user.uid), ("USER", _NAMES[user.uid]), ("CLASS", "user"), ("STATE", "active")
        beside.write_text("".join(f"{key}={value}\n" for key, value in lines))
        beside.rename(path)

    def _session(self, number: int) -> Path:
        return self.directory / "systemd" / "sessions" / f"c{number}"

    def new_item(self, user: User, name: str) -> Path:
        """Have a user cache another file."""
        path = self.cache(user) / name
        beside = path.with_name(f"{name}.part")
        beside.write_bytes(b"content")
        os.chown(beside, user.uid, user.gid)
        beside.rename(path)
        return path

    def serves(self, user: User, name: str, within: float = BOUND) -> float:
        """Have a user cache another file, and wait until it is encrypted; return the seconds."""
        began = time.monotonic()
        item = self.new_item(user, name)
        wait_until(lambda: passes.is_encrypted(item.read_bytes()), f"{item} is encrypted", deadline=within)
        return time.monotonic() - began

    # -- what it says --------------------------------------------------------------------------

    @property
    def events(self) -> list[dict[str, Any]]:
        """Everything that was logged."""
        text = (self.directory / "log").read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def told(self, name: str, user: User | None = None) -> list[dict[str, Any]]:
        """Return the events of a name, of one user if that is asked for."""
        uid = user.uid if user else None
        return [each for each in self.events if each["event"] == name and uid in (None, each.get("uid"))]

    def await_told(self, name: str, user: User, count: int = 1, within: float = 30.0) -> None:
        """Wait until an event was told of a user so many times."""
        wait_until(lambda: len(self.told(name, user)) >= count, f"{name} is told", deadline=within)

    def status(self) -> Any:  # noqa: ANN401 - JSON
        """Return what it says of itself to root."""
        return asking.status(self.directory / "run" / "control")

    def worker(self, user: User) -> int:
        """Wait for a user's worker, and return its process id."""

        def found() -> int:
            answer = self.status()["answer"]
            return next((each["worker_pid"] or 0 for each in answer["users"] if each["uid"] == user.uid), 0)

        return wait_until(found, "the worker runs", deadline=30.0)


@contextmanager
def served(
    directory: Path, turns: int = 2, starting: Callable[[int], None] = lambda _: None
) -> Iterator[Served]:
    """Run the service until the block ends; it has to end by itself then, and to have said nothing amiss.

    Args:
        directory: for all that is its own and its users'; others can reach it.
        turns: how many passes run at once.
        starting: called with its process id as soon as it has read its configuration.
    """
    served = Served(directory)
    for name in ("state", "run", "cache", "systemd", "systemd/sessions"):
        (directory / name).mkdir()
    (directory / "state").chmod(0o711)
    for user in (ALICE, MALLORY):
        root = served.cache(user)
        root.mkdir(mode=0o700)
        os.chown(root, user.uid, user.gid)
    settings = directory / "cscd.yaml"
    settings.write_text(_SETTINGS.format(directory=directory, turns=turns))
    served.pid = forks.fork()
    if not served.pid:
        _run(settings, directory)
    status = None
    try:
        log = directory / "log"
        wait_until(lambda: log.exists() and served.told("config_loaded"), "it starts", deadline=30.0)
        starting(served.pid)
        control = directory / "run" / "control"
        wait_until(lambda: control.exists() and served.told("service_started"), "it is up", deadline=30.0)
        yield served
        os.kill(served.pid, signal.SIGTERM)
        began = time.monotonic()
        _, status = os.waitpid(served.pid, 0)
        took = time.monotonic() - began
    finally:
        if status is None:
            os.kill(served.pid, signal.SIGKILL)
            os.waitpid(served.pid, 0)
    assert status == 0, (directory / "said").read_text()
    assert took < 10
    # Whatever asyncio or the interpreter had to say would fill a journal, for nobody limits it.
    assert (directory / "said").read_text() == ""
    assert not served.told("internal_error")


def _run(settings: Path, directory: Path) -> None:
    """Be the service, in the fork."""
    code = 1
    try:
        said = os.open(directory / "said", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        os.dup2(said, 1)
        os.dup2(said, 2)
        environment = {"STATE_DIRECTORY": f"{directory}/state", "RUNTIME_DIRECTORY": f"{directory}/run"}
        os.environ.pop("NOTIFY_SOCKET", None)
        service = Service(source(str(settings)), checks(), _parts(environment, directory), environment)
        asyncio.run(service.run())
        code = 0
    finally:
        os._exit(code)


def _parts(environment: dict[str, str], directory: Path) -> Parts:
    return replace(
        parts.for_machine(environment),
        accounts=_Known(),
        callers=_Known(),
        logons=lambda settings, log, accounts, listener: Sessions(
            settings.sessions, log, accounts, listener, runtime_directory=f"{directory}/systemd"
        ),
        on_bus=False,
    )
