"""Paths with places for the user, and users who would rather have another path."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cscd.config.template import Template, expand
from cscd.errors import AccountError


@pytest.mark.parametrize(
    "template, path",
    [
        ("{home}/.cache/cscd", "/home/alice/.cache/cscd"),
        ("/srv/{user}/{uid}", "/srv/alice/1000"),
        ("/srv/{user}-{uid}/x/", "/srv/alice-1000/x"),
        ("/srv{home}", "/srv/home/alice"),
        ("{home}", "/home/alice"),
        ("/srv/./cache//x", "/srv/cache/x"),
    ],
)
def test_a_template_becomes_the_path_of_a_user(template: str, path: str) -> None:
    """In its shortest spelling."""
    assert Template().read(template) == template
    assert expand(template, user="alice", uid=1000, home="/home/alice/") == path


@pytest.mark.parametrize(
    "template, why",
    [
        (None, "^$"),
        (5, "needs quotes"),
        ({"home": None}, "begins with a brace needs quotes"),
        ("", "begins neither"),
        ("cache", "begins neither"),
        ("{user}/cache", "begins neither"),
        ("~/cache", "begins neither"),
        ("/srv/../etc", "goes up"),
        ("{home}/..", "goes up"),
        ("/", "whole filesystem"),
        ("/./", "whole filesystem"),
        ("{hom}/x", r"\{hom\} at character 1"),
        ("/x/{}", r"\{\} at character 4"),
        ("/x/{user", r"\{ at character 4"),
        ("/x/user}", r"\} at character 8"),
        ("/{{user}}", r"\{ at character 2"),
        ("/{user!r}", r"\{user!r\} at character 2"),
        ("/a\0b", r"U\+0000 at character 3"),
        ("/a\nb", r"U\+000A at character 3"),
    ],
)
def test_another_template_is_refused(template: object, why: str) -> None:
    """With the place in it where that can be told."""
    with pytest.raises(ValueError, match=why):
        Template().read(template)


@pytest.mark.parametrize(
    "user, uid, home",
    [
        ("", 1, "/home/a"),
        (".", 1, "/home/a"),
        ("..", 1, "/home/a"),
        ("a/b", 1, "/home/a"),
        ("../root", 1, "/home/a"),
        ("a\0", 1, "/home/a"),
        ("a", -1, "/home/a"),
        ("a", 0xFFFF_FFFF, "/home/a"),
        ("a", 1, ""),
        ("a", 1, "home/a"),
        ("a", 1, "/home/../root"),
        ("a", 1, "/home/a\0"),
    ],
)
def test_a_hostile_account_has_no_cache(user: str, uid: int, home: str) -> None:
    """What the user database says is not believed."""
    with pytest.raises(AccountError):
        expand("{home}/{user}", user=user, uid=uid, home=home)


def test_no_cache_is_the_root_of_the_filesystem() -> None:
    """As the home directories of some system accounts are."""
    with pytest.raises(AccountError, match="no place"):
        expand("{home}", user="daemon", uid=1, home="/")


def test_what_stands_in_a_value_is_not_expanded_again() -> None:
    """A user may be called {uid}."""
    assert expand("/srv/{user}", user="{uid}", uid=7, home="/") == "/srv/{uid}"


@given(st.text(), st.integers(), st.text() | st.text().map("/".__add__))
def test_a_path_stays_where_the_template_says(user: str, uid: int, home: str) -> None:
    """Whatever the user database says: below /srv, one directory for the name, and nothing upwards."""
    try:
        path = expand("/srv/{user}/{uid}", user=user, uid=uid, home=home)
    except AccountError:
        return
    assert path.split("/") == ["", "srv", user, str(uid)]


@given(st.text(st.sampled_from("{}/.~ ab\nuserhomid")).map("{home}".__add__) | st.text())
def test_what_the_schema_and_the_template_take_is_safe_to_expand(template: str) -> None:
    """A template that was taken makes an absolute path without .. of every ordinary account."""
    try:
        Template().read(template)
    except ValueError:
        return
    parts = expand(template, user="alice", uid=1000, home="/home/alice").split("/")
    assert parts[0] == ""
    assert not {"", ".", ".."} & set(parts[1:])
