"""What is to be told of one root: everything, and never much."""

import pickle

import pytest

from cscd.worker.watch.hints import MOST_FILES, MOST_SUBTREES, Hints, common
from cscd.worker.watch.lookout import LONGEST
from cscd.worker.watch.noticed import Closed, Degraded, Files, Noticed, RootGone, Subtree, Watching


def everything(hints: Hints) -> list[Noticed]:
    """Take all that is to be told."""
    taken = []
    while hints:
        taken.append(hints.take())
    return taken


@pytest.mark.parametrize(
    "directories, expected",
    [
        (["a/b/c"], "a/b/c"),
        (["a/b/c", "a/b/d"], "a/b"),
        (["a/b", "a/bc"], "a"),
        (["a/b", "a"], "a"),
        (["a", "b"], ""),
        (["a", ""], ""),
        ([""], ""),
    ],
)
def test_the_common_directory_is_the_deepest(directories: list[str], expected: str) -> None:
    """It is at or above all of them, by whole names."""
    assert common(directories) == expected


def test_files_are_told_once_and_in_order() -> None:
    """A file that is written ten times between two messages is one hint."""
    hints = Hints(3)
    for name in ("b", "a", "b"):
        hints.file(("d", name))
    assert everything(hints) == [Files(3, (("d", "b"), ("d", "a")))]


def test_too_many_files_become_their_directory() -> None:
    """Nothing is dropped: the directory that holds them all is told in their place."""
    hints = Hints(0)
    for number in range(MOST_FILES + 1):
        hints.file((f"a/{number % 7}", f"{number}"))
    hints.file(("a/3", "late"))
    hints.file(("b", "elsewhere"))
    assert everything(hints) == [Subtree(0, "a"), Files(0, (("b", "elsewhere"),))]


def test_too_many_directories_become_one() -> None:
    """The deepest that holds them all."""
    hints = Hints(0)
    for number in range(MOST_SUBTREES + 1):
        hints.subtree(f"a/{number}")
    assert everything(hints) == [Subtree(0, "a")]


def test_a_directory_covers_what_is_below_it() -> None:
    """Files and directories in it are not told besides, whichever came first."""
    hints = Hints(0)
    hints.file(("a/b", "before"))
    hints.subtree("a")
    hints.file(("a", "after"))
    hints.subtree("a/c")
    hints.file(("ab", "other"))
    assert everything(hints) == [Subtree(0, "a"), Files(0, (("ab", "other"),))]


def test_a_message_fits_into_a_datagram() -> None:
    """However long the names are, and however badly encoded."""
    hints = Hints(0)
    for number in range(MOST_FILES):
        hints.file(("\udcff" * 200, f"{number:\udcff>255}"))
    messages = everything(hints)
    assert sum(len(each.places) for each in messages if isinstance(each, Files)) == MOST_FILES
    assert max(len(pickle.dumps(each)) for each in messages) < LONGEST


def test_what_could_not_be_sent_is_kept() -> None:
    """All kinds, and they come out again as they were."""
    hints = Hints(0)
    hints.standing(Watching(0, 2))
    hints.subtree("s")
    hints.closed(("d", "c"))
    hints.file(("d", "f"))
    for _ in range(2):
        taken = everything(hints)
        assert taken == [
            Watching(0, 2),
            Subtree(0, "s"),
            Closed(0, (("d", "c"),)),
            Files(0, (("d", "f"),)),
        ]
        for noticed in reversed(taken):
            hints.put_back(noticed)


def test_the_standing_is_told_when_it_changes() -> None:
    """The same twice is once, and of many changes the last of each kind, in their order."""
    hints = Hints(0)
    for _ in range(3):
        hints.standing(Degraded(0, "limit", 5))
    assert everything(hints) == [Degraded(0, "limit", 5)]
    for number in range(5):
        hints.standing(Degraded(0, "overflow", 0))
        hints.standing(Watching(0, number))
    assert everything(hints) == [Degraded(0, "overflow", 0), Watching(0, 4)]
    assert not hints.gone
    hints.standing(RootGone(0))
    assert hints.gone
