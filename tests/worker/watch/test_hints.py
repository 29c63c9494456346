"""What is to be told of one root: everything, and never much."""

import pytest

from cscd.worker.watch.hints import MOST_FILES, MOST_SUBTREES, Hints, common
from cscd.worker.watch.noticed import Closed, Degraded, Files, RootGone, Subtree, Watching


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
    """A file that is written ten times between two tellings is one hint."""
    hints = Hints(3)
    for name in ("b", "a", "b"):
        hints.file(("d", name))
    assert hints.take() == [Files(3, (("d", "b"), ("d", "a")))]


def test_too_many_files_become_their_directory() -> None:
    """Nothing is dropped: the directory that holds them all is told in their place."""
    hints = Hints(0)
    for number in range(MOST_FILES + 1):
        hints.file((f"a/{number % 7}", f"{number}"))
    hints.file(("a/3", "late"))
    hints.file(("b", "elsewhere"))
    assert hints.take() == [Subtree(0, "a"), Files(0, (("b", "elsewhere"),))]


def test_too_many_directories_become_one() -> None:
    """The deepest that holds them all."""
    hints = Hints(0)
    for number in range(MOST_SUBTREES + 1):
        hints.subtree(f"a/{number}")
    assert hints.take() == [Subtree(0, "a")]


def test_a_directory_covers_what_is_below_it() -> None:
    """Files and directories in it are not told besides, whichever came first."""
    hints = Hints(0)
    hints.file(("a/b", "before"))
    hints.subtree("a")
    hints.file(("a", "after"))
    hints.subtree("a/c")
    hints.file(("ab", "other"))
    assert hints.take() == [Subtree(0, "a"), Files(0, (("ab", "other"),))]


def test_all_kinds_are_told_and_then_nothing() -> None:
    """How far the root is watched comes first: what follows counts from there."""
    hints = Hints(0)
    hints.file(("d", "f"))
    hints.closed(("d", "c"))
    hints.subtree("s")
    hints.standing(Watching(0, 2))
    assert hints.take() == [
        Watching(0, 2),
        Subtree(0, "s"),
        Closed(0, (("d", "c"),)),
        Files(0, (("d", "f"),)),
    ]
    assert not hints
    assert hints.take() == []


def test_the_standing_is_told_when_it_changes() -> None:
    """The same twice is once, and of many changes the last of each kind, in their order."""
    hints = Hints(0)
    for _ in range(3):
        hints.standing(Degraded(0, "limit", 5))
    assert hints.take() == [Degraded(0, "limit", 5)]
    for number in range(5):
        hints.standing(Degraded(0, "overflow", 0))
        hints.standing(Watching(0, number))
    assert hints.take() == [Degraded(0, "overflow", 0), Watching(0, 4)]
    assert not hints.gone
    hints.standing(RootGone(0))
    assert hints.gone
