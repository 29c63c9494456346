"""The include and exclude patterns."""

import pytest

from cscd.worker.passes.selection import Selection


@pytest.mark.parametrize(
    "pattern, path, matches",
    [
        ("*.txt", "a.txt", True),
        ("*.txt", "deep/down/a.txt", True),
        ("*.txt", "a.txt~", False),
        ("?", "a", True),
        ("?", "ab", False),
        ("[ab]*", "beta", True),
        ("[!ab]*", "beta", False),
        ("[!ab]*", "gamma", True),
        ("[]]", "]", True),
        ("a/*.txt", "a/b.txt", True),
        ("a/*.txt", "a/b/c.txt", False),
        ("a/**/*.txt", "a/b/c.txt", True),
        ("a/**/*.txt", "a/c.txt", True),
        ("/a.txt", "a.txt", True),
        ("/a.txt", "b/a.txt", False),
        ("**/cache", "x/y/cache", True),
        ("**", "anything/at all", True),
        (".*", ".hidden", True),
        ("two\nlines", "two\nlines", True),
        ("*lines", "two\nlines", True),
        ("a.txt", "aXtxt", False),
        ("\\d", "\\d", True),
        ("[", "[", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    """Each pattern takes the paths that its documentation says."""
    directory, _, name = path.rpartition("/")
    assert Selection(include=[pattern]).takes(directory, name) is matches
    assert Selection(exclude=[pattern]).takes(directory, name) is not matches


def test_without_patterns_everything_is_an_item() -> None:
    """Then nobody needs to ask."""
    assert Selection().everything
    assert Selection(spared=[1]).everything
    assert Selection().takes("", "name")
    assert not Selection(exclude=["x"]).everything


def test_exclude_beats_include() -> None:
    """A file that both match is not an item."""
    selection = Selection(include=["*.txt", "*.md"], exclude=["secret*"])
    assert selection.takes("d", "a.md")
    assert not selection.takes("d", "secret.txt")
    assert not selection.takes("d", "a.png")


def test_excluded_directories_are_not_entered() -> None:
    """An exclude pattern keeps out of a directory; an include pattern does not."""
    selection = Selection(include=["*.txt"], exclude=[".git", "build/**"])
    assert not selection.enters("any", ".git")
    assert not selection.enters("build", "x")
    assert selection.enters("any", "directory")


@pytest.mark.parametrize("pattern", ["[z-a]", "[!z-a]"])
def test_what_is_not_a_pattern_is_named(pattern: str) -> None:
    """A pattern that can mean nothing is an error with the pattern in it."""
    with pytest.raises(ValueError, match="is not a pattern") as caught:
        Selection(exclude=["*.txt", pattern])
    assert repr(pattern) in str(caught.value)
