"""The demonstration: the service of one user, from its start to its end, and what becomes of the files.

Everything happens in a directory of its own, with keys of its own. Whatever is claimed is checked: it fails
if anything went otherwise, or if a single byte, mode or time came back different.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import IO, Final

from cscd.cli import exhibits, quantities
from cscd.cli.critic import Critic
from cscd.cli.exhibits import FILM, MIB, NEW_FILE, OPEN_FILE, READ_FILE
from cscd.cli.exitcodes import ExitCode
from cscd.cli.stage import MissedCueError, Running, Stage
from cscd.cli.terminal import Style, Terminal
from cscd.worker import kernel

_RECOVERY: Final = "recovery.key"
_LONGEST_FILM: Final = 512 * MIB
_ROOM: Final = 4
"""The film may take one of so many parts of what is free: it comes to have a second version."""
_SOON: Final = 3.0
"""Seconds within which a closed file is encrypted: mostly a tenth of one, but disks can be busy."""
_STOPS: Final = 5.0
"""Seconds within which the service stops."""
_LONGEST: Final = 10.0
"""Seconds after which a file is not waited for any more."""
_MIDDLE: Final = 8
"""A film is in the middle when one of so many parts of it has been written again …"""
_MIDDLE_SECONDS: Final = 0.3
"""… or so many seconds have passed: some filesystems say only later how much room they have left."""
_STEP: Final = 0.002
"""Seconds between two looks."""
_SERVICES: Final = ("NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "JOURNAL_STREAM")
"""What systemd tells a service that it starts, which this one is not."""

_CONFIGURATION: Final = """\
cache: {{ roots: ["{cache}"] }}
encryption:
  policy: {policy}
  recovery_recipients:
    - {recovery}
logging: {{ destination: stdout, format: console }}
"""
_ALL_RIGHT: Final = "pass_completed pass completed, all right"
_PARTIAL: Final = "pass_completed pass completed, PARTIAL"
_STARTED: Final = "pass_started pass started"
_STOPPED: Final = "pass_stopped pass stopped"
_REFUSED: Final = r"config_rejected cscd\.yaml:3:"
_STATUS: Final = ("cscd", "status", "--socket", "run/cscd/control")
"""The socket is named because a service of the whole machine would be asked first."""


class Demonstration:
    """One performance."""

    def __init__(self, directory: str, terminal: Terminal, environment: Mapping[str, str]) -> None:
        """`directory` is empty, and nothing is written outside of it."""
        self._directory = directory
        self._cache = os.path.join(directory, "cache")
        own = {
            "XDG_STATE_HOME": os.path.join(directory, "state"),
            "XDG_RUNTIME_DIR": os.path.join(directory, "run"),
        }
        kept = {name: value for name, value in environment.items() if name not in _SERVICES}
        self._stage = Stage(terminal, directory, {**kept, **own})
        self._before: dict[str, exhibits.Exhibit] = {}
        self._recovery = ""
        """The recipient of the recovery key."""
        self._critic = Critic(self._cache)

    def run(self) -> ExitCode:
        """Play every scene and judge."""
        try:
            self._make()
            self._serve()
            self._serve_again()
            self._compare()
        except MissedCueError as missed:
            self._critic.note(str(missed))
        return self._judge()

    # -- scenes --------------------------------------------------------------------------------

    def _make(self) -> None:
        self._stage.scene("A small cache, and a configuration")
        os.mkdir(self._cache)
        exhibits.make(self._cache)
        self._before = exhibits.describe(self._cache)
        self._stage.tell(
            f"{len(self._before)} files, among them a sparse one, a setuid one, a read-only one, an empty"
            " one, a link, and names of 255 bytes, with a newline, and not in UTF-8."
        )
        made = self._stage.ask("cscd", "keys", "recovery-init", "--output", _RECOVERY, "--json")
        if made.code != ExitCode.OK:
            raise MissedCueError(f"no recovery key was made: {made.err.decode('utf-8', 'replace')}")
        self._recovery = json.loads(made.out)["recipient"]
        self._configure("encrypted")
        self._stage.tell("A recovery key is made as well (cscd keys recovery-init). The configuration:")
        self._stage.run("cat", "cscd.yaml")

    def _serve(self) -> None:
        self._stage.scene("Log on: the service starts, while another program has a file open")
        with _held_open(self._path(OPEN_FILE)) as holder, self._started() as service:
            service.until(_PARTIAL)
            self._await_holder(holder)
            self._stage.tell(f"All but {OPEN_FILE} is encrypted, and it is known who has that one open:")
            self._critic.expect(self._stage.run(*_STATUS), ExitCode.PARTIAL, "cscd status with a file open")
            self._critic.expect_states({OPEN_FILE: "plain", READ_FILE: "encrypted", "notes/empty": "empty"})
            self._close(holder, service)
            self._save(service)
            self._read_back()
            self._stop_in_the_middle(service)

    def _close(self, holder: "subprocess.Popen[bytes]", service: Running) -> None:
        with self._encrypted_soon(OPEN_FILE, f"Process {holder.pid} (sleep) ends"):
            holder.kill()
            holder.wait()
        service.until(_ALL_RIGHT)
        self._critic.expect_states({OPEN_FILE: "encrypted"})

    def _save(self, service: Running) -> None:
        self._stage.scene("Save a new file into the cache")
        with exhibits.make_new(self._cache) as file:
            self._before[NEW_FILE] = exhibits.describe_file(self._path(NEW_FILE))
            with self._encrypted_soon(NEW_FILE, f"{NEW_FILE} is written and closed"):
                file.close()
        service.until(_ALL_RIGHT)
        self._critic.expect_states({NEW_FILE: "encrypted"})

    def _read_back(self) -> None:
        self._stage.scene("Read one back")
        path = os.path.join("cache", READ_FILE)
        self._stage.tell(f"{path} now begins with: {self._beginning(path)}")
        readers: list[tuple[str, ...]] = [("cscd", "cat", path)]
        if shutil.which("age"):
            keys = ("state/cscd/identity", _RECOVERY)
            readers += [("age", "--decrypt", "--identity", key, path) for key in keys]
        for argv in readers:
            done = self._stage.run(*argv, quiet=True)
            same = exhibits.digest_of(done.out) == self._before[READ_FILE].digest
            self._stage.tell(f"{len(done.out):,} bytes: {'exactly the original' if same else 'DIFFERENT'}")
            if not same:
                self._critic.note(f"{argv[0]} read something else than the original")
        if len(readers) == 1:
            self._stage.tell("(The program age is not installed; it could read the file, too.)")

    def _stop_in_the_middle(self, service: Running) -> None:
        self._stage.scene("Stop the service in the middle of a large file")
        with self._film() as film:
            self._before[FILM] = exhibits.describe_file(self._path(FILM))
            self._stage.tell(f"A film of {quantities.size(self._before[FILM].size)} comes into the cache:")
            film.close()
        service.until(_STARTED)
        self._await_middle()
        self._stop(service, _STOPPED)
        self._stage.tell("The film is as it was, the rest is encrypted; nothing is half done:")
        self._stage.run("cscd", "inspect", os.path.join("cache", FILM), os.path.join("cache", READ_FILE))
        self._critic.expect_states({FILM: "plain", READ_FILE: "encrypted", OPEN_FILE: "encrypted"})

    def _serve_again(self) -> None:
        self._stage.scene("Log on again: what was left is finished")
        with self._started() as service:
            service.until(_ALL_RIGHT)
            self._critic.expect_states({FILM: "encrypted", NEW_FILE: "encrypted"})
            self._unencrypt(service)
            self._stage.scene("Log off: for who runs it alone, that is the end of the service")
            self._stop(service)

    def _unencrypt(self, service: Running) -> None:
        self._stage.scene("Change the policy while it runs")
        self._stage.tell("First with a mistake. SIGHUP has the file read, and the service goes on as before:")
        self._configure("unencryptd")
        service.send(signal.SIGHUP)
        service.until(_REFUSED)
        self._critic.expect(self._stage.ask(*_STATUS), ExitCode.OK, "cscd status after a mistake")
        self._critic.expect_states({FILM: "encrypted"})
        self._stage.tell("Then `policy: unencrypted`, and SIGHUP:")
        self._configure("unencrypted")
        service.send(signal.SIGHUP)
        service.until(_ALL_RIGHT)
        self._critic.expect_states(dict.fromkeys((FILM, NEW_FILE, OPEN_FILE, READ_FILE), "plain"))

    def _compare(self) -> None:
        self._stage.scene("Compare with the start: every byte, mode, owner, attribute and time")
        # Two programs have read that one, as was shown.
        self._critic.compare(self._before, exhibits.describe(self._cache), read=READ_FILE)
        volume = quantities.size(sum(each.size for each in self._before.values()))
        self._stage.tell(f"{len(self._before)} files, {volume}.")

    def _judge(self) -> ExitCode:
        for wrong in self._critic.wrong:
            self._stage.tell(f"WRONG: {wrong}", Style.RED)
        if self._critic.wrong:
            return ExitCode.INTERNAL
        self._stage.tell("All of it is as it was.", Style.GREEN)
        return ExitCode.OK

    # -- acts ----------------------------------------------------------------------------------

    def _started(self) -> AbstractContextManager[Running]:
        return self._stage.started("cscd", "run", "--config", "cscd.yaml")

    def _configure(self, policy: str) -> None:
        text = _CONFIGURATION.format(cache=self._cache, policy=policy, recovery=self._recovery)
        with open(os.path.join(self._directory, "cscd.yaml"), "w", encoding="utf-8") as file:
            file.write(text)

    def _film(self) -> IO[bytes]:
        free = shutil.disk_usage(self._cache).free
        return exhibits.make_film(self._cache, min(_LONGEST_FILM, free // _ROOM))

    def _await_holder(self, holder: "subprocess.Popen[bytes]") -> None:
        """Wait until the service can say who has the open file open: it does not say so at every moment."""
        end = time.monotonic() + _LONGEST
        while f'"pid": {holder.pid},' not in self._stage.ask(*_STATUS, "--json").out.decode():
            if time.monotonic() > end:
                raise MissedCueError(f"cscd status never named process {holder.pid}, which had a file open")

    def _await_middle(self) -> None:
        """Wait until the film is being encrypted."""
        wanted = shutil.disk_usage(self._cache).free - self._before[FILM].size // _MIDDLE
        end = time.monotonic() + _MIDDLE_SECONDS
        while shutil.disk_usage(self._cache).free > wanted and time.monotonic() < end:
            time.sleep(_STEP)

    def _stop(self, service: Running, sign: str = "service_stopped") -> None:
        """Stop the service, and check that it says so, and takes no longer than it may."""
        self._stage.tell(f"SIGTERM to process {service.pid}:")
        began = time.monotonic()
        service.send(signal.SIGTERM)
        service.until(sign)
        code = service.end()
        seconds = time.monotonic() - began
        if code != ExitCode.OK:
            self._critic.note(f"the service ended with {code}")
        if seconds > _STOPS:
            self._critic.note(f"the service took {seconds:.1f} s to stop")

    @contextmanager
    def _encrypted_soon(self, path: str, what: str) -> Iterator[None]:
        """Say how long after the block a file is replaced by its other version, and check that it is soon."""
        before = self._inode(path)
        yield
        began = time.monotonic()
        # Looking at its number opens nothing: we are not one more program that has the file open.
        while self._inode(path) == before:
            if time.monotonic() - began > _LONGEST:
                raise MissedCueError(f"{path} was not encrypted")
            time.sleep(_STEP)
        seconds = time.monotonic() - began
        self._stage.tell(f"{what}: encrypted {seconds:.2f} s later.", Style.GREEN)
        if seconds > _SOON:
            self._critic.note(f"{path} was encrypted only after {seconds:.2f} s")

    def _path(self, name: str) -> str:
        return os.path.join(self._cache, name)

    def _inode(self, name: str) -> int:
        return os.stat(self._path(name)).st_ino

    def _beginning(self, path: str) -> str:
        with open(os.path.join(self._directory, path), "rb") as file:
            return file.readline(80).decode("ascii", "backslashreplace").strip()


@contextmanager
def _held_open(path: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have another process keep a file open; it never reads it."""
    with (
        open(path, "rb") as file,
        # What we may read besides (`understudy`) is not for it: else it would be out of the workers' sight.
        subprocess.Popen(("sleep", "60"), stdin=file, preexec_fn=kernel.clear_ambient) as holder,  # noqa: S607, PLW1509
    ):
        file.close()
        try:
            yield holder
        finally:
            holder.kill()
