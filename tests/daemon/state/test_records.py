"""Records: each is bounded where it is made."""

from dataclasses import replace

import pytest

from cscd.daemon.state.records import CacheRecord, DrillRecord, UserRecord
from tests.daemon.remembered import PASS


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: UserRecord(2**32, "x"),
        lambda: UserRecord(-1, "x"),
        lambda: UserRecord(1, "x" * 257),
        lambda: UserRecord(1, "x", None, {"reason": -1}),
        lambda: UserRecord(1, "x", None, {f"reason-{number}": 1 for number in range(65)}),
        lambda: replace(PASS, trigger="x" * 65),
        lambda: replace(PASS, ended=float("nan")),
        lambda: replace(PASS, seconds=-1.0),
        lambda: replace(PASS, converted=2**63),
        lambda: CacheRecord(policy="whatever"),  # type: ignore[arg-type] # as a damaged file may hold
        lambda: CacheRecord(recovery=("x",) * 1025),
        lambda: DrillRecord(-1.0, 1, 0),
        lambda: DrillRecord(1.0, 1, 2),
    ],
)
def test_a_record_is_bounded_where_it_is_made(wrong: object) -> None:
    """What a worker sends cannot fill the disk."""
    assert callable(wrong)
    with pytest.raises(ValueError, match="not"):
        wrong()
