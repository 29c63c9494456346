"""How soon passes that a worker asks for follow each other."""

import pytest

from cscd.daemon.work.pace import Pace


def test_the_first_ones_wait_for_nothing_and_the_rest_for_their_time() -> None:
    """Half a second each, in the long run."""
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(20):
        assert pace.wait() == 0
        pace.take()
    assert pace.wait() == pytest.approx(0.5)
    now = 0.5
    assert pace.wait() == 0
    pace.take()
    assert pace.wait() == pytest.approx(0.5)


def test_a_reserve_has_an_end_both_ways() -> None:
    """Nobody saves up for a storm, nor is ever in debt: other passes take from it, too."""
    now = 0.0
    pace = Pace(lambda: now)
    for _ in range(100):
        pace.take()
    assert pace.wait() == pytest.approx(0.5)
    now = 1e6
    for _ in range(20):
        assert pace.wait() == 0
        pace.take()
    assert pace.wait() == pytest.approx(0.5)
