"""Whose turn it is."""

from cscd.daemon.work.turns import Turn, Turns


def asked(turns: Turns, count: int) -> tuple[list[Turn], list[int]]:
    """Ask so many times; the list says whose turn has come, in that order."""
    come: list[int] = []
    return [turns.ask(lambda number=number: come.append(number)) for number in range(count)], come  # type: ignore[misc] # mypy infers no type for the default


def test_as_many_as_allowed_begin_at_once_and_the_rest_wait() -> None:
    """The others are counted as waiting."""
    turns = Turns(2)
    _, come = asked(turns, 5)
    assert come == [0, 1]
    assert (turns.running, turns.waiting) == (2, 3)


def test_the_rest_follow_in_the_order_in_which_they_asked() -> None:
    """Whoever gives a turn back, the one who has waited longest comes next."""
    turns = Turns(2)
    places, come = asked(turns, 4)
    places[1].give_back()
    places[0].give_back()
    assert come == [0, 1, 2, 3]


def test_a_place_that_is_given_back_while_it_waits_is_skipped() -> None:
    """Nobody is called for it."""
    turns = Turns(1)
    places, come = asked(turns, 3)
    places[1].give_back()
    places[0].give_back()
    assert come == [0, 2]
    assert not places[1].granted


def test_more_may_run_at_once_from_one_moment_to_the_next() -> None:
    """A reload may raise the number, and those who wait begin; lowering it stops nobody."""
    turns = Turns(1)
    _, come = asked(turns, 3)
    turns.change(3)
    assert come == [0, 1, 2]
    turns.change(1)
    assert turns.running == 3


def test_a_turn_that_is_given_back_twice_costs_nobody_else_theirs() -> None:
    """It counts once."""
    turns = Turns(1)
    places, come = asked(turns, 2)
    places[0].give_back()
    places[0].give_back()
    assert come == [0, 1]
    assert turns.running == 1
