"""Exact reads from a source that hands out what it likes."""

from hypothesis import given
from hypothesis import strategies as st

from cscd.age.intake import Intake


class Source:
    """Hands out pieces of given sizes, or less if less is asked for, and counts what was asked of it."""

    def __init__(self, content: bytes, pieces: list[int]) -> None:
        self.content, self.pieces, self.at = content, pieces, 0

    def read(self, size: int, /) -> bytes | None:
        """Hand out the next piece."""
        most = self.pieces.pop() if self.pieces else size
        piece = self.content[self.at : self.at + min(size, most)]
        self.at += len(piece)
        return piece


@given(
    st.binary(max_size=100),
    st.lists(st.integers(1, 10), max_size=30),
    st.lists(st.tuples(st.booleans(), st.integers(0, 40)), max_size=10),
)
def test_like_a_file(content: bytes, pieces: list[int], steps: list[tuple[bool, int]]) -> None:
    """Peeking and taking see the content in order, complete, and read no further than asked."""
    source = Source(content, pieces)
    intake = Intake(source)
    at = furthest = 0
    for take, size in steps:
        furthest = max(furthest, at + size)
        assert (intake.take if take else intake.peek)(size) == content[at : at + size]
        at += min(size, len(content) - at) if take else 0
    assert source.at <= furthest


def test_pread() -> None:
    """The beginning can be read at any offset as long as nothing was taken."""
    intake = Intake(Source(b"0123456789", []))
    assert intake.pread(3, 4) == b"456"
    assert intake.pread(4, 0) == b"0123"
    assert intake.pread(4, 8) == b"89"
    assert intake.take(99) == b"0123456789"


def test_source_without_data() -> None:
    """A source that says None, as a non-blocking one does, counts as ended."""

    class Empty:
        def read(self, _size: int, /) -> bytes | None:
            return None

    assert Intake(Empty()).take(5) == b""
