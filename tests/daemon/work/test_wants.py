"""What a user's items need next."""

from cscd.daemon.work.turns import Turns
from cscd.daemon.work.wants import Wants
from cscd.worker.messages import Scope, WantPass


def found(items: int = 1, size: int = 0, scope: Scope = "found") -> WantPass:
    """What a worker says when it has found something."""
    return WantPass(trigger="new_items", scope=scope, items=items, bytes=size)


def nobody() -> None:
    """Nobody is woken."""


def test_nothing_is_wanted_at_first() -> None:
    """There is no pass to start, and no turn is asked for."""
    turns = Turns(1)
    assert Wants(turns).choose(None, nobody) is None
    assert (turns.running, turns.waiting) == (0, 0)


def test_a_pass_over_everything_begins_when_its_turn_has_come() -> None:
    """It waits behind another user's, and is woken."""
    turns = Turns(1)
    other = turns.ask(nobody)
    wants, woken = Wants(turns), []
    wants.want("logon")
    assert wants.choose(None, lambda: woken.append(1)) is None
    assert wants.waiting
    other.give_back()
    assert woken
    assert wants.choose(None, nobody) == ("all", "logon")


def test_the_first_reason_for_it_is_the_one_that_is_told() -> None:
    """Ten logons at once are one pass."""
    wants = Wants(Turns(1))
    for trigger in ("logon", "reload", "interval"):
        wants.want(trigger)
    assert wants.choose(None, nobody) == ("all", "logon")
    wants.started("all")
    wants.give_back()
    assert wants.choose(None, nobody) is None


def test_a_new_item_does_not_wait_for_the_turn_of_a_pass_over_everything() -> None:
    """It may begin while as many passes as allowed are under way."""
    turns = Turns(1)
    turns.ask(nobody)
    wants = Wants(turns)
    wants.want("logon")
    assert wants.choose(found(), nobody) == ("found", "new_items")
    wants.started("found")
    assert wants.everything == "logon"


def test_a_great_many_new_items_wait_for_their_turn() -> None:
    """So do a few very large ones."""
    turns = Turns(1)
    other = turns.ask(nobody)
    for large in (found(items=100_000), found(size=1 << 40)):
        wants = Wants(turns)
        assert wants.choose(large, nobody) is None
        assert wants.waiting
        wants.forget()
    other.give_back()
    assert Wants(turns).choose(found(items=100_000), nobody) == ("found", "new_items")


def test_a_worker_can_ask_for_everything() -> None:
    """As after a watch that overflowed; it is a want like any other."""
    wants = Wants(Turns(1))
    assert wants.choose(found(scope="all"), nobody) == ("all", "new_items")


def test_who_is_forgotten_keeps_nobody_waiting() -> None:
    """The place in the order goes with the wants."""
    turns = Turns(1)
    wants, other = Wants(turns), Wants(turns)
    wants.want("logon")
    other.want("logon")
    assert wants.choose(None, nobody) == ("all", "logon")
    assert other.choose(None, nobody) is None
    wants.forget()
    assert other.choose(None, nobody) == ("all", "logon")
