"""The machine key: from the credential, else from a file that is made once."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.errors import KeyFileError
from cscd.keys import machine_key
from cscd.keys.machine import MachineKey
from tests.support import forks
from tests.support.users import User

NAME = "cscd.machine-key"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Say where the file is to be made."""
    return tmp_path / "machine.key"


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """Give a directory as systemd makes it, with the credential."""
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / NAME).touch(0o600)
    (directory / NAME).write_text(X25519Identity.generate().encode())
    (directory / NAME).chmod(0o400)
    return directory


def from_file(file: Path) -> MachineKey:
    """Get the key as a service without a credential does."""
    return machine_key(None, NAME, str(file))


def test_the_file_is_made_at_the_first_start(file: Path) -> None:
    """It is an age identity file of root's alone, and the next start finds it."""
    first, second = from_file(file), from_file(file)
    assert (first.made, second.made) == (True, False)
    assert first.source == second.source == str(file)
    assert first.identity.recipient == second.identity.recipient
    assert file.stat().st_mode & 0o7777 == 0o600
    assert file.read_text().splitlines()[2] == first.identity.encode()


def test_the_credential_comes_first(credentials: Path, file: Path) -> None:
    """The file is neither used nor made where systemd handed over a key."""
    found = machine_key(str(credentials), NAME, str(file))
    assert found.source == str(credentials / NAME)
    assert found.identity.encode() == (credentials / NAME).read_text()
    assert not file.exists()


def test_a_credential_of_another_name_is_none(credentials: Path, file: Path) -> None:
    """The service may have been given others."""
    assert machine_key(str(credentials), "cscd.other", str(file)).source == str(file)


def test_a_damaged_credential_is_not_replaced_by_a_file(credentials: Path, file: Path) -> None:
    """Everything is wrapped to it: another key would open nothing."""
    (credentials / NAME).chmod(0o600)
    (credentials / NAME).write_text("AGE-SECRET-KEY-1NOTHING")
    with pytest.raises(KeyFileError, match="line 1") as caught:
        machine_key(str(credentials), NAME, str(file))
    assert (caught.value.reason, caught.value.path) == ("damaged", str(credentials / NAME))
    assert "NOTHING" not in repr(caught.value)
    assert not file.exists()


def test_none_is_made_where_something_is_wrapped_already(file: Path) -> None:
    """The caller knows, and the error says what to do."""
    with pytest.raises(KeyFileError, match="restore it from a backup") as caught:
        machine_key(None, NAME, str(file), may_make=False)
    assert (caught.value.reason, caught.value.path) == ("missing", str(file))
    assert not file.exists()


def test_one_that_is_there_is_found_where_none_may_be_made(file: Path) -> None:
    """Which is every start but the first."""
    made = from_file(file)
    again = machine_key(None, NAME, str(file), may_make=False)
    assert again.identity.recipient == made.identity.recipient
    assert not again.made


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"age1nothing\n"])
def test_a_damaged_file_is_refused_and_stays(file: Path, content: bytes) -> None:
    """It may be what is left of the only key."""
    file.touch(0o600)
    file.write_bytes(content)
    with pytest.raises(KeyFileError) as caught:
        from_file(file)
    assert caught.value.reason == "damaged"
    assert file.read_bytes() == content


def test_two_identities_are_not_a_machine_key(file: Path) -> None:
    """Which of them wraps would be a guess."""
    file.touch(0o600)
    file.write_text("".join(f"{X25519Identity.generate().encode()}\n" for _ in range(2)))
    with pytest.raises(KeyFileError, match="2 identities") as caught:
        from_file(file)
    assert caught.value.reason == "damaged"


def test_one_that_others_can_read_is_refused(file: Path) -> None:
    """They could read every user's key."""
    from_file(file)
    file.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600") as caught:
        from_file(file)
    assert caught.value.reason == "readable_by_others"


@pytest.mark.root
def test_one_of_somebody_else_is_refused(file: Path, mallory: User) -> None:
    """The owner could have put it there."""
    from_file(file)
    os.chown(file, mallory.uid, mallory.gid)
    with pytest.raises(KeyFileError, match="another user") as caught:
        from_file(file)
    assert caught.value.reason == "wrong_owner"


def test_a_link_is_refused(file: Path, tmp_path: Path) -> None:
    """Whoever could place one could choose the key."""
    from_file(tmp_path / "other")
    file.symlink_to("other")
    with pytest.raises(KeyFileError, match="symbolic link") as caught:
        from_file(file)
    assert caught.value.reason == "not_regular"


def test_none_is_made_where_others_can_write(tmp_path: Path) -> None:
    """They could have put theirs there before."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with pytest.raises(KeyFileError, match="chmod go-w") as caught:
        from_file(shared / "machine.key")
    assert caught.value.reason == "readable_by_others"
    assert not list(shared.iterdir())


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    """It is not made: systemd makes the service's, and any other is the administrator's."""
    with pytest.raises(KeyFileError, match="No such file") as caught:
        from_file(tmp_path / "nowhere" / "machine.key")
    assert (caught.value.reason, caught.value.path) == ("missing", str(tmp_path / "nowhere"))


def test_two_starters_end_with_one_key(file: Path) -> None:
    """Everybody uses the one that came first, and nothing else is left."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: from_file(file), range(32)))
    assert len({each.identity.encode() for each in found}) == 1
    assert sum(each.made for each in found) == 1
    assert os.listdir(file.parent) == [file.name]


def test_a_full_disk_is_told_with_its_number(file: Path) -> None:
    """For the log."""

    def refuse() -> None:
        def full(_fd: int, _data: bytes) -> int:
            raise OSError(28, "ENOSPC")

        os.write = full  # type: ignore[assignment] # in a fork of its own

    with pytest.raises(KeyFileError, match="No space left") as caught:
        forks.call(lambda: from_file(file), first=refuse)
    assert (caught.value.reason, caught.value.errno) == ("unwritable", 28)


def test_the_secret_is_in_no_representation(file: Path) -> None:
    """As logs and debuggers print it."""
    assert "SECRET" not in repr(from_file(file))
