"""What is known of users' keys without their secrets, and how a pair is put away."""

import os
from pathlib import Path

import pytest

from cscd.age import X25519Identity
from cscd.errors import KeyFileError
from cscd.keys import (
    ListedKey,
    MachineKey,
    Passphrase,
    Protector,
    UserKey,
    UserKeys,
    UserSecrets,
    any_wrapped,
)
from tests.keys.subject import UID, add, contents, no_change, refusal
from tests.support.users import User

MACHINE, PASSPHRASE = Protector.MACHINE, Protector.PASSPHRASE


def listed(key: UserKey, *protectors: Protector, retired: bool = False) -> ListedKey:
    """Return how the key that encrypts is listed, or a retired one; passphrases cost little here."""
    work_factor = 2 if PASSPHRASE in protectors else None
    return ListedKey(
        key=key, current=not retired, retired=retired, protectors=protectors, work_factor=work_factor
    )


def test_a_user_has_none_before_it_is_made(keys: UserKeys, secrets: UserSecrets, path: Path) -> None:
    """Looking makes none, and no directory either."""
    assert keys.current(UID) is None
    assert keys.listed(UID) == ()
    assert secrets.unlock() == ()
    assert not path.exists()


def test_encrypting_needs_no_secret(keys: UserKeys, key: UserKey) -> None:
    """A service without its machine key goes on with what was made before."""
    assert keys.current(UID) == key


def test_no_key_encrypts_whose_private_half_is_gone(
    keys: UserKeys, secrets: UserSecrets, key: UserKey, directory: Path, machine: MachineKey
) -> None:
    """Nor is another one made: that would hide the loss."""
    (directory / f"{key.key_id}.age").unlink()
    for error in (refusal(lambda: keys.current(UID)), refusal(lambda: secrets.make(machine))):
        assert (error.reason, error.path) == ("missing", str(directory / f"{key.key_id}.age"))


def test_a_private_half_that_holds_nothing_is_none(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """As filesystems leave files of which only the name was saved."""
    os.truncate(directory / f"{key.key_id}.age", 0)
    assert refusal(lambda: keys.current(UID)).reason == "missing"


def test_another_wrapping_will_do(
    keys: UserKeys,
    secrets: UserSecrets,
    passphrase: Passphrase,
    machine: MachineKey,
    key: UserKey,
    directory: Path,
) -> None:
    """With the passphrase's alone the key still encrypts."""
    secrets.protect(passphrase, secrets.unlock(machine))
    (directory / f"{key.key_id}.age").unlink()
    assert keys.current(UID) == key
    assert secrets.unlock(machine) == ()


def test_a_swapped_recipient_does_not_encrypt(
    keys: UserKeys, secrets: UserSecrets, key: UserKey, directory: Path, machine: MachineKey
) -> None:
    """Its pair is not complete."""
    (directory / "current").write_text(f"{X25519Identity.generate().recipient}\n")
    assert refusal(lambda: keys.current(UID)).reason == "missing"
    (directory / "current").write_text(f"{key.recipient}\n")
    (directory / f"{key.key_id}.pub").write_text(f"{X25519Identity.generate().recipient}\n")
    assert refusal(lambda: keys.current(UID)).reason == "swapped"
    assert refusal(lambda: secrets.unlock(machine)).reason == "swapped"
    assert refusal(lambda: keys.listed(UID)).reason == "swapped"


def test_a_directory_that_others_can_look_into_is_refused(keys: UserKeys, directory: Path) -> None:
    """The refusal says what to do."""
    directory.chmod(0o750)
    error = refusal(lambda: keys.current(UID))
    assert error.reason == "readable_by_others"
    assert f"chmod 700 {directory}" in str(error)


def test_a_directory_that_is_a_link_is_refused(
    keys: UserKeys, secrets: UserSecrets, directory: Path, tmp_path: Path, machine: MachineKey
) -> None:
    """For looking and for making alike."""
    directory.rename(tmp_path / "elsewhere")
    directory.symlink_to(tmp_path / "elsewhere")
    assert refusal(lambda: keys.current(UID)).reason == "not_regular"
    assert refusal(lambda: secrets.make(machine)).reason == "not_regular"


def test_a_key_is_listed_with_what_opens_it(
    keys: UserKeys, secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey
) -> None:
    """And with the work that its passphrase costs."""
    assert keys.listed(UID) == (listed(key, MACHINE),)
    secrets.protect(passphrase, secrets.unlock(machine))
    assert keys.listed(UID) == (listed(key, MACHINE, PASSPHRASE),)


def test_the_current_one_is_listed_first_and_retired_ones_last(
    keys: UserKeys, secrets: UserSecrets, machine: MachineKey, key: UserKey
) -> None:
    """Whatever their ids."""
    others = [secrets.rotate(machine) for _ in range(4)]
    keys.retire(UID, key.key_id)
    found = keys.listed(UID)
    assert found[0].key == others[-1]
    assert {each.key.key_id for each in found[1:4]} == {each.key_id for each in others[:-1]}
    assert found[4] == listed(key, MACHINE, retired=True)
    assert [each.current for each in found] == [True, False, False, False, False]


def test_a_pair_without_a_public_half_is_not_listed(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """Its maker died before anybody could encrypt to it."""
    add(directory, f"{'0' * 16}.age", b"")
    assert [each.key for each in keys.listed(UID)] == [key]


def test_what_cannot_be_used_does_not_protect(
    keys: UserKeys,
    secrets: UserSecrets,
    machine: MachineKey,
    passphrase: Passphrase,
    key: UserKey,
    directory: Path,
) -> None:
    """It is told, and the rest is listed."""
    secrets.protect(passphrase, secrets.unlock(machine))
    damaged, exposed = directory / f"{key.key_id}.passphrase.age", directory / f"{key.key_id}.age"
    damaged.write_bytes(exposed.read_bytes())
    exposed.chmod(0o644)
    told: list[KeyFileError] = []
    assert keys.listed(UID, told.append) == (listed(key),)
    assert [(each.reason, each.path) for each in told] == [
        ("readable_by_others", str(exposed)),
        ("damaged", str(damaged)),
    ]
    assert refusal(lambda: keys.listed(UID)).reason == "readable_by_others"


def test_a_retired_pair_is_moved_as_it_is(
    keys: UserKeys,
    secrets: UserSecrets,
    machine: MachineKey,
    passphrase: Passphrase,
    key: UserKey,
    directory: Path,
) -> None:
    """Byte for byte, into a directory as closed as the other; doing it again changes nothing."""
    secrets.protect(passphrase, secrets.unlock(machine))
    before = {name: held for name, held in contents(directory).items() if key.key_id in name}
    assert len(before) == 3
    secrets.rotate(machine, passphrase)
    for _ in range(2):
        keys.retire(UID, key.key_id)
        after = contents(directory)
        assert {name: after[f"retired/{name}"] for name in before} == before
        assert not before.keys() & after.keys()
    assert (directory / "retired").stat().st_mode & 0o7777 == 0o700


def test_a_retired_key_opens_on_request(
    keys: UserKeys, secrets: UserSecrets, machine: MachineKey, key: UserKey
) -> None:
    """And not otherwise."""
    new = secrets.rotate(machine)
    keys.retire(UID, key.key_id)
    assert [each.recipient for each in secrets.unlock(machine)] == [new.recipient]
    opened = secrets.unlock(machine, retired=True)
    assert [each.recipient for each in opened] == [new.recipient, key.recipient]


def test_the_key_that_encrypts_is_not_retired(keys: UserKeys, key: UserKey, directory: Path) -> None:
    """Nor one that is not there."""
    before = contents(directory)
    assert no_change(lambda: keys.retire(UID, key.key_id)).reason == "is_current"
    assert no_change(lambda: keys.retire(UID, "0" * 16)).reason == "no_key"
    assert no_change(lambda: keys.retire(UID + 1, key.key_id)).reason == "no_key"
    assert contents(directory) == before


def test_it_is_known_whether_any_is_wrapped(
    path: Path, keys: UserKeys, secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase
) -> None:
    """So that no other machine key is made where one is needed, be it for a retired one."""
    assert not any_wrapped(str(path))
    path.mkdir(0o700)
    (path / "1").mkdir(0o700)
    assert not any_wrapped(str(path))
    old, _ = secrets.make(passphrase)
    assert not any_wrapped(str(path))
    secrets.protect(machine, secrets.unlock(passphrase))
    assert any_wrapped(str(path))
    secrets.rotate(passphrase)
    keys.retire(UID, old.key_id)
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


@pytest.mark.root
def test_a_directory_of_retired_keys_that_is_somebody_else_s_is_refused(
    keys: UserKeys, secrets: UserSecrets, machine: MachineKey, key: UserKey, directory: Path, mallory: User
) -> None:
    """Nothing is put there."""
    secrets.rotate(machine)
    (directory / "retired").mkdir(0o700)
    os.chown(directory / "retired", mallory.uid, mallory.gid)
    assert refusal(lambda: keys.retire(UID, key.key_id)).reason == "wrong_owner"
    assert len(secrets.unlock(machine)) == 2
    told: list[KeyFileError] = []
    assert (
        len(keys.listed(UID, told.append))
        == len(secrets.unlock(machine, refused=told.append, retired=True))
        == 2
    )
    assert [(each.reason, each.path) for each in told] == [("wrong_owner", str(directory / "retired"))] * 2
