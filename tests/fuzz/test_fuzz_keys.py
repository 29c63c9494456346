"""The target of keys runs with every test run, on what Hypothesis makes up and on mutated keys."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cscd.age.hybrid import HybridIdentity
from cscd.age.keys import parse_identities, parse_recipients
from tests.fuzz import keys_target

SEEDS = list(keys_target.seeds())
PREFIXES = [b"age1", b"age1pq1", b"AGE-SECRET-KEY-1", b"AGE-SECRET-KEY-PQ-1", b"# ", b"\n"]


def test_seeds_are_keys() -> None:
    """What the fuzzer starts from gets through the parsers, so that it finds what lies behind them."""
    assert [len(parse_identities(seed)) for seed in SEEDS[::2]] == [1, 1]
    assert [len(parse_recipients(seed)) for seed in SEEDS[1::2]] == [1, 1]
    for seed in SEEDS:
        keys_target.check(seed)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PREFIXES) | st.binary(max_size=100), max_size=8))
def test_any_bytes(pieces: list[bytes]) -> None:
    """Arbitrary bytes, and pieces of keys in any order, never break the parsers."""
    keys_target.check(b"".join(pieces))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 1999), st.binary(max_size=3)), max_size=3))
def test_mutated_keys(seed: bytes, changes: list[tuple[int, bytes]]) -> None:
    """Keys with bytes replaced, inserted and removed never break the parsers."""
    for at, piece in changes:
        seed = seed[:at] + piece + seed[at + len(piece) // 2 + 1 :]
    keys_target.check(seed)


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_any_seed_is_a_key(seed: bytes, file_key: bytes) -> None:
    """Every seed makes a pair whose halves fit, written and read again."""
    identity = HybridIdentity(seed)
    (read,) = parse_identities(identity.encode().encode())
    (recipient,) = parse_recipients(str(read.recipient).encode())
    assert identity.unwrap([recipient.wrap(file_key)]) == file_key
