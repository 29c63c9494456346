"""How long to wait before a worker that failed is started again."""

from cscd.daemon.work.pauses import Pauses


def test_each_failure_makes_the_pause_longer_until_it_is_long_enough() -> None:
    """Twice as long, five minutes at most."""
    pauses = Pauses()
    waited = [pauses.fail() for _ in range(12)]
    assert waited[:4] == [1.0, 2.0, 4.0, 8.0]
    assert max(waited) == 300.0


def test_after_many_failures_nobody_tries_again() -> None:
    """Until the failures are forgotten."""
    pauses = Pauses()
    given_up = []
    for _ in range(10):
        pauses.fail()
        given_up.append(pauses.given_up)
    assert given_up == [False] * 9 + [True]
    pauses.forget()
    assert pauses.fail() == 1.0
    assert not pauses.given_up


def test_what_does_not_mend_itself_is_given_up_at_once() -> None:
    """Without a pause."""
    pauses = Pauses()
    pauses.give_up()
    assert pauses.given_up
    assert not pauses.pause
