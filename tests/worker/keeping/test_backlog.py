"""What is to be looked at in one root."""

from cscd.worker.keeping.backlog import MOST_ITEMS, MOST_SUBTREES, Backlog
from cscd.worker.passes.places import WHOLE, Places


def test_everything_noted_comes_out_once() -> None:
    """Each item and directory, however often it was noted."""
    backlog = Backlog()
    for _ in range(2):
        backlog.add(Places((("", "one"), ("below", "two")), ("new",)))
    assert len(backlog) == 3
    assert backlog.take() == Places((("", "one"), ("below", "two")), ("new",))
    assert len(backlog) == 0
    assert not backlog.take()


def test_many_items_become_their_directories() -> None:
    """A pass over a directory finds them all, and opens only what it does not know."""
    backlog = Backlog.of(Places(tuple(("below", str(number)) for number in range(MOST_ITEMS + 1))))
    assert backlog.take() == Places(subtrees=("below",))


def test_many_directories_become_the_whole_root() -> None:
    """And nothing that is noted then adds to it."""
    backlog = Backlog.of(Places(subtrees=tuple(map(str, range(MOST_SUBTREES + 1)))))
    backlog.add(Places((("", "item"),), ("directory",)))
    assert len(backlog) == 1
    assert backlog.take() == WHOLE


def test_items_of_the_root_itself_become_the_whole_root() -> None:
    """Their directory is the root."""
    backlog = Backlog.of(Places(tuple(("", str(number)) for number in range(MOST_ITEMS + 1))))
    assert backlog.take() == WHOLE


def test_some_can_be_taken_and_the_rest_stays() -> None:
    """As much as fits into a message, one entry at least."""
    backlog = Backlog.of(Places((("", "x" * 100), ("", "y" * 100)), ("z" * 100,)))
    assert backlog.take_some(1).items == (("", "x" * 100),)
    assert backlog.take_some(1000) == Places((("", "y" * 100),), ("z" * 100,))
    assert len(backlog) == 0
