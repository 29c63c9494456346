"""The service at work on a machine of `container`: what it logged, and what it did to files."""

import json
import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.machine import Machine, Session
from tests.support.passes import is_encrypted
from tests.support.waiting import wait_until

Event = dict[str, Any]
"""What journalctl -o json has for one event."""

DROP_INS = "/etc/cscd/cscd.yaml.d"
CACHE = ".cache/cscd"
"""The default root, below a home directory."""


@dataclass(frozen=True, slots=True)
class Service:
    """The service on a machine."""

    machine: Machine

    @property
    def pid(self) -> int:
        """Of the daemon, as it is called inside; 0 while there is none."""
        return int(self.property("MainPID"))

    def property(self, name: str) -> str:
        """Return what systemd knows about it, such as ActiveState."""
        return self.machine.run("systemctl", "show", f"--property={name}", "--value", "cscd").stdout.strip()

    def person(self, name: str) -> "Person":
        """Make a user of the machine."""
        self.machine.add_user(name)
        return Person(self.machine, name)

    def configure(self, name: str, text: str) -> None:
        """Write a file that is laid over the configuration, in place of an earlier one of that name."""
        self.machine.path(f"{DROP_INS}/{name}.yaml").write_text(text, encoding="utf-8")

    def workers(self, user: str) -> set[str]:
        """Return the ids of the service's processes that are a user's, as they are called inside."""
        group = self.machine.path(f"/sys/fs/cgroup{self.property('ControlGroup')}/cgroup.procs")
        ours = group.read_text(encoding="ascii").split() if group.exists() else []
        return {_inner(pid) for pid in ours} & set(
            self.machine.run("pgrep", "--uid", user, check=False).stdout.split()
        )

    @contextmanager
    def configured(self, name: str, text: str) -> Iterator[None]:
        """Have such a file be in force until the block ends."""
        self.configure(name, text)
        self.machine.run("systemctl", "reload", "cscd")
        try:
            yield
        finally:
            self.machine.path(f"{DROP_INS}/{name}.yaml").unlink()
            self.machine.run("systemctl", "reload", "cscd")

    def now(self) -> "Since":
        """Return the point in its log that has been reached."""
        # No time, for a clock may be set; a line of our own has a place in the journal.
        mark = uuid.uuid4().hex
        self.machine.run("logger", "--tag", "cscd-test", mark)
        line = self.machine.journal("--output=json", "--identifier=cscd-test").splitlines()[-1]
        entry: Event = json.loads(line)
        assert entry["MESSAGE"] == mark
        return Since(self, entry["__CURSOR"])


def _inner(pid: str) -> str:
    """Return what a process is called in the innermost PID namespace; "" if it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return next(line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:"))


@dataclass(frozen=True, slots=True)
class Since:
    """What the service logged from a point on."""

    service: Service
    cursor: str

    def events(self, event: str, **fields: str) -> list[Event]:
        """Return the events of a name, oldest first; fields are named as in the manual."""
        # All of them: with matches, --after-cursor leaves out the first one (systemd 252).
        lines = self.service.machine.journal("--output=json", f"--after-cursor={self.cursor}")
        wanted = {f"CSCD_{name.upper()}": value for name, value in {"event": event, **fields}.items()}
        return [entry for entry in map(json.loads, lines.splitlines()) if _matches(entry, wanted)]

    def wait_for(self, event: str, *, deadline: float = 30.0, **fields: str) -> Event:
        """Wait for an event, and return the first one."""
        what = f"{event} {fields or ''}"
        try:
            return wait_until(lambda: self.events(event, **fields), what, deadline=deadline)[0]
        except TimeoutError as error:
            told = self.service.machine.journal("--unit=cscd", "--lines=60", "--output=short-precise")
            raise TimeoutError(f"{error}; the last lines of the log:\n{told}") from None


def _matches(entry: Event, wanted: dict[str, str]) -> bool:
    ours = entry.get("_SYSTEMD_UNIT") == "cscd.service"
    return ours and all(entry.get(name) == value for name, value in wanted.items())


@dataclass(frozen=True, slots=True)
class Person:
    """A user of the machine with a cache."""

    machine: Machine
    name: str

    @property
    def cache(self) -> str:
        """The path of the cache, inside."""
        return f"/home/{self.name}/{CACHE}"

    def shell(self, script: str, *, check: bool = True) -> str:
        """Run a script as this user and return what it printed."""
        return self.machine.run("sh", "-c", script, user=self.name, check=check).stdout

    def save(self, name: str, content: str) -> str:
        """Write a file into the cache, as an application would, and return its path."""
        path = f"{self.cache}/{name}"
        script = f"mkdir -p {shlex.quote(str(Path(path).parent))} && cat >{shlex.quote(path)}"
        self.machine.run("sh", "-c", script, user=self.name, text=content)
        return path

    def read(self, path: str) -> str:
        """Return the plaintext of a file, whatever state it is in."""
        if not self.encrypted(path):
            return self.machine.path(path).read_text(encoding="utf-8")
        return self.machine.run("cscd", "cat", path, user=self.name).stdout

    def encrypted(self, path: str) -> bool:
        """Whether a file is encrypted by cscd."""
        with self.machine.path(path).open("rb") as file:
            return is_encrypted(file.read(65_536))

    @contextmanager
    def holding(self, path: str) -> Iterator[int]:
        """Have tail(1) keep a file open until the block ends; gives its process id inside."""
        with self.machine.running(
            "sh", "-c", f"echo $$; exec tail --follow {shlex.quote(path)}", user=self.name
        ) as process:
            assert process.stdout
            pid = int(process.stdout.readline())
            wait_until(lambda: self._has_open(pid, path), f"tail has {path} open")
            yield pid

    def _has_open(self, pid: int, path: str) -> bool:
        links = self.machine.run("find", f"/proc/{pid}/fd", "-lname", path, check=False)
        return bool(links.stdout)

    @contextmanager
    def logged_on(self) -> Iterator[Session]:
        """Have the user logged on until the block ends."""
        with self.machine.logged_on(self.name) as session:
            yield session
