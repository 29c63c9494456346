"""``cscd demo``: the main job on a small cache of its own, with real commands and real files.

Everything happens in a directory that is removed at the end, with keys of its own. Whatever is claimed is
checked: the demonstration fails if a single byte, mode or time came back different.
"""

import argparse
import errno
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from cscd.cli import exhibits, quantities
from cscd.cli.exhibits import FILM, MIB, OPEN_FILE, READ_FILE
from cscd.cli.exitcodes import ExitCode
from cscd.cli.names import shown
from cscd.cli.stage import Done, Stage
from cscd.cli.terminal import Style, Terminal
from cscd.errors import TargetError

_LONGEST_FILM: Final = 1024 * MIB
_LEAST_ROOM: Final = 512 * MIB
"""Bytes that must be free."""
_ROOM: Final = 4
"""The film may take one of so many parts of what is free: it comes to have a second version."""
_PLACES: Final = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - a directory with a random name is made there
_IN_THE_FILM: Final = r"[1-9][0-9.]* [KMG]iB of"
"""What the progress shows once the film is being read."""
_BEGUN: Final = "encrypting"
"""What it shows from the first moment."""


def define(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.description = (
        "Shows cscd at work on a small cache of its own, in a directory that is removed afterwards. It takes"
        " less than 30 seconds and no privileges."
    )
    parser.add_argument("--in", dest="place", metavar="DIR", help="where to make that directory")


def run(arguments: argparse.Namespace, terminal: Terminal) -> ExitCode:
    """Do it all; OK only if everything came back as it was."""
    place = arguments.place or _place()
    _check(place)
    with tempfile.TemporaryDirectory(prefix="cscd-demo-", dir=place) as directory:
        return Demonstration(directory, terminal, os.environ).run()


def _place() -> str:
    """Return the first usual directory for temporary files where the demonstration can be held."""
    places = [tempfile.gettempdir(), *_PLACES]
    for place in places:
        try:
            _check(place)
        except (OSError, TargetError):
            continue
        return place
    raise TargetError(
        f"none of {', '.join(dict.fromkeys(places))} has leases, unnamed files and room for the"
        " demonstration; name a directory on a local filesystem: cscd demo --in DIR"
    )


def _check(place: str) -> None:
    """Raise TargetError, or OSError, where the demonstration cannot be held."""
    try:
        fd = os.open(place, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        raise TargetError(f"the filesystem of {place} has no unnamed files (O_TMPFILE)") from None
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    except OSError:
        raise TargetError(
            f"the filesystem of {place} has no leases: it cannot tell who has a file open"
        ) from None
    finally:
        os.close(fd)
    if shutil.disk_usage(place).free < _LEAST_ROOM:
        raise TargetError(f"{place} has less than {quantities.size(_LEAST_ROOM)} free")


class Demonstration:
    """One performance."""

    def __init__(self, directory: str, terminal: Terminal, environment: Mapping[str, str]) -> None:
        """`directory` is empty, and nothing is written outside of it."""
        self._directory = directory
        self._cache = os.path.join(directory, "cache")
        self._identity = os.path.join(directory, "state", "cscd", "identity")
        self._terminal = terminal
        state = {"XDG_STATE_HOME": os.path.join(directory, "state")}
        self._stage = Stage(terminal, directory, {**environment, **state})
        self._wrong: list[str] = []
        """What did not go as it should, in words."""

    def run(self) -> ExitCode:
        """Play every scene and judge."""
        self._make()
        before = exhibits.describe(self._cache)
        self._encrypt()
        self._read_back(before[READ_FILE].digest)
        before[FILM] = self._make_film()
        self._cancel(before[FILM].size)
        self._finish()
        self._compare(before)
        return self._judge()

    # -- scenes --------------------------------------------------------------------------------

    def _make(self) -> None:
        self._stage.scene("A small cache")
        os.mkdir(self._cache)
        exhibits.make(self._cache)
        names = sum(len(files) for _, _, files in os.walk(self._cache))
        self._stage.tell(f"{names} files in {self._cache},")
        self._stage.tell("among them a sparse one, a setuid one, a read-only one, an empty one,")
        self._stage.tell("a link, and names of 255 bytes, with a newline, and not in UTF-8.")

    def _encrypt(self) -> None:
        self._stage.scene("Encrypt it, while another program has a file open")
        with _held_open(os.path.join(self._cache, OPEN_FILE)) as holder:
            self._stage.tell(f"Process {holder.pid} (sleep) has {OPEN_FILE} open.")

            def close() -> None:
                self._stage.tell("… which was left alone. Now that process ends, and its file is closed:")
                holder.kill()

            done = self._stage.run_until("waiting", close, "cscd", "recheck", "cache")
        self._expect(done, ExitCode.OK, "the pass that waited for the open file")
        self._expect_states({OPEN_FILE: "encrypted", READ_FILE: "encrypted", "notes/empty": "empty"})

    def _read_back(self, digest: str) -> None:
        self._stage.scene("Read one back")
        path = os.path.join("cache", READ_FILE)
        self._stage.tell(f"{shown(path)} now begins with: {self._beginning(path)}")
        readers: list[tuple[str, ...]] = [("cscd", "cat", path)]
        if shutil.which("age"):
            readers.append(
                ("age", "--decrypt", "--identity", os.path.relpath(self._identity, self._directory), path)
            )
        for argv in readers:
            done = self._stage.run(*argv, quiet=True)
            same = exhibits.digest_of(done.out) == digest
            self._stage.tell(f"{len(done.out):,} bytes: {'exactly the original' if same else 'DIFFERENT'}")
            if not same:
                self._wrong.append(f"{argv[0]} read something else than the original")
        if len(readers) == 1:
            self._stage.tell("(The program age is not installed; it could read the file, too.)")

    def _make_film(self) -> exhibits.Exhibit:
        free = shutil.disk_usage(self._cache).free
        exhibits.make_film(self._cache, min(_LONGEST_FILM, free // _ROOM))
        return exhibits.describe(self._cache)[FILM]

    def _cancel(self, size: int) -> None:
        self._stage.scene("Stop a pass in the middle")
        self._stage.tell(
            f"A film of {quantities.size(size)} comes into the cache. Ctrl-C while it is encrypted:"
        )
        for sign in (_IN_THE_FILM, _BEGUN):
            done = self._stage.interrupt(sign, "cscd", "recheck", "cache")
            if done.code == ExitCode.CANCELLED:
                break
            self._stage.tell("This machine was faster than the signal. Once more:")
            self._stage.run("cscd", "recheck", "--to", "unencrypted", "--include", FILM, "cache", quiet=True)
        else:
            self._wrong.append("no pass could be stopped")
        self._stage.tell("The film is as it was, the rest is encrypted; nothing is half done:")
        self._stage.run("cscd", "inspect", os.path.join("cache", FILM), os.path.join("cache", READ_FILE))
        self._expect_states({FILM: "plain", READ_FILE: "encrypted"})

    def _finish(self) -> None:
        self._stage.scene("Repeat the command to finish, then unencrypt everything")
        done = self._stage.run("cscd", "recheck", "cache")
        self._expect(done, ExitCode.OK, "the pass that finished the work")
        self._expect_states({FILM: "encrypted"})
        done = self._stage.run("cscd", "recheck", "--to", "unencrypted", "cache")
        self._expect(done, ExitCode.OK, "the pass that unencrypted")

    def _compare(self, before: Mapping[str, exhibits.Exhibit]) -> None:
        self._stage.scene("Compare with the start: every byte, mode, owner, attribute and time")
        after = exhibits.describe(self._cache)
        for path in sorted(before.keys() | after.keys()):
            old, new = before.get(path), after.get(path)
            if old is None or new is None:
                self._wrong.append(f"{shown(path)} {'is new' if old is None else 'is gone'}")
                continue
            differences = set(old.differences(new))
            if path == READ_FILE:
                differences.discard("accessed_ns")  # two programs have read it, as was shown
            if differences:
                self._wrong.append(f"{shown(path)}: {', '.join(sorted(differences))} changed")
        volume = quantities.size(sum(each.size for each in before.values()))
        self._stage.tell(f"{len(before)} files, {volume}.")

    def _judge(self) -> ExitCode:
        for wrong in self._wrong:
            self._stage.tell(self._terminal.styled(f"WRONG: {wrong}", Style.RED))
        if self._wrong:
            return ExitCode.INTERNAL
        self._stage.tell(self._terminal.styled("All of it is as it was.", Style.GREEN))
        return ExitCode.OK

    # -- checks --------------------------------------------------------------------------------

    def _expect(self, done: Done, code: ExitCode, what: str) -> None:
        if done.code != code:
            self._wrong.append(f"{what} ended with {done.code} instead of {code.value}")

    def _expect_states(self, states: Mapping[str, str]) -> None:
        """Check what `cscd inspect` says of files, without showing it."""
        paths = [os.path.join("cache", path) for path in states]
        done = self._stage.ask("cscd", "inspect", "--json", *paths)
        found = [file["state"] for file in json.loads(done.out)["files"]]
        for path, state, asked in zip(states, found, states.values(), strict=True):
            if state != asked:
                self._wrong.append(f"{path} was {state} where it should have been {asked}")

    def _beginning(self, path: str) -> str:
        with open(os.path.join(self._directory, path), "rb") as file:
            return file.readline(80).decode("ascii", "backslashreplace").strip()


@contextmanager
def _held_open(path: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have another process keep a file open; it never reads it."""
    with open(path, "rb") as file, subprocess.Popen(("sleep", "60"), stdin=file) as holder:  # noqa: S607
        file.close()
        try:
            yield holder
        finally:
            holder.kill()
