"""Where the service has its files, and what of it is a user's own."""

import os
from pathlib import Path

import pytest

from cscd.daemon.logon.account import Account
from cscd.daemon.work import places
from cscd.worker import kernel
from tests.support import forks
from tests.support.users import User


def account(user: User) -> Account:
    """Return a user as the database of users has them."""
    return Account("alice", user.uid, user.gid, "/home/alice", (user.gid,))


def test_systemd_says_where_the_services_places_are() -> None:
    """Without it, they are where systemd would have made them."""
    found = places.of_service({"STATE_DIRECTORY": "/s", "RUNTIME_DIRECTORY": "/r"})
    assert (found.database, found.keys, found.control) == ("/s/state.db", "/s/keys", "/r/control")
    assert places.of_service({}).database == "/var/lib/cscd/state.db"


def test_a_user_alone_has_everything_in_the_own_state_directory() -> None:
    """And the socket where no other user comes."""
    found = places.of_user("/home/a/.local/state/cscd", {"XDG_RUNTIME_DIR": "/run/user/1"})
    assert found.control == "/run/user/1/cscd/control"
    assert found.of_user(Account("a", 1, 1, "/home/a", ())) == "/home/a/.local/state/cscd"
    assert places.of_user("/s", {"XDG_RUNTIME_DIR": "relative"}).control == "/s/control"


def test_what_systemd_did_not_make_is_made(tmp_path: Path) -> None:
    """Users can pass through the service's state, and see its socket; of a user alone both are private."""
    for own, modes in ((False, (0o711, 0o755)), (True, (0o700, 0o700))):
        found = places.Places(str(tmp_path / f"s{own}"), str(tmp_path / f"r{own}"), own=own)
        found.prepare()
        found.prepare()
        paths = (found.state, found.runtime)
        assert tuple(os.stat(path).st_mode & 0o7777 for path in paths) == modes


@pytest.mark.root
def test_each_user_gets_a_directory_of_their_own(tmp_path: Path, alice: User) -> None:
    """Nobody else comes into it, and it is there the next time."""
    found = places.Places(str(tmp_path), str(tmp_path), own=False)
    path = found.of_user(account(alice))
    status = os.stat(path)
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (alice.uid, alice.gid, 0o700)
    assert found.of_user(account(alice)) == path


@pytest.mark.root
def test_it_takes_no_right_to_what_is_the_users(tmp_path: Path, alice: User) -> None:
    """Root without capabilities, which may not look into the directory, finds it the next time."""
    found = places.Places(str(tmp_path), str(tmp_path), own=False)
    path = found.of_user(account(alice))
    again = forks.call(lambda: found.of_user(account(alice)), first=kernel.clear_capabilities)
    assert again == path


@pytest.mark.root
def test_a_start_that_was_killed_in_between_is_completed(tmp_path: Path, alice: User) -> None:
    """The directory was made and not handed over."""
    found = places.Places(str(tmp_path), str(tmp_path), own=False)
    (tmp_path / "users" / str(alice.uid)).mkdir(parents=True, mode=0o700)
    assert os.stat(found.of_user(account(alice))).st_uid == alice.uid


@pytest.mark.root
def test_what_is_somebody_elses_or_open_to_others_is_not_used(
    tmp_path: Path, alice: User, mallory: User
) -> None:
    """Nor is it changed."""
    found = places.Places(str(tmp_path), str(tmp_path), own=False)
    path = found.of_user(account(alice))
    os.chown(path, mallory.uid, mallory.gid)
    with pytest.raises(PermissionError):
        found.of_user(account(alice))
    os.chown(path, alice.uid, alice.gid)
    os.chmod(path, 0o755)  # noqa: S103 - that is what is to be refused
    with pytest.raises(PermissionError):
        found.of_user(account(alice))


@pytest.mark.root
def test_a_link_in_place_of_the_directory_leads_nowhere(tmp_path: Path, alice: User) -> None:
    """What it leads to does not change hands."""
    found = places.Places(str(tmp_path), str(tmp_path), own=False)
    (tmp_path / "users").mkdir()
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "users" / str(alice.uid)).symlink_to(target)
    with pytest.raises(OSError, match="directory"):
        found.of_user(account(alice))
    assert target.stat().st_uid == 0
