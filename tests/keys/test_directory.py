"""The state directory: where it is, and that it is the user's alone."""

import os
import stat
from pathlib import Path

import pytest

from cscd.errors import KeyFileError
from cscd.keys import StateDirectory
from cscd.keys.directory import default_path
from tests.support.users import User, call_as


def test_it_is_where_the_specification_says() -> None:
    """XDG_STATE_HOME decides; a relative one is ignored; then comes the home directory."""
    assert default_path({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == "/s/cscd"
    assert default_path({"XDG_STATE_HOME": "s", "HOME": "/h"}) == "/h/.local/state/cscd"
    assert default_path({"XDG_STATE_HOME": "", "HOME": "/h"}) == "/h/.local/state/cscd"


def test_the_home_directory_is_looked_up_where_the_environment_has_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A user of the system has one; a user without is told what to set."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_path({}).endswith("/.local/state/cscd")
    monkeypatch.setattr(os, "geteuid", lambda: 60_809)
    with pytest.raises(KeyFileError, match="XDG_STATE_HOME"):
        default_path({})


def test_it_is_made_for_the_user_alone(tmp_path: Path) -> None:
    """Those above it that are missing are made alike, whatever the umask allows."""
    path = tmp_path / "a" / "b" / "cscd"
    before = os.umask(0)
    try:
        StateDirectory.make(str(path)).close()
    finally:
        os.umask(before)
    for each in (path, path.parent, path.parent.parent):
        assert stat.S_IMODE(each.stat().st_mode) == 0o700


def test_it_is_opened_where_it_is_already(tmp_path: Path) -> None:
    """Making it twice is no error."""
    path = str(tmp_path / "cscd")
    first, second = StateDirectory.make(path), StateDirectory.make(path)
    assert first.inode == second.inode
    first.close()
    second.close()


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o770])
def test_one_that_others_can_look_into_is_refused(tmp_path: Path, mode: int) -> None:
    """The refusal says what to do."""
    tmp_path.chmod(mode)
    with pytest.raises(KeyFileError, match=f"chmod 700 {tmp_path}"):
        StateDirectory.make(str(tmp_path))


def test_a_link_is_refused(tmp_path: Path) -> None:
    """Whoever could place one could choose the identity."""
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "cscd").symlink_to("real")
    with pytest.raises(KeyFileError, match="symbolic link"):
        StateDirectory.make(str(tmp_path / "cscd"))


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    """It is named, with the reason."""
    (tmp_path / "cscd").touch()
    with pytest.raises(KeyFileError, match="cscd cannot be used: Not a directory"):
        StateDirectory.make(str(tmp_path / "cscd"))


def test_one_that_cannot_be_made_is_an_error_with_advice(tmp_path: Path) -> None:
    """A file in the way of its parent is such a case."""
    (tmp_path / "state").touch()
    with pytest.raises(KeyFileError, match="XDG_STATE_HOME"):
        StateDirectory.make(str(tmp_path / "state" / "cscd"))


@pytest.mark.root
def test_one_of_somebody_else_is_refused(common_path: Path, alice: User) -> None:
    """Also by root, who could use it: sudo that keeps HOME must not leave root's files in a user's home."""
    theirs = common_path / "cscd"
    theirs.mkdir(0o700)
    os.chown(theirs, alice.uid, alice.gid)
    with pytest.raises(KeyFileError, match="belongs to another user"):
        StateDirectory.make(str(theirs))
    with pytest.raises(KeyFileError, match="belongs to another user"):
        StateDirectory.make(str(theirs / "state" / "cscd"))
    assert not list(theirs.iterdir())


@pytest.mark.root
def test_a_directory_of_roots_may_hold_it(common_path: Path, alice: User) -> None:
    """Where the administrator lets users make theirs, as in /tmp."""
    common_path.chmod(0o1777)
    call_as(alice, lambda: StateDirectory.make(str(common_path / "alice")).close())
    assert (common_path / "alice").stat().st_uid == alice.uid


def test_it_knows_whether_a_pass_was_done(tmp_path: Path) -> None:
    """By the index that one leaves."""
    directory = StateDirectory.make(str(tmp_path / "cscd"))
    assert not directory.knows_trees()
    (tmp_path / "cscd" / "index-1-2.db").touch()
    assert directory.knows_trees()
    directory.close()
