"""``cscd logs``, as a person or a program runs it."""

import gzip
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cscd.cli.exitcodes import ExitCode
from cscd.events.fields import Holder
from cscd.events.items import ItemEncrypted, ItemFailed, ItemResolved, ItemSkipped
from cscd.events.level import Level
from cscd.events.log import Log
from cscd.events.logfile import LogFile
from cscd.events.passes import PassStarted
from tests.cli.shell import PROGRAM, Shell
from tests.support import journald, requires

DAY = 86_400

SPEAKER = """
from cscd.events.log import Log
from cscd.events.journal import Journal
from cscd.events.items import ItemSkipped
log = Log([Journal()])
log.for_user("alice", 1000).emit(ItemSkipped(path="/a\\x1b\\nb", reason="open_elsewhere"))
log.for_user("bob", 1001).emit(ItemSkipped(path="/secret", reason="open_elsewhere"))
log.close()
"""

FORGER = """
import os, socket
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
end.sendto(b"SYSLOG_IDENTIFIER=cscd\\nCSCD_EVENT=item_skipped\\nCSCD_USER=alice\\nMESSAGE=forged\\nPRIORITY=6\\n",
    "/run/systemd/journal/socket")
"""


class Teller:
    """A service that writes a log, at times of its choice."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now = time.time()
        self.log = Log([LogFile(str(file))], Level.DEBUG, clock=lambda: round(self.now * 1e9))
        self.alice = self.log.for_user("alice", 1000)
        self.bob = self.log.for_user("bob", 1001)

    def skip(self, path: str, user: str = "alice") -> None:
        """Leave an item alone."""
        held = (Holder(pid=4711, command="soffice"),)
        event = ItemSkipped(path=path, reason="open_elsewhere", holders=held)
        (self.alice if user == "alice" else self.bob).emit(event)


@pytest.fixture
def teller(tmp_path: Path) -> Iterator[Teller]:
    """Give a log."""
    told = Teller(tmp_path / "cscd.jsonl")
    yield told
    told.log.close()


def test_one_line_an_event(shell: Shell, teller: Teller) -> None:
    """Oldest first, with user, event and what happened; without colour where it is no terminal."""
    teller.skip("/home/alice/a\n\x1b[2J.odt")
    teller.alice.emit(ItemFailed(path="/home/alice/b.odt", reason="io_error", errno=5))
    lines = shell.run("logs", "--file", teller.file).text.splitlines()
    assert [line[15:] for line in lines] == [
        r"I alice item_skipped /home/alice/a\n\u001b[2J.odt: skipped, open elsewhere by soffice[4711]",
        "W alice item_failed /home/alice/b.odt: failed, io error, Input/output error (EIO)",
    ]


def test_colours_on_a_terminal(shell: Shell, teller: Teller) -> None:
    """Unless the user says no."""
    teller.skip("/a")
    with shell.on_terminal("logs", "--file", teller.file) as running:
        assert b"\x1b[1malice\x1b[0m" in running.end().out
    shell.variables["NO_COLOR"] = "1"
    with shell.on_terminal("logs", "--file", teller.file) as running:
        assert b"\x1b" not in running.end().out


@pytest.mark.parametrize(
    "options, paths",
    [
        ((), ["/old", "/1", "/2", "/3", "/4"]),
        (("--user", "bob"), ["/2"]),
        (("--event", "item_failed"), ["/3"]),
        (("--level", "warning"), ["/3"]),
        (("--level", "info"), ["/old", "/1", "/2", "/3"]),
        (("--since", "-2h"), ["/1", "/2", "/3", "/4"]),
        (("--since=-2h",), ["/1", "/2", "/3", "/4"]),
        (("--until", "-2h"), ["/old"]),
        (("--pass", "5f0c12ab34cd"), ["/4"]),
        (("--user", "alice", "--since", "-4d", "--until", "-2d"), ["/old"]),
    ],
)
def test_events_are_chosen(shell: Shell, teller: Teller, options: tuple[str, ...], paths: list[str]) -> None:
    """By user, event, level, time and pass, alone and together; in JSON one object a line."""
    now, teller.now = teller.now, teller.now - 3 * DAY
    teller.skip("/old")
    teller.now = now
    teller.skip("/1")
    teller.skip("/2", "bob")
    teller.alice.emit(ItemFailed(path="/3", reason="io_error"))
    teller.alice.for_pass("5f0c12ab34cd").emit(ItemEncrypted(path="/4", size=1))
    done = shell.run("logs", "--json", "--file", teller.file, *options)
    assert [json.loads(line)["path"] for line in done.text.splitlines()] == paths


def test_rotated_files_are_read_as_well(shell: Shell, teller: Teller) -> None:
    """Packed or not, oldest first; neighbours with similar names are not."""
    teller.skip("/1")
    rotated = teller.file.rename(f"{teller.file}.2")
    with gzip.open(f"{rotated}.gz", "wb") as packed:
        packed.write(rotated.read_bytes())
    shutil.copystat(rotated, f"{rotated}.gz")  # as gzip(1) does
    rotated.unlink()
    teller.skip("/2")
    teller.file.rename(f"{teller.file}.1")
    teller.skip("/3")
    teller.file.with_name("cscd.jsonl.bak").write_bytes(teller.file.read_bytes())
    teller.file.with_name("cscd.jsonl.9.gz").write_bytes(b"not packed")
    done = shell.run("logs", "--json", "--file", teller.file)
    assert [json.loads(line)["path"] for line in done.text.splitlines()] == ["/1", "/2", "/3"]


def test_lines_that_are_none_are_passed_over(shell: Shell, teller: Teller) -> None:
    """What a full disk left, or another program."""
    teller.file.write_bytes(b'{"time":"2026-11\n\xff\n[]\n\n')
    teller.skip("/a")
    done = shell.run("logs", "--file", teller.file)
    assert (done.code, len(done.text.splitlines())) == (ExitCode.OK, 1)


def test_following_shows_what_comes(shell: Shell, teller: Teller) -> None:
    """After the last few, across a rotation, until it is interrupted."""
    for number in range(20):
        teller.skip(f"/old/{number}")
    with shell.started("logs", "--json", "--follow", "--file", teller.file) as running:
        out = running.process.stdout
        assert out
        shown = [json.loads(out.readline())["path"] for _ in range(10)]
        assert shown == [f"/old/{number}" for number in range(10, 20)]
        teller.skip("/new/1")
        assert json.loads(out.readline())["path"] == "/new/1"
        teller.skip("/new/2")
        teller.file.rename(teller.file.with_suffix(".1"))
        teller.skip("/new/3")
        assert [json.loads(out.readline())["path"] for _ in range(2)] == ["/new/2", "/new/3"]
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(30) == ExitCode.OK


def test_the_summary_answers_what_one_asks(shell: Shell, teller: Teller) -> None:
    """Who, which file, why, who held it, when was it retried, is it right now?"""
    teller.skip("/home/alice/a.odt")
    teller.skip("/home/alice/a.odt")
    teller.skip("/home/bob/b.odt", "bob")
    resolved = ItemResolved(path="/home/bob/b.odt", outcome="encrypted", reason="x", attempts=2, seconds=60.0)
    teller.bob.emit(resolved)
    text = shell.run("logs", "--summary", "--since", "yesterday", "--file", teller.file).text
    lines = text.splitlines()
    assert lines[0] == "alice  /home/alice/a.odt"
    assert lines[1].startswith("  open elsewhere by soffice[4711], since ")
    assert "tried 2 times, last " in lines[1]
    assert lines[2] == "  not right"
    assert lines[3] == "bob  /home/bob/b.odt"
    assert lines[5].startswith("  encrypted since ")
    assert lines[6] == "Items left alone: 2; not known to be right now: 1."


def test_nothing_found_is_said(shell: Shell, teller: Teller) -> None:
    """So that an empty answer is not taken for a broken command."""
    teller.alice.for_pass("x").emit(PassStarted(trigger="logon", goal="encrypted", roots=()))
    done = shell.run("logs", "--user", "nobody", "--file", teller.file)
    assert (done.code, done.out) == (ExitCode.OK, b"")
    assert "no event in the log is like that" in done.messages


@pytest.mark.parametrize(
    "options, complaint",
    [
        (("--event", "item_skiped"), "'item_skiped' is not an event; docs/log-events.md"),
        (("--level", "loud"), "'loud' is not one of the levels"),
        (("--since", "soon"), "'soon' is not a time such as yesterday, -2h"),
        (("--summary", "--json"), "--summary is for people"),
        (("--summary", "--follow"), "not allowed with"),
    ],
)
def test_wrong_arguments_are_explained(shell: Shell, options: tuple[str, ...], complaint: str) -> None:
    """With what would be right."""
    done = shell.run("logs", *options)
    assert done.code == ExitCode.USAGE
    assert complaint in done.messages


def test_a_file_that_is_not_there_is_named(shell: Shell) -> None:
    """With the exit code for missing files."""
    done = shell.run("logs", "--file", "/nowhere/cscd.jsonl")
    assert done.code == ExitCode.TARGET
    assert "/nowhere/cscd.jsonl: No such file or directory" in done.messages


@pytest.mark.root
def test_without_any_log_it_says_what_to_do() -> None:
    """Where neither a journal runs nor the file is there: an empty /run and /var/log stand for it."""
    requires.mounting()
    requires.command("unshare")
    emptied = 'mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /var/log && exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", emptied, "sh", *PROGRAM, "logs"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == ExitCode.TARGET
    for hint in ("no journal runs here", "/var/log/cscd/cscd.jsonl", "systemctl start cscd", "--file"):
        assert hint in done.stderr


@pytest.mark.root
def test_the_real_journal_is_read_and_followed() -> None:
    """The same lines as from the file; what another user forged is not among them."""
    with journald.running() as journal:
        journal.python(SPEAKER)
        journal.python(FORGER)
        journal.sync()
        text = journal.run(*PROGRAM, "logs", "--user", "alice", "--since", "-1h", "--event", "item_skipped")
        assert [line[15:] for line in text.splitlines()] == [
            r"I alice item_skipped /a\u001b\nb: skipped, open elsewhere"
        ]
        both = journal.run(*PROGRAM, "logs", "--json", "--level", "info")
        assert [json.loads(line)["user"] for line in both.splitlines()] == ["alice", "bob"]
        assert "forged" in journal.run("journalctl", "CSCD_USER=alice")
        command = journal.entered(sys.executable, "-m", "cscd", "logs", "--json", "--follow", "--user", "bob")
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout
            assert json.loads(process.stdout.readline())["path"] == "/secret"
            journal.python(SPEAKER)
            assert json.loads(process.stdout.readline())["path"] == "/secret"
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == ExitCode.OK
