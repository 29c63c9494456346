"""Which items of a directory are known to be right."""

from hypothesis import given
from hypothesis import strategies as st

from cscd.files.outcome import Seen
from cscd.worker.passes.record import Record

NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
CTIMES = st.integers(min_value=-(2**62), max_value=2**62)
SEEN = st.builds(Seen, NUMBERS, CTIMES, NUMBERS)
VERSIONS = st.lists(SEEN, unique_by=lambda seen: seen.inode, max_size=30)


@given(versions=VERSIONS)
def test_what_was_seen_is_known(versions: list[Seen]) -> None:
    """In whatever order they were seen, exactly these versions are known, also after packing."""
    record = Record.of(versions)
    assert len(record) == len(versions)
    unpacked = Record.unpack(record.pack())
    assert unpacked == record
    for seen in versions:
        assert unpacked.knows(seen.inode, seen.ctime_ns, seen.size)
        assert not unpacked.knows(seen.inode, seen.ctime_ns + 1, seen.size)
        assert not unpacked.knows(seen.inode, seen.ctime_ns, seen.size ^ 1)
        assert not unpacked.knows(seen.inode ^ 1, seen.ctime_ns, seen.size) or seen.inode ^ 1 in {
            other.inode for other in versions
        }


@given(one=VERSIONS, other=VERSIONS)
def test_records_merge(one: list[Seen], other: list[Seen]) -> None:
    """A merged record knows what each of them knew, and stays in order."""
    taken = {seen.inode for seen in one}
    other = [seen for seen in other if seen.inode not in taken]
    assert Record.merged([Record.of(one), Record.of(other)]) == Record.of(one + other)


@given(packed=st.binary(max_size=200))
def test_anything_unpacks(packed: bytes) -> None:
    """Bytes that `pack` did not write give a record that may be wrong, and never an error."""
    Record.unpack(packed).knows(1, 2, 3)
