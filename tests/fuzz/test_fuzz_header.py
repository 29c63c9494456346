"""The fuzz target runs with every test run, on what Hypothesis makes up and on mutated test vectors."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests import vectors
from tests.fuzz import header_target

SEEDS = [vector.file[:2048] for vector in vectors.read_all()]

LINES = st.sampled_from(
    [
        b"age-encryption.org/v1",
        b"-> X25519 " + b"A" * 43,
        b"-> mlkem768x25519 " + b"A" * 1494,
        b"-> scrypt AAAAAAAAAAAAAAAAAAAAAA 2",
        b"-> cscd 0123456789abcdef",
        b"A" * 64,
        b"A" * 43,
        b"",
        b"--- " + b"A" * 43,
    ],
)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Arbitrary bytes, after a version line too, never break the parser."""
    header_target.check(data)
    header_target.check(b"age-encryption.org/v1\n" + data)


@settings(max_examples=500, deadline=None)
@given(st.lists(LINES | st.binary(max_size=5), max_size=8))
def test_shuffled_lines(lines: list[bytes]) -> None:
    """Lines of a header in any order never break the parser."""
    header_target.check(b"age-encryption.org/v1\n" + b"\n".join(lines) + b"\n")


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 2047), st.binary(max_size=3)), max_size=4))
def test_mutated_vectors(seed: bytes, changes: list[tuple[int, bytes]]) -> None:
    """Test vectors with bytes replaced, inserted and removed never break the parser."""
    for at, piece in changes:
        seed = seed[:at] + piece + seed[at + len(piece) // 2 + 1 :]
    header_target.check(seed)
