"""Standard output never makes us wait, and a line that got stuck is finished before the next."""

import os
import select
from collections.abc import Iterator

import pytest

from cscd.events.items import ItemFailed
from cscd.events.record import Context, Record
from cscd.events.stream import Stream


def record(path: str) -> Record:
    """Return a record that names a path."""
    return Record.of(ItemFailed(path=path, reason="io_error"), Context(), 1_000_000)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Give both ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def drained(end: int) -> bytes:
    """Read what is in a pipe now."""
    data = b""
    while select.select([end], [], [], 0)[0] and (piece := os.read(end, 1 << 20)):
        data += piece
    return data


def test_records_are_lines(pipe: tuple[int, int]) -> None:
    """Whatever makes lines of them."""
    reader, writer = pipe
    Stream(writer, "stdout", lambda found: f"{found.fields['path']}\n").write(record("/a"))
    assert drained(reader) == b"/a\n"


def test_a_reader_that_does_not_read_costs_lines_only(pipe: tuple[int, int]) -> None:
    """The pipe fills, further records are lost at once; when it is read, no line is torn."""
    reader, writer = pipe
    stream = Stream(writer, "stdout", Record.line)
    lost = 0
    for number in range(100):
        try:
            stream.write(record(f"/{number}/" + "x" * 4000))
        except BlockingIOError:
            lost += 1
    assert 0 < lost < 100
    data = drained(reader)
    stream.write(record("/last"))
    data += drained(reader)
    found = [Record.from_line(line).fields["path"] for line in data.splitlines()]
    assert found[-1] == "/last"
    assert len(found) == 100 - lost + 1


def test_a_reader_that_is_gone_is_an_error_and_no_signal(pipe: tuple[int, int]) -> None:
    """The interpreter ignores SIGPIPE."""
    reader, writer = pipe
    os.close(reader)
    with pytest.raises(BrokenPipeError):
        Stream(writer, "stdout", Record.line).write(record("/a"))


def test_the_descriptor_is_not_ours_to_close(pipe: tuple[int, int]) -> None:
    """Nor to open anew, nor to make non-blocking for those who share it."""
    _, writer = pipe
    stream = Stream(writer, "stdout", Record.line)
    stream.reopen()
    stream.close()
    assert os.get_blocking(writer)
