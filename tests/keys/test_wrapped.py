"""The identities of users: made in an order that loses none, opened by the machine key, refused in doubt."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cscd.age import X25519Identity, key_id
from cscd.errors import KeyFileError
from cscd.keys import MachineKey, UserKey, UserKeys, any_wrapped
from cscd.keys.wrapping import wrap
from tests.support import requires
from tests.support.users import User

UID = 1000


@pytest.fixture
def machine() -> MachineKey:
    """Give a machine key."""
    return MachineKey(X25519Identity.generate(), "/nowhere")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Say where the keys are to be."""
    return tmp_path / "keys"


@pytest.fixture
def keys(path: Path, machine: MachineKey) -> UserKeys:
    """Give the keys of a service that has none yet."""
    return UserKeys(str(path), machine)


@pytest.fixture
def key(keys: UserKeys) -> UserKey:
    """Give a user's key, made now."""
    return keys.keep(UID)[0]


@pytest.fixture
def directory(path: Path, key: UserKey) -> Path:
    """Give the directory of a user who has that key."""
    assert (path / str(UID) / f"{key.key_id}.age").exists()
    return path / str(UID)


def refusal(call: Callable[[], object]) -> KeyFileError:
    """Return what a call is refused with."""
    with pytest.raises(KeyFileError) as caught:
        call()
    return caught.value


def test_a_user_has_none_before_it_is_made(keys: UserKeys, path: Path) -> None:
    """Looking makes none, and no directory either."""
    assert keys.current(UID) is None
    assert keys.unlock(UID) == ()
    assert not path.exists()


def test_it_is_made_once(keys: UserKeys) -> None:
    """The second time finds the first one's; another user has another."""
    first, made = keys.keep(UID)
    assert made
    assert keys.keep(UID) == (first, False)
    assert keys.current(UID) == first
    assert keys.keep(UID + 1)[0] != first


def test_the_files_are_root_s_alone_and_named_by_the_key(key: UserKey, directory: Path) -> None:
    """Nothing else is in the directory."""
    assert {each.name for each in directory.iterdir()} == {
        "current",
        f"{key.key_id}.age",
        f"{key.key_id}.pub",
    }
    assert {each.stat().st_mode & 0o7777 for each in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o7777 == directory.parent.stat().st_mode & 0o7777 == 0o700
    assert key.key_id == key_id(key.recipient)


def test_the_machine_key_opens_it(keys: UserKeys, key: UserKey) -> None:
    """The identity is the one that the public half belongs to."""
    (identity,) = keys.unlock(UID)
    assert identity.recipient == key.recipient


def test_age_opens_it(machine: MachineKey, key: UserKey, directory: Path, tmp_path: Path) -> None:
    """The formats are age's own, all the way: no cscd is needed to get at a user's identity."""
    requires.command("age", "age-keygen")
    machine_file = tmp_path / "machine.key"
    machine_file.write_text(machine.identity.encode())
    plain = subprocess.run(
        ["age", "--decrypt", "--identity", machine_file, directory / f"{key.key_id}.age"],
        capture_output=True,
        check=True,
    ).stdout
    recipient = subprocess.run(["age-keygen", "-y"], input=plain, capture_output=True, check=True).stdout
    assert recipient == (directory / "current").read_bytes()


def test_encrypting_needs_no_secret(path: Path, key: UserKey) -> None:
    """A service without its machine key goes on with what was made before."""
    without = UserKeys(str(path), None)
    assert without.current(UID) == key
    assert without.keep(UID) == (key, False)


@pytest.mark.parametrize("what", ["keep", "unlock"])
def test_without_the_machine_key_nothing_is_made_or_unlocked(path: Path, what: str) -> None:
    """The error says that it is the machine's."""
    assert refusal(lambda: getattr(UserKeys(str(path), None), what)(UID)).reason == "no_machine_key"
    assert not path.exists()


def test_another_machine_key_opens_nothing(path: Path, key: UserKey) -> None:
    """Which is told apart from damage; encrypting goes on."""
    other = UserKeys(str(path), MachineKey(X25519Identity.generate(), "/nowhere"))
    assert refusal(lambda: other.unlock(UID)).reason == "no_machine_key"
    assert other.current(UID) == key


def test_all_identities_are_unlocked_the_current_one_first(
    keys: UserKeys, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """Those that a rotation left, and those that a maker who died left before it was to be used."""
    older = [X25519Identity.generate() for _ in range(5)]
    for each in older:
        add(directory, f"{key_id(each.recipient)}.age", wrap(each, machine.identity.recipient))
    found = keys.unlock(UID)
    assert found[0].recipient == key.recipient
    assert {each.recipient for each in found[1:]} == {each.recipient for each in older}


def test_another_wrapping_beside_is_not_the_machine_s(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """A passphrase's is opened by the passphrase; with it alone the key still encrypts."""
    add(directory, f"{key.key_id}.passphrase.age", b"age-encryption.org/v1\n")
    assert len(keys.unlock(UID)) == 1
    (directory / f"{key.key_id}.age").unlink()
    assert keys.current(UID) == key
    assert keys.unlock(UID) == ()


def test_many_at_once_end_with_one(keys: UserKeys) -> None:
    """Everybody gets the one that encrypts."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: keys.keep(UID), range(16)))
    assert {each for each, _ in found} == {keys.current(UID)}
    assert sum(made for _, made in found) == 1


def test_no_key_encrypts_whose_private_half_is_gone(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """Nor is another one made: that would hide the loss."""
    (directory / f"{key.key_id}.age").unlink()
    for call in (keys.current, keys.keep):
        error = refusal(lambda call=call: call(UID))  # type: ignore[misc] # bound now
        assert (error.reason, error.path) == ("missing", str(directory / f"{key.key_id}.age"))


def test_a_private_half_that_holds_nothing_is_none(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """As filesystems leave files of which only the name was saved."""
    os.truncate(directory / f"{key.key_id}.age", 0)
    assert refusal(lambda: keys.current(UID)).reason == "missing"


def test_a_swapped_recipient_does_not_encrypt(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """Its pair is not complete."""
    (directory / "current").write_text(f"{X25519Identity.generate().recipient}\n")
    assert refusal(lambda: keys.current(UID)).reason == "missing"
    (directory / "current").write_text(f"{key.recipient}\n")
    (directory / f"{key.key_id}.pub").write_text(f"{X25519Identity.generate().recipient}\n")
    assert refusal(lambda: keys.current(UID)).reason == "swapped"
    assert refusal(lambda: keys.unlock(UID)).reason == "swapped"


def test_a_swapped_private_half_is_caught_at_unlock(
    keys: UserKeys, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """It opens, but it is another key's."""
    other = wrap(X25519Identity.generate(), machine.identity.recipient)
    (directory / f"{key.key_id}.age").write_bytes(other)
    assert refusal(lambda: keys.unlock(UID)).reason == "swapped"


@pytest.mark.parametrize("cut", [1, 50, 150, 250])
def test_a_truncated_private_half_is_damaged(keys: UserKeys, key: UserKey, directory: Path, cut: int) -> None:
    """Wherever it ends."""
    os.truncate(directory / f"{key.key_id}.age", cut)
    error = refusal(lambda: keys.unlock(UID))
    assert (error.reason, error.path) == ("damaged", str(directory / f"{key.key_id}.age"))


def test_what_is_wrapped_must_be_one_identity(
    keys: UserKeys, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """Anything else is damage, and is not shown."""
    requires.command("age")
    sealed = subprocess.run(
        ["age", "--encrypt", "--recipient", str(machine.identity.recipient)],
        input=b"AGE-SECRET-KEY-1NOTHING",
        capture_output=True,
        check=True,
    ).stdout
    (directory / f"{key.key_id}.age").write_bytes(sealed)
    error = refusal(lambda: keys.unlock(UID))
    assert error.reason == "damaged"
    assert "NOTHING" not in repr(error)


def test_one_bad_file_does_not_lock_the_others(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """Where the caller wants to be told of it instead."""
    add(directory, f"{'0' * 16}.age", b"garbage")
    told: list[KeyFileError] = []
    (identity,) = keys.unlock(UID, told.append)
    assert identity.recipient == key.recipient
    assert [(each.reason, each.path) for each in told] == [("damaged", str(directory / f"{'0' * 16}.age"))]
    assert refusal(lambda: keys.unlock(UID)).reason == "damaged"


@pytest.mark.parametrize("name", ["current", "KEYID.pub", "KEYID.age"])
def test_a_file_that_others_can_read_is_refused(
    keys: UserKeys, key: UserKey, directory: Path, name: str
) -> None:
    """Also the public ones: we make them otherwise, so somebody else was at work."""
    path = directory / name.replace("KEYID", key.key_id)
    path.chmod(0o604)
    error = refusal(lambda: keys.unlock(UID))
    assert (error.reason, error.path) == ("readable_by_others", str(path))


@pytest.mark.parametrize("name", ["current", "KEYID.pub", "KEYID.age"])
def test_a_link_is_refused(keys: UserKeys, key: UserKey, directory: Path, tmp_path: Path, name: str) -> None:
    """Even to the file itself."""
    path = directory / name.replace("KEYID", key.key_id)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert refusal(lambda: (keys.current(UID), keys.unlock(UID))).reason in {"not_regular", "missing"}


@pytest.mark.root
@pytest.mark.parametrize("name", ["", "current", "KEYID.pub", "KEYID.age"])
def test_what_belongs_to_somebody_else_is_refused(
    keys: UserKeys, key: UserKey, directory: Path, mallory: User, name: str
) -> None:
    """Whoever owns it can change it."""
    path = directory / name.replace("KEYID", key.key_id) if name else directory
    os.chown(path, mallory.uid, mallory.gid)
    error = refusal(lambda: keys.unlock(UID))
    assert (error.reason, error.path) == ("wrong_owner", str(path))


def test_a_directory_that_others_can_look_into_is_refused(keys: UserKeys, directory: Path) -> None:
    """The refusal says what to do."""
    directory.chmod(0o750)
    error = refusal(lambda: keys.current(UID))
    assert error.reason == "readable_by_others"
    assert f"chmod 700 {directory}" in str(error)


def test_a_directory_that_is_a_link_is_refused(keys: UserKeys, directory: Path, tmp_path: Path) -> None:
    """For looking and for making alike."""
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(tmp_path / "elsewhere")
    assert refusal(lambda: keys.current(UID)).reason == "not_regular"
    assert refusal(lambda: keys.keep(UID)).reason == "not_regular"


def test_keys_that_cannot_be_made_are_an_error_of_theirs(tmp_path: Path, machine: MachineKey) -> None:
    """With the number of the error, for the log."""
    error = refusal(lambda: UserKeys(str(tmp_path / "nowhere" / "keys"), machine).keep(UID))
    assert (error.reason, error.errno) == ("unwritable", 2)


def test_it_is_known_whether_any_is_wrapped(path: Path, keys: UserKeys) -> None:
    """So that no other machine key is made where one is needed."""
    assert not any_wrapped(str(path))
    path.mkdir(0o700)
    (path / "1").mkdir(0o700)
    assert not any_wrapped(str(path))
    keys.keep(UID)
    assert any_wrapped(str(path))


def test_what_cannot_be_looked_into_may_hold_one(path: Path) -> None:
    """Of a directory that must not be used nobody knows."""
    path.mkdir(0o700)
    (path / "1").mkdir(0o700)
    (path / "1").chmod(0o755)
    assert any_wrapped(str(path))
    (path / "1").rmdir()
    path.rmdir()
    path.touch()
    assert any_wrapped(str(path))


def test_no_secret_is_in_the_files_or_in_a_representation(
    keys: UserKeys, key: UserKey, directory: Path, machine: MachineKey
) -> None:
    """But wrapped."""
    (identity,) = keys.unlock(UID)
    held = b"".join(each.read_bytes() for each in directory.iterdir())
    assert b"SECRET" not in held
    assert "SECRET" not in f"{key!r} {identity!r} {keys!r} {machine!r}"


def add(directory: Path, name: str, content: bytes) -> None:
    """Put a file among the keys as we would have."""
    (directory / name).touch(0o600)
    (directory / name).write_bytes(content)
