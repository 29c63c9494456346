"""Repetitions are counted: so many lines at once, then one in each interval, and nothing is forgotten."""

from cscd.events.limit import MOST_EACH, MOST_KEYS, Counted, Key, Limiter, Limits

KEY = Key("alice", "item_skipped", "open_elsewhere")
OTHER = Key("bob", "item_skipped", "open_elsewhere")


class Clock:
    """A clock that only goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


def limiter(burst: int = 3, interval: float = 10.0) -> tuple[Limiter, Clock]:
    """Return a limiter and its clock."""
    clock = Clock()
    return Limiter(Limits(burst, interval), clock), clock


def test_the_first_events_are_admitted_then_they_are_counted() -> None:
    """And told once, with the time in which they came."""
    limits, clock = limiter()
    assert [limits.admit(KEY) for _ in range(5)] == [True, True, True, False, False]
    clock.now += 4
    assert list(limits.take_counts()) == [Counted(KEY, 2, 4.0)]
    assert list(limits.take_counts()) == []


def test_one_more_is_admitted_in_each_interval() -> None:
    """And no more than the burst after a long silence."""
    limits, clock = limiter()
    assert sum(limits.admit(KEY) for _ in range(10)) == 3
    clock.now += 10
    assert sum(limits.admit(KEY) for _ in range(10)) == 1
    clock.now += 1e6
    assert sum(limits.admit(KEY) for _ in range(10)) == 3


def test_users_events_and_reasons_do_not_share() -> None:
    """One user's flood hides nothing of another's."""
    limits, _ = limiter()
    for _ in range(100):
        limits.admit(KEY)
    assert limits.admit(OTHER)
    assert limits.admit(KEY._replace(reason="no_space"))
    assert limits.admit(KEY._replace(event="item_failed"))


def test_counts_can_be_taken_of_some() -> None:
    """Those of one user, when that user's pass ends."""
    limits, _ = limiter(burst=1)
    for key in (KEY, OTHER) * 3:
        limits.admit(key)
    assert [told.key for told in limits.take_counts(lambda key: key.user == "bob")] == [OTHER]
    assert [told.key for told in limits.take_counts()] == [KEY]


def test_no_limit_is_no_limit() -> None:
    """For who wants every line."""
    limits, _ = limiter(burst=0)
    assert all(limits.admit(KEY) for _ in range(1000))
    assert not limits.holding


def test_it_is_known_whether_there_is_something_to_tell() -> None:
    """So that nobody need wake up in vain."""
    limits, _ = limiter(burst=1)
    before = limits.holding
    limits.admit(KEY)
    limits.admit(KEY)
    assert (before, limits.holding) == (False, True)


def test_invented_reasons_do_not_take_memory_nor_lines() -> None:
    """Beyond a bound they are no longer told apart; later those who are quiet make room."""
    limits, clock = limiter(burst=2)
    users = 2 * MOST_KEYS // MOST_EACH
    for user in range(users):
        for reason in range(MOST_EACH):
            limits.admit(Key(str(user), "item_skipped", str(reason)))
    admitted = sum(limits.admit(KEY._replace(reason=str(number))) for number in range(20_000))
    assert admitted == 2
    clock.now += 1000
    assert list(limits.take_counts())
    assert limits.admit(KEY._replace(reason="late"))
    assert limits.admit(KEY._replace(reason="later"))


def test_one_user_has_a_bounded_number_of_reasons() -> None:
    """Who makes up more gets no more lines for it, and takes no bucket from others."""
    limits, _ = limiter(burst=2)
    admitted = sum(limits.admit(KEY._replace(reason=str(number))) for number in range(20_000))
    assert admitted == MOST_EACH + 2
    assert [limits.admit(OTHER) for _ in range(3)] == [True, True, False]
