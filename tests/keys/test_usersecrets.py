"""Changes of a user's keys: what they leave, what they refuse, and that nothing is lost by them."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cscd.age import HybridIdentity, X25519Identity, key_id
from cscd.errors import PassphraseError
from cscd.keys import MachineKey, Passphrase, Protector, UserKey, UserKeys, UserSecrets, export_text
from cscd.keys.wrapping import wrap
from tests.keys.subject import UID, add, contents, no_change, refusal
from tests.support import requires

NEW = Passphrase(b"battery staple")


def test_it_is_made_once(secrets: UserSecrets, keys: UserKeys, machine: MachineKey, path: Path) -> None:
    """The second time finds the first one's; another user has another."""
    first, made = secrets.make(machine)
    assert made
    assert secrets.make(machine) == (first, False)
    assert keys.current(UID) == first
    assert UserSecrets(str(path), UID + 1).make(machine)[0] != first


def test_the_files_are_root_s_alone_and_named_by_the_key(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, path: Path
) -> None:
    """Nothing else is in the directory."""
    key, _ = secrets.make(machine, passphrase)
    directory = path / str(UID)
    assert {each.name for each in directory.iterdir()} == {
        "current",
        f"{key.key_id}.age",
        f"{key.key_id}.passphrase.age",
        f"{key.key_id}.pub",
    }
    assert {each.stat().st_mode & 0o7777 for each in directory.iterdir()} == {0o600}
    assert directory.stat().st_mode & 0o7777 == directory.parent.stat().st_mode & 0o7777 == 0o700
    assert key.key_id == key_id(key.recipient)


def test_many_at_once_end_with_one(secrets: UserSecrets, keys: UserKeys, machine: MachineKey) -> None:
    """Everybody gets the one that encrypts."""
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: secrets.make(machine), range(16)))
    assert {each for each, _ in found} == {keys.current(UID)}
    assert sum(made for _, made in found) == 1
    assert len(keys.listed(UID)) == 1


def test_keys_that_cannot_be_made_are_an_error_of_theirs(tmp_path: Path, machine: MachineKey) -> None:
    """With the number of the error, for the log."""
    error = refusal(lambda: UserSecrets(str(tmp_path / "nowhere" / "keys"), UID).make(machine))
    assert (error.reason, error.errno) == ("unwritable", 2)


def test_a_key_needs_something_that_wraps_it(secrets: UserSecrets) -> None:
    """Anything else is a mistake of the caller."""
    with pytest.raises(ValueError, match="wraps it"):
        secrets.make()


def test_another_passphrase_takes_the_place_of_the_old_one(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey
) -> None:
    """On all keys that are not retired; the old one opens nothing any more."""
    new = secrets.rotate(machine)
    first = secrets.protect(passphrase, secrets.unlock(machine))
    assert set(first.key_ids) == {key.key_id, new.key_id}
    assert (first.key_ids[0], first.left, first.work_factor) == (new.key_id, (), 2)
    changed = secrets.protect(NEW, secrets.unlock(passphrase))
    assert changed == first
    assert len(secrets.unlock(NEW)) == len(secrets.unlock(machine)) == 2
    with pytest.raises(PassphraseError):
        secrets.unlock(passphrase)


def test_a_key_that_is_not_at_hand_keeps_its_wrappings(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey
) -> None:
    """It is named, so that it can be told."""
    secrets.protect(passphrase, secrets.unlock(machine))
    new = secrets.rotate(machine, passphrase)
    done = secrets.protect(NEW, secrets.unlock(machine)[:1])
    assert (done.key_ids, done.left) == ((new.key_id,), (key.key_id,))
    assert len(secrets.unlock(NEW, passphrase)) == 2


def test_an_identity_that_is_not_the_user_s_is_not_put_there(
    secrets: UserSecrets, passphrase: Passphrase, key: UserKey, directory: Path
) -> None:
    """That would be an import."""
    before = contents(directory)
    done = secrets.protect(passphrase, [X25519Identity.generate()])
    assert (done.key_ids, done.left) == ((), (key.key_id,))
    assert contents(directory) == before


def test_a_retired_key_keeps_its_wrappings(
    secrets: UserSecrets, keys: UserKeys, machine: MachineKey, passphrase: Passphrase, key: UserKey
) -> None:
    """Whatever becomes of the others."""
    secrets.rotate(machine)
    keys.retire(UID, key.key_id)
    secrets.protect(passphrase, secrets.unlock(machine, retired=True))
    secrets.unprotect(Protector.MACHINE, passphrase)
    assert keys.listed(UID)[1].protectors == (Protector.MACHINE,)


def test_what_a_dead_maker_left_gets_its_public_half(
    secrets: UserSecrets, keys: UserKeys, machine: MachineKey, directory: Path
) -> None:
    """So that it can be listed, and retired."""
    left = X25519Identity.generate()
    add(directory, f"{key_id(left.recipient)}.age", wrap(left, machine, lambda: 2))
    secrets.protect(machine, secrets.unlock(machine))
    assert [each.key.recipient for each in keys.listed(UID)][1:] == [left.recipient]


@pytest.mark.parametrize("protector", Protector)
def test_a_wrapping_is_removed_when_another_one_opens(
    secrets: UserSecrets,
    keys: UserKeys,
    machine: MachineKey,
    passphrase: Passphrase,
    protector: Protector,
) -> None:
    """From all keys; what stays opens them."""
    old, _ = secrets.make(machine, passphrase)
    new = secrets.rotate(machine, passphrase)
    opener = machine if protector is Protector.PASSPHRASE else passphrase
    assert set(secrets.unprotect(protector, machine, passphrase)) == {old.key_id, new.key_id}
    assert {each.protectors for each in keys.listed(UID)} == {(opener.protector,)}
    assert len(secrets.unlock(opener)) == 2
    assert secrets.unprotect(protector, opener) == ()


def test_the_last_wrapping_stays(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, key: UserKey, directory: Path
) -> None:
    """Also that of an older key, and where nobody shows that the other one opens."""
    before = contents(directory)
    for openers in ((), (machine,), (passphrase,)):
        error = no_change(lambda openers=openers: secrets.unprotect(Protector.MACHINE, *openers))  # type: ignore[misc] # bound now
        assert error.reason == "last_protector"
    assert contents(directory) == before
    secrets.rotate(machine, passphrase)
    before = contents(directory)
    assert no_change(lambda: secrets.unprotect(Protector.MACHINE, passphrase)).reason == "last_protector"
    assert contents(directory) == before
    assert key.key_id


def test_a_wrapping_stays_where_the_other_one_does_not_open(
    secrets: UserSecrets, machine: MachineKey, passphrase: Passphrase, path: Path
) -> None:
    """Be the passphrase wrong, or the file damaged."""
    key, _ = secrets.make(machine, passphrase)
    before = contents(path)
    with pytest.raises(PassphraseError):
        secrets.unprotect(Protector.MACHINE, NEW)
    assert contents(path) == before
    (path / str(UID) / f"{key.key_id}.age").write_bytes(b"garbage")
    assert refusal(lambda: secrets.unprotect(Protector.PASSPHRASE, machine)).reason == "damaged"
    assert len(secrets.unlock(passphrase)) == 1


def test_a_rotation_has_a_new_key_encrypt_and_keeps_the_old_one(
    secrets: UserSecrets, keys: UserKeys, machine: MachineKey, passphrase: Passphrase, key: UserKey
) -> None:
    """The new one comes first, under all the wrappers."""
    secrets.protect(passphrase, secrets.unlock(machine))
    new = secrets.rotate(machine, passphrase)
    assert new != key
    assert keys.current(UID) == new
    for opener in (machine, passphrase):
        assert [each.recipient for each in secrets.unlock(opener)] == [new.recipient, key.recipient]


def test_a_new_key_is_not_put_under_a_mistyped_passphrase(
    secrets: UserSecrets, passphrase: Passphrase, path: Path
) -> None:
    """It would be one that the user does not know."""
    secrets.make(passphrase)
    before = contents(path)
    for call in (
        lambda: secrets.rotate(NEW),
        lambda: secrets.adopt(X25519Identity.generate().encode().encode(), NEW),
    ):
        with pytest.raises(PassphraseError):
            call()
    assert contents(path) == before


def test_who_has_no_key_has_nothing_to_rotate_or_to_protect(
    secrets: UserSecrets, machine: MachineKey, path: Path
) -> None:
    """Neither makes one."""
    assert no_change(lambda: secrets.rotate(machine)).reason == "no_key"
    assert no_change(lambda: secrets.protect(machine, [])).reason == "no_key"
    assert no_change(lambda: secrets.unprotect(Protector.MACHINE, NEW)).reason == "no_key"
    assert not path.exists()


def test_an_imported_identity_encrypts_and_older_ones_stay(
    secrets: UserSecrets, keys: UserKeys, machine: MachineKey, key: UserKey
) -> None:
    """As age-keygen writes it, with its comments; the second time it is there already."""
    identity = X25519Identity.generate()
    text = b"# created: today\n# public key: age1...\n" + identity.encode().encode() + b"\n"
    adopted, new = secrets.adopt(text, machine)
    assert new
    assert adopted.recipient == identity.recipient
    assert keys.current(UID) == adopted
    assert [each.recipient for each in secrets.unlock(machine)] == [identity.recipient, key.recipient]
    assert secrets.adopt(text, machine) == (adopted, False)
    assert secrets.adopt(export_text(secrets.unlock(machine)[1:]), machine) == (key, False)
    assert keys.current(UID) == key


def test_an_import_can_be_a_user_s_first_key(
    secrets: UserSecrets, keys: UserKeys, passphrase: Passphrase
) -> None:
    """As on a new computer."""
    identity = X25519Identity.generate()
    adopted, _ = secrets.adopt(identity.encode().encode(), passphrase)
    assert keys.current(UID) == adopted
    assert secrets.unlock(passphrase)[0].recipient == identity.recipient


def test_an_import_brings_back_a_lost_private_half(
    secrets: UserSecrets, keys: UserKeys, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """And a retired key."""
    text = export_text(secrets.unlock(machine))
    (directory / f"{key.key_id}.age").unlink()
    assert refusal(lambda: keys.current(UID)).reason == "missing"
    assert secrets.adopt(text, machine) == (key, False)
    assert keys.current(UID) == key
    secrets.rotate(machine)
    keys.retire(UID, key.key_id)
    secrets.adopt(text, machine)
    assert keys.current(UID) == key
    secrets.rotate(machine)
    keys.retire(UID, key.key_id)
    assert [each.key for each in keys.listed(UID) if each.retired] == [key]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# nothing\n",
        b"AGE-SECRET-KEY-1NOTHING\n",
        b"age-encryption.org/v1\n-> scrypt",
        b"\0" * 70_000,
        str(X25519Identity.generate().recipient).encode(),
        HybridIdentity.generate().encode().encode(),
        export_text([X25519Identity.generate(), X25519Identity.generate()]),
    ],
    ids=["nothing", "comment", "garbage", "encrypted", "too-long", "recipient", "hybrid", "two"],
)
def test_what_does_not_fit_is_not_imported(
    secrets: UserSecrets, machine: MachineKey, path: Path, text: bytes
) -> None:
    """Nothing of it is told, and no directory is made for it."""
    error = no_change(lambda: secrets.adopt(text, machine))
    assert error.reason == "does_not_fit"
    assert "NOTHING" not in repr(error)
    assert not path.exists()


def test_another_user_s_identity_is_not_imported(
    secrets: UserSecrets, keys: UserKeys, machine: MachineKey, key: UserKey, path: Path
) -> None:
    """Not one that is retired either, nor the key of the machine."""
    other = UserSecrets(str(path), UID + 1)
    text = export_text(secrets.unlock(machine))
    assert no_change(lambda: other.adopt(text, machine)).reason == "does_not_fit"
    secrets.rotate(machine)
    keys.retire(UID, key.key_id)
    assert no_change(lambda: other.adopt(text, machine)).reason == "does_not_fit"
    assert no_change(lambda: other.adopt(export_text([machine.identity]), machine)).reason == "does_not_fit"
    assert keys.current(UID + 1) is None


def test_age_reads_an_export(secrets: UserSecrets, machine: MachineKey, key: UserKey, tmp_path: Path) -> None:
    """And opens with it what was encrypted to any of its keys, the current one first."""
    requires.command("age", "age-keygen")
    new = secrets.rotate(machine)
    exported = tmp_path / "exported.key"
    exported.touch(0o600)
    exported.write_bytes(export_text(secrets.unlock(machine)))
    listed = subprocess.run(["age-keygen", "-y", exported], capture_output=True, check=True).stdout
    assert listed.decode().split() == [str(new.recipient), str(key.recipient)]
    for each in (new, key):
        sealed = subprocess.run(
            ["age", "-r", str(each.recipient)], input=b"held", capture_output=True, check=True
        )
        opened = subprocess.run(
            ["age", "-d", "-i", exported], input=sealed.stdout, capture_output=True, check=True
        )
        assert opened.stdout == b"held"


def test_what_a_killed_writer_left_is_removed_by_the_next(
    secrets: UserSecrets, machine: MachineKey, key: UserKey, directory: Path
) -> None:
    """And nothing else."""
    add(directory, f".{key.key_id}.passphrase.age-0123456789abcdef", b"half")
    add(directory, ".note", b"an administrator's")
    secrets.rotate(machine)
    assert not [each for each in directory.iterdir() if each.name.endswith("0123456789abcdef")]
    assert (directory / ".note").exists()
