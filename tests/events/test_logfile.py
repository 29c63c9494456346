"""A file of JSON lines: whole lines, also beside other writers, after a rotation and on a full disk."""

import os
import threading
from pathlib import Path

import pytest

from cscd.events.items import ItemFailed
from cscd.events.logfile import LogFile
from cscd.events.record import Context, Record
from tests.support.mounts import Mount


def record(path: str = "/a") -> Record:
    """Return a record that names a path."""
    return Record.of(ItemFailed(path=path, reason="io_error"), Context("alice", 1000), 1_000_000)


def paths(file: Path) -> list[str]:
    """Return the paths that the whole lines of a file name."""
    found = []
    for line in file.read_bytes().splitlines():
        try:
            found.append(Record.from_line(line).fields["path"])
        except ValueError:
            continue
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name the file."""
    return tmp_path / "cscd.jsonl"


def test_the_file_is_made_for_owner_and_group(file: Path) -> None:
    """Mode 0640, whatever the umask says."""
    before = os.umask(0o077)
    try:
        LogFile(str(file)).close()
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o7777 == 0o640


def test_a_file_that_is_there_is_continued(file: Path) -> None:
    """And keeps the mode that the administrator gave it."""
    for path in ("/one", "/two"):
        log = LogFile(str(file))
        log.write(record(path))
        log.close()
        file.chmod(0o600)
    assert paths(file) == ["/one", "/two"]
    assert file.stat().st_mode & 0o7777 == 0o600


def test_a_rotated_file_is_left_and_a_new_one_begun(file: Path) -> None:
    """With the next line, without a signal: renamed, or renamed and made anew, or deleted."""
    log = LogFile(str(file))
    log.write(record("/one"))
    older = file.rename(file.with_suffix(".1"))
    log.write(record("/two"))
    file.rename(file.with_suffix(".2"))
    file.write_bytes(b"")
    log.write(record("/three"))
    assert paths(file) == ["/three"]
    file.unlink()
    log.write(record("/four"))
    assert (paths(older), paths(file)) == (["/one"], ["/four"])
    log.close()


def test_an_emptied_file_is_continued_at_its_beginning(file: Path) -> None:
    """As logrotate's copytruncate leaves it."""
    log = LogFile(str(file))
    log.write(record("/one"))
    os.truncate(file, 0)
    log.write(record("/two"))
    assert file.read_bytes().startswith(b"{")
    assert paths(file) == ["/two"]
    log.close()


def test_several_writers_do_not_mix_their_lines(file: Path) -> None:
    """Each line is one write at the end."""

    def write(name: str) -> None:
        log = LogFile(str(file))
        for number in range(200):
            log.write(record(f"/{name}/{number}/" + "x" * 3000))
        log.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths(file)) == 800 == len(file.read_bytes().splitlines())


@pytest.mark.parametrize("kind", ["fifo", "link", "directory", "missing"])
def test_what_is_no_regular_file_is_refused(file: Path, kind: str) -> None:
    """At once: a pipe does not make us wait, a link does not lead us elsewhere."""
    if kind == "fifo":
        os.mkfifo(file)
    elif kind == "link":
        file.symlink_to(file.with_suffix(".elsewhere"))
    elif kind == "directory":
        file.mkdir()
    path = file / "below" if kind == "missing" else file
    with pytest.raises(OSError, match=r".") as failure:
        LogFile(str(path))
    assert failure.value.filename == str(path)
    assert not file.with_suffix(".elsewhere").exists()


def test_a_pipe_that_somebody_reads_is_refused_as_well(file: Path) -> None:
    """It is no file, though it could be written to."""
    os.mkfifo(file)
    reader = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(OSError, match="not a regular file"):
        LogFile(str(file))
    os.close(reader)


def _write_many(log: LogFile) -> None:
    for number in range(10_000):
        log.write(record(f"/full/{number}/" + "x" * 3000))


@pytest.mark.root
def test_a_full_disk_costs_lines_and_nothing_else(small: Mount) -> None:
    """The line that did not fit is an error for the guard; after it the lines are whole again."""
    file = small.point / "cscd.jsonl"
    log = LogFile(str(file))
    log.write(record("/before"))
    filler = small.point / "filler"
    with filler.open("wb", buffering=0) as full:
        try:
            while full.write(b"x" * 65536):
                pass
        except OSError:
            pass
    with pytest.raises(OSError, match="No space left"):
        _write_many(log)
    filler.unlink()
    log.write(record("/after"))
    log.close()
    assert paths(file)[0] == "/before"
    assert paths(file)[-1] == "/after"
