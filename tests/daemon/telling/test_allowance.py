"""How much anybody may ask."""

from cscd.daemon.telling.allowance import Allowance, Limits, Seat

LIMITS = Limits(connections=4, connections_each=2, burst=3, rate=2.0)


def admitted(allowance: Allowance, uid: int, now: float = 0.0) -> Seat:
    """A place, which must be granted."""
    seat = allowance.admit(uid, now)
    assert isinstance(seat, Seat)
    return seat


def test_a_user_has_so_many_places() -> None:
    """And gets one again for each that is given back, once."""
    allowance = Allowance(LIMITS)
    first = admitted(allowance, 1000)
    admitted(allowance, 1000)
    assert allowance.admit(1000, 0.0) == "calls_at_once"
    assert isinstance(allowance.admit(1001, 0.0), Seat)
    allowance.release(first)
    allowance.release(first)
    admitted(allowance, 1000)
    assert allowance.admit(1000, 0.0) == "calls_at_once"


def test_all_users_together_have_so_many_places() -> None:
    """But root has its own, which take nobody else's."""
    allowance = Allowance(LIMITS)
    admitted(allowance, 0)
    for uid in range(1000, 1004):
        admitted(allowance, uid)
    assert allowance.admit(1004, 0.0) == "calls_at_once"
    admitted(allowance, 0)


def test_the_longest_idle_one_makes_room() -> None:
    """Not one who is being answered, and not root."""
    allowance = Allowance(LIMITS)
    admitted(allowance, 0)
    seats = [admitted(allowance, uid) for uid in range(1000, 1003)]
    assert allowance.crowded(2000) is None
    seats.append(admitted(allowance, 1003))
    seats[0].idle = False
    assert allowance.crowded(2000) is seats[1]
    assert allowance.crowded(0) is None
    for seat in seats:
        seat.idle = False
    assert allowance.crowded(2000) is None


def test_questions_have_a_rate() -> None:
    """After a burst so many a second; a pause fills the reserve again, and no more than that."""
    allowance = Allowance(LIMITS)

    def asked(now: float) -> bool:
        seat = allowance.admit(1000, now)
        if isinstance(seat, Seat):
            allowance.release(seat)
            return True
        assert seat == "rate"
        return False

    assert [asked(0.0) for _ in range(4)] == [True, True, True, False]
    assert [asked(0.5), asked(0.5)] == [True, False]
    assert [asked(100.0) for _ in range(4)] == [True, True, True, False]


def test_what_is_remembered_is_bounded() -> None:
    """However many uids ask; who asks all the time is not forgotten for that."""
    allowance = Allowance(Limits(connections=10, burst=2, rate=0.001))
    for uid in range(1000, 6000):
        seat = allowance.admit(uid, 0.0)
        assert isinstance(seat, Seat)
        allowance.release(seat)
        again = allowance.admit(7, 0.0)
        if isinstance(again, Seat):
            allowance.release(again)
            assert uid < 1002
    assert len(allowance._reserves) <= 1024  # noqa: SLF001 - there is no other way to see it
