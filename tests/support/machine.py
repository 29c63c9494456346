"""What can be done on a machine that `container` has booted: programs, users, logons, the journal."""

import os
import shlex
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "SYSTEMD_PAGER": "",
}
"""Of a program inside: what a login of root has there, and nothing of the test runner's."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine that runs."""

    name: str
    pid: int
    """Of its PID 1, as it is called out here."""

    @property
    def root(self) -> Path:
        """Its root directory, for whoever is root out here; absolute links in it lead astray."""
        return Path(f"/proc/{self.pid}/root")

    def path(self, inside: str) -> Path:
        """Return the name that an absolute path inside has out here."""
        return self.root / inside.lstrip("/")

    def command(self, *command: str, user: str = "", **variables: str) -> list[str]:
        """Return the command line that runs a program inside, as root or somebody else.

        It is no session of logind's, and in no unit: `log_on` and systemd-run(1) make those.
        """
        become = ["runuser", "--user", user, "--"] if user else []
        environment = [f"{name}={value}" for name, value in {**ENVIRONMENT, **variables}.items()]
        enter = ["nsenter", f"--target={self.pid}", "--all", "--wdns=/"]
        return [*enter, "env", "--ignore-environment", *environment, *become, *command]

    def run(
        self,
        *command: str,
        user: str = "",
        check: bool = True,
        timeout: float = 60.0,
        text: str = "",
        **variables: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside and wait for its end.

        Args:
            command: its name and arguments.
            user: whom it runs as; root unless named.
            check: whether a failure fails the test, with what it printed.
            timeout: seconds.
            text: what it reads.
            variables: more of its environment.
        """
        done = subprocess.run(
            self.command(*command, user=user, **variables),
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check:
            told = f"{shlex.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
            assert done.returncode == 0, told
        return done

    @contextmanager
    def running(self, *command: str, user: str = "", **variables: str) -> "Iterator[subprocess.Popen[str]]":
        """Have a program run inside until the block ends, with pipes to it; then it is killed."""
        with subprocess.Popen(
            self.command(*command, user=user, **variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                _kill(process)

    def journal(self, *arguments: str) -> str:
        """Return what journalctl(1) prints, of all that was logged until now."""
        self.run("journalctl", "--sync")
        return self.run("journalctl", "--no-pager", "--quiet", *arguments).stdout

    def add_user(self, name: str, *options: str) -> int:
        """Make a user with a home directory and return the uid; `options` are useradd's."""
        self.run("useradd", "--create-home", "--shell=/bin/bash", *options, name)
        return int(self.run("id", "--user", name).stdout)

    def sessions(self, user: str) -> set[str]:
        """Return the ids of a user's sessions, as logind has them."""
        lines = self.run("loginctl", "list-sessions", "--no-legend").stdout.splitlines()
        return {fields[0] for fields in map(str.split, lines) if fields[2] == user}

    def log_on(self, user: str, *, first: str = "true") -> "Session":
        """Log a user on, at a terminal and through PAM, so that logind counts a session of class user.

        `first` is what the user's shell does first: what it opens for itself stays open until the user logs
        off. su(1) has the shell's place. script(1) gives the terminal, without which pam_systemd(8) makes
        the session one of class background.
        """
        before = self.sessions(user)
        shell = f"su --login {user} --command {shlex.quote(f'{first}; exec sleep infinity')}"
        script = ("script", "--quiet", "--flush", "--return", "--command", shell, "/dev/null")
        self.run("systemd-run", "--quiet", "--collect", f"--unit=logon-{uuid.uuid4()}", *script)
        (added,) = wait_until(lambda: self.sessions(user) - before, f"{user} is logged on", deadline=30.0)
        session = Session(self, user, added)
        wait_until(session.has_shell, f"{user}'s program runs", deadline=30.0)
        return session

    @contextmanager
    def logged_on(self, user: str) -> "Iterator[Session]":
        """Have a user logged on until the block ends."""
        session = self.log_on(user)
        try:
            yield session
        finally:
            session.log_off()


def _kill(process: "subprocess.Popen[str]") -> None:
    """Kill a program inside, which is a child of nsenter(1) because of the PID namespace."""
    with suppress(OSError):
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
        for pid in map(int, children.split()):
            os.kill(pid, signal.SIGKILL)
    process.kill()


@dataclass(frozen=True, slots=True)
class Session:
    """A session of a user who is logged on."""

    machine: Machine
    user: str
    id: str

    def log_off(self) -> None:
        """End the user's program, as `exit` ends a shell, and return once the session is closed."""
        if not self.is_open():
            return
        self.machine.run("pkill", "--parent", self.property("Leader"), "--exact", "sleep")
        wait_until(lambda: not self.is_open(), f"{self.user} is logged off", deadline=20.0)

    def is_open(self) -> bool:
        """Whether logind has it."""
        return self.id in self.machine.sessions(self.user)

    def has_shell(self) -> bool:
        """Whether the user's program runs: then PAM is done, and so is all that it starts."""
        leader = self.property("Leader")
        return self.machine.run("pgrep", "--parent", leader, "--exact", "sleep", check=False).returncode == 0

    def property(self, name: str) -> str:
        """Return what logind says about it, such as Class or Leader."""
        asked = ("loginctl", "show-session", self.id, f"--property={name}", "--value")
        return self.machine.run(*asked).stdout.strip()
