"""The journal's own protocol: a socket stands for journald where the bytes matter, then the real one."""

import array
import errno
import json
import os
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cscd.events.catalogue import CATALOGUE
from cscd.events.items import ItemFailed, ItemSkipped
from cscd.events.journal import Journal, encoded
from cscd.events.log import Log
from cscd.events.record import Context, Record
from tests.events.documentation import CATALOG
from tests.support import journald

RECORD = Record.of(ItemFailed(path="/a", reason="io_error", errno=5), Context("alice", 1000), 1_000_000)

SPEAKER = """
from cscd.events.log import Log
from cscd.events.journal import Journal
from cscd.events.items import *
from cscd.events.fields import Holder
log = Log([Journal()])
alice = log.for_user("alice", 1000).for_pass("5f0c12ab34cd")
alice.emit(ItemSkipped(path="/a\\nb", reason="open_elsewhere", holders=(
    Holder(pid=7, command="vim"), Holder(pid=8, command="ed"))))
alice.emit(ItemFailed(path="/big/" + "x" * 4000, reason="io_error", errno=5, detail="y" * 1000))
log.for_user("bob", 1001).emit(ItemResolved(
    path="/b", outcome="encrypted", reason="open_elsewhere", attempts=2, seconds=3.0))
log.close()
"""


class Receiver:
    """The other end of the protocol."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(10)

    def receive(self) -> dict[str, list[bytes]]:
        """Return the fields of the next entry, whether it came as a datagram or in a file."""
        data, ancillary, _, _ = self.socket.recvmsg(1 << 20, socket.CMSG_SPACE(4))
        for _level, _kind, passed in ancillary:
            descriptors = array.array("i")
            descriptors.frombytes(passed)
            assert data == b""
            with open(descriptors[0], "rb") as file:
                file.seek(0)
                data = file.read()
        return parsed(data)


def parsed(data: bytes) -> dict[str, list[bytes]]:
    """Return the fields of an entry, read as the protocol says."""
    fields: dict[str, list[bytes]] = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            length = int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        fields.setdefault(name.decode(), []).append(value)
        data = rest
    return fields


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """Listen."""
    end = Receiver(tmp_path / "socket")
    yield end
    end.socket.close()


def test_an_entry_has_all_fields(receiver: Receiver) -> None:
    """Ours and those that the journal knows."""
    with closing(Journal(receiver.path)) as journal:
        journal.write(RECORD)
    assert receiver.receive() == {
        "MESSAGE": [b"/a: failed, io error, Input/output error (EIO)"],
        "PRIORITY": [b"4"],
        "SYSLOG_IDENTIFIER": [b"cscd"],
        "MESSAGE_ID": [ItemFailed.kind.message_id.encode()],
        "CSCD_EVENT": [b"item_failed"],
        "CSCD_USER": [b"alice"],
        "CSCD_UID": [b"1000"],
        "CSCD_PATH": [b"/a"],
        "CSCD_REASON": [b"io_error"],
        "CSCD_ERRNO": [b"5"],
        "CSCD_ATTEMPT": [b"1"],
        "CSCD_DETAIL": [b""],
    }


@pytest.mark.parametrize("value", ["", "a=b", "two\nlines", "\n", "\n=\n\n", "ends\n", "\x00\x01", "é\udcff"])
def test_any_value_comes_through(value: str) -> None:
    """With its length where it has line ends; what is no character stays recognizable."""
    data = encoded([("ONE", value), ("TWO", "next")])
    assert parsed(data) == {"ONE": [value.encode("utf-8", "backslashreplace")], "TWO": [b"next"]}


def test_what_is_too_large_for_a_datagram_goes_in_a_sealed_file(receiver: Receiver) -> None:
    """Which nobody can change while journald reads it."""
    large = Record(1, RECORD.level, "x", Context(), "m" * (1 << 24), {})
    journal = Journal(receiver.path)
    journal.write(large)
    assert receiver.receive()["MESSAGE"] == [b"m" * (1 << 24)]
    journal.write(large)
    _, ancillary, _, _ = receiver.socket.recvmsg(1, socket.CMSG_SPACE(4))
    (descriptor,) = array.array("i", ancillary[0][2])
    with pytest.raises(PermissionError):
        os.write(descriptor, b"x")
    os.close(descriptor)
    journal.close()


def test_a_journald_that_does_not_read_is_not_waited_for(receiver: Receiver) -> None:
    """Its queue fills, then events are lost at once; when it reads again it is told how many."""
    log = Log([Journal(receiver.path)])
    users = [log.for_user(f"user{number}", number) for number in range(2000)]
    for user in users:
        user.emit(ItemSkipped(path="/a", reason="open_elsewhere"))
    received = 0
    while select.select([receiver.socket], [], [], 0)[0]:
        receiver.receive()
        received += 1
    users[0].emit(ItemSkipped(path="/a", reason="open_elsewhere"))
    notice = receiver.receive()
    assert notice["CSCD_EVENT"] == [b"dropped"]
    assert int(notice["CSCD_COUNT"][0]) == len(users) - received > 0
    log.close()


def test_a_journald_that_is_not_there_is_an_error_for_the_guard(tmp_path: Path) -> None:
    """And nothing for the service; one that comes back is found."""
    path = tmp_path / "socket"
    journal = Journal(str(path))
    with pytest.raises(FileNotFoundError):
        journal.write(RECORD)
    first = Receiver(path)
    journal.write(RECORD)
    first.socket.close()
    with pytest.raises(OSError, match="refused") as refused:
        journal.write(RECORD)
    assert refused.value.errno == errno.ECONNREFUSED
    path.unlink()
    second = Receiver(path)
    journal.write(RECORD)
    journal.reopen()
    assert second.receive()["CSCD_EVENT"] == [b"item_failed"]
    second.socket.close()
    journal.close()


@pytest.mark.root
def test_the_real_journald_understands_every_field() -> None:
    """What it gives back is what was sent, also what went in a file; found by its fields."""
    with journald.running() as journal:
        journal.python(SPEAKER)
        journal.sync()
        listed = journal.run("journalctl", "-o", "json", "--all", "CSCD_USER=alice")
        records = [Record.from_journal(json.loads(line)) for line in listed.splitlines()]
        assert [record.event for record in records] == ["item_skipped", "item_failed"]
        assert [record.context for record in records] == [Context("alice", 1000, "5f0c12ab34cd")] * 2
        holders = records[0].fields["holders"]  # in whatever order: the journal keeps none
        assert sorted(holder["command"] for holder in holders) == ["ed", "vim"]
        assert records[0].fields["path"] == "/a\\nb"
        assert records[1].fields["path"] == "/big/" + "x" * 4000
        found = journal.run("journalctl", "-o", "json", "CSCD_EVENT=item_resolved", "CSCD_USER=bob")
        assert Record.from_journal(json.loads(found)).fields["seconds"] == 3.0


@pytest.mark.root
def test_the_catalogue_explains_an_event_to_the_reader() -> None:
    """`journalctl -x` has the meaning, the fields and what to do."""
    with journald.running() as journal:
        journal.python(SPEAKER)
        journal.sync()
        database = "/run/catalog"
        journal.run(
            "mkdir", "-p", database, "/run/root/usr/lib/systemd/catalog", "/run/root/var/lib/systemd/catalog"
        )
        journal.run("cp", CATALOG, "/run/root/usr/lib/systemd/catalog/")
        journal.run("journalctl", "--root=/run/root", "--update-catalog")
        journal.run("mount", "--bind", "/run/root/var/lib/systemd/catalog", "/var/lib/systemd/catalog")
        text = journal.run("journalctl", "-x", "--no-pager", "CSCD_EVENT=item_skipped")
        assert "Subject: Item skipped (alice)" in text
        assert "reason: open_elsewhere" in text
        assert f"What to do: {CATALOGUE['item_skipped'].kind.advice}" in text
